"""Bets go to money only in LIVE."""

import subprocess
import sys
from pathlib import Path

import pytest

from keter.bus.connection import absent
from keter.clock import ManualClock
from keter.opening.stores import open_settings_ledger
from keter.opening.venues import open_account, open_bet_venue
from keter.system.machine import MB, answer_mb, memory_bytes
from keter.venues.asianodds.factory import Stores
from keter.venues.asianodds.venue import AsianOddsVenue
from keter.venues.paper.gateway import PaperGateway
from tests.kit.execution import NOW, settings_for
from tests.kit.local_stores import LocalStores


def test_opening_a_price_source_alone_loads_no_sql() -> None:
    code = "import sys, keter.opening.venues; print('sqlalchemy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "False", run.stderr


@pytest.mark.parametrize(("mode", "kind"), [("DRY", PaperGateway), ("LIVE", AsianOddsVenue)])
async def test_dry_bets_go_to_the_paper_gateway_and_nowhere_else(
    tmp_path: Path, mode: str, kind: type[object]
) -> None:
    settings, clock = settings_for(tmp_path, EXECUTION_MODE=mode), ManualClock(NOW)
    ledger = await open_settings_ledger(settings, clock=clock)
    venue = open_bet_venue(settings, settings.account, absent("not asked"), ledger, clock)
    assert type(venue) is kind
    await venue.aclose()
    await ledger.aclose()


async def test_the_size_of_an_answer_is_the_settings_or_the_machines(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    local = LocalStores(clock.monotonic)
    for names, most in (
        ({"MAX_ANSWER_MB": 1.5}, 1_500_000),
        ({}, int(answer_mb(0, memory_bytes()) * MB)),
    ):
        settings = settings_for(tmp_path, **names)
        opened = open_account(
            settings, settings.account, Stores(local, local, local), clock, owner=True
        )
        assert opened.venue._client._transport._max_body_bytes == most
        await opened.aclose()
