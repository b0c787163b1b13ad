"""The guard and the runs: what it takes over from an earlier one, what it does not, and a ledger
that was replaced.
"""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from keter.bus.locks import Lease
from keter.bus.state.ownership import claim
from keter.bus.state.permissions import arm, read_arming
from keter.bus.state.risk import RiskBook
from keter.bus.telemetry.alerts import read_alerts
from keter.clock import ManualClock
from keter.domain.exposure import Terms
from keter.domain.order_states import OrderState
from keter.domain.runs import OwnerRecord, Run
from keter.domain.trading import CommandAction
from keter.opening.stores import open_settings_ledger
from keter.processes.guard import Guard
from keter.risk.gate import as_exposure
from keter.settings import Settings
from keter.supervision.run import single
from tests.integration.test_guard import TODAY, Desk, fund, placed
from tests.kit.execution import ACCOUNT, NOW, licence, settings_for
from tests.kit.execution import approved as an_approval
from tests.kit.workbench import context_on, opened

pytestmark = pytest.mark.redis
S = OrderState


@asynccontextmanager
async def in_run(url: str, settings: Settings, run: Run) -> AsyncIterator[Desk]:
    """Return a guard that works for ``run``, which owns the Redis."""
    clock = ManualClock(NOW)
    async with opened(url) as bus:
        assert await claim(bus, OwnerRecord(run, NOW)) is None
        bus.run_id = run.run_id
        context = dataclasses.replace(context_on(bus, settings, "guard"), clock=clock, run=run)
        ledger = await open_settings_ledger(settings, clock=clock)
        try:
            async with Lease(bus, "guard", 10, "guard") as lease:
                assert await lease.acquire(context.stop)
                guard = Guard(context, ledger, lease)
                await guard.start()
                await fund(bus, settings, NOW)
                yield Desk(guard, bus, ledger, clock, settings, lease)
        finally:
            await ledger.aclose()


def a_run(settings: Settings, run_id: str, ledger_id: str = "l") -> Run:
    return msgspec.structs.replace(
        single(settings), run_id=run_id, instance_id="i", ledger_id=ledger_id
    )


async def test_the_book_of_another_run_is_made_anew_and_its_approvals_leave_nothing_behind(
    redis_url: str, tmp_path: Path
) -> None:
    """A DRY run's reservations and day must not count in the LIVE run that follows it on the same
    Redis, nor the other way.
    """
    settings = settings_for(tmp_path)
    first, second = a_run(settings, "one"), a_run(settings, "two")
    async with in_run(redis_url, settings, first) as here:
        _, approved = await here.ask()
        assert approved is not None
        assert approved.run == first.mark
        assert len((await RiskBook(here.bus, ACCOUNT).read()).exposures) == 1
    async with in_run(redis_url, settings, second) as here:
        state = await RiskBook(here.bus, ACCOUNT).read()
        assert (state.exposures, state.run) == ((), second.mark.text)
        assert not await RiskBook(here.bus, ACCOUNT, run=first.mark.text).convert(
            approved.decision_id, day=TODAY
        )
        _, again = await here.ask()
        assert again is not None
        assert not await RiskBook(here.bus, ACCOUNT, run=first.mark.text).convert(
            again.decision_id, day=TODAY
        )
        assert await RiskBook(here.bus, ACCOUNT, run=second.mark.text).convert(
            again.decision_id, day=TODAY
        )


LIVE_NAMES = {
    "EXECUTION_MODE": "LIVE",
    "MAX_STAKE": 50,
    "MAX_EXPOSURE_EVENT": 100,
    "MAX_EXPOSURE_LEAGUE": 500,
    "MAX_EXPOSURE_DAY": 1000,
    "MAX_EXPOSURE_TOTAL": 1000,
    "DAILY_LOSS_LIMIT_UNITS": 14,
}


@pytest.mark.parametrize("how", ["another ledger", "an older copy", "the same"])
async def test_a_replaced_ledger_disarms_live_and_says_so_until_it_is_armed_again(
    redis_url: str, tmp_path: Path, how: str
) -> None:
    settings = settings_for(tmp_path, **LIVE_NAMES, **licence())
    account, approved = settings.account.key, an_approval()
    async with in_run(redis_url, settings, a_run(settings, "one")) as here:
        await arm(here.bus, account, "ops", NOW, a_run(settings, "one").mark)
        book, held = (
            RiskBook(here.bus, ACCOUNT, clock=here.clock, run=a_run(settings, "one").mark.text),
            here.lease.held,
        )
        assert held is not None
        ends = NOW + timedelta(seconds=60)
        exposure = msgspec.structs.replace(
            as_exposure(approved.signal, 1000, Terms(), approved.decision_id), expires_at=ends
        )
        assert await book.reserve(exposure, revision=(await book.read()).revision, lease=held)
        assert await book.convert(approved.decision_id, day=TODAY)
        if how != "an older copy":
            await placed(here, "a", S.FILLED, approved)
    again = a_run(settings, "two", "other" if how == "another ledger" else "l")
    async with in_run(redis_url, settings, again) as here:
        alert_id = f"ledger-replaced:{account}"
        alerts = {alert.id: alert for alert in await read_alerts(here.bus)}
        assert (alert_id in alerts) == (how != "the same")
        if how == "the same":
            return
        assert alerts[alert_id].level == "page"
        assert await read_arming(here.bus, account, again.mark) is None
        assert [row.action for row in await here.ledger.commands.recent()] == [CommandAction.DISARM]
        await here.later(1)
        assert [alert.id for alert in await read_alerts(here.bus)] == [alert_id], (
            "it stands while nobody armed"
        )
        await arm(here.bus, account, "ops", NOW + timedelta(seconds=2), again.mark)
        await here.later(1)
        assert await read_alerts(here.bus) == []
        assert await read_arming(here.bus, account, again.mark) is not None
