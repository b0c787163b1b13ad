"""What the settings name is opened where they say; bets go to money only in LIVE."""

import subprocess
import sys
from pathlib import Path

import pytest

from keter.bus.connection import absent
from keter.clock import ManualClock
from keter.errors import ConfigurationError
from keter.opening import (
    ledger_is_shared,
    ledger_may_exist,
    ledger_url,
    local_ledger,
    open_account,
    open_bet_venue,
    open_settings_ledger,
)
from keter.settings import Settings, load_settings
from keter.system.machine import MB, answer_mb, memory_bytes
from keter.venues.asianodds.factory import Stores
from keter.venues.asianodds.venue import AsianOddsVenue
from keter.venues.paper.gateway import PaperGateway
from tests.kit.execution import NOW, settings_for
from tests.kit.local_stores import LocalStores

SERVER = "postgresql://keter:secret@db/keter"


def settings(folder: Path, url: str = "") -> Settings:
    return load_settings(None, {"DATA_DIR": str(folder), "LEDGER_URL": url})


async def test_without_an_address_the_ledger_is_a_file_of_the_data_folder(tmp_path: Path) -> None:
    conf = settings(tmp_path)
    assert local_ledger(conf) == tmp_path / "ledger.db"
    assert not ledger_is_shared(conf)
    assert not ledger_may_exist(conf)
    ledger = await open_settings_ledger(conf, clock=ManualClock(NOW))
    await ledger.aclose()
    assert ledger_may_exist(conf)


def test_a_server_is_shared_and_may_hold_a_ledger(tmp_path: Path) -> None:
    conf = settings(tmp_path, SERVER)
    assert ledger_url(conf) == SERVER
    assert local_ledger(conf) is None
    assert ledger_is_shared(conf)
    assert ledger_may_exist(conf)


def test_an_address_of_another_kind_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        local_ledger(settings(tmp_path, "mysql://keter:secret@db/keter"))
    assert "secret" not in str(refused.value)


def test_opening_a_price_source_alone_loads_no_sql() -> None:
    code = "import sys, keter.opening; print('sqlalchemy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "False", run.stderr


@pytest.mark.parametrize(("mode", "kind"), [("DRY", PaperGateway), ("LIVE", AsianOddsVenue)])
async def test_dry_bets_go_to_the_paper_gateway_and_nowhere_else(
    tmp_path: Path, mode: str, kind: type[object]
) -> None:
    settings, clock = settings_for(tmp_path, EXECUTION_MODE=mode), ManualClock(NOW)
    ledger = await open_settings_ledger(settings, clock=clock)
    venue = open_bet_venue(settings, absent("not asked"), ledger, clock)
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
        opened = open_account(
            settings_for(tmp_path, **names), Stores(local, local, local), clock, owner=True
        )
        assert opened.venue._client._transport._max_body_bytes == most
        await opened.aclose()
