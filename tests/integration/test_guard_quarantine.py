"""Rows of the venue that were set aside count into the caps of the guard that approves."""

import dataclasses
from pathlib import Path

import msgspec
import pytest

from keter.domain.tickets import Ticket
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.foreign_tickets import ForeignTickets
from keter.execution.reconcile.unreadable_rows import UnreadableRows
from keter.ledger import UnstorableRowError
from keter.venues.asianodds.limits import CAPABILITY
from tests.integration.test_guard import Desk, desk
from tests.kit.execution import ACCOUNT, a_signal, a_ticket, an_event
from tests.kit.workbench import context_on

pytestmark = pytest.mark.redis
BY_HAND = a_ticket(stake_minor=98_500)
NO_RESULT = msgspec.structs.replace(BY_HAND, unreadable="a result beyond belief")
NO_STAKE = msgspec.structs.replace(
    BY_HAND, unreadable="a stake beyond belief", stake_known=False, stake_minor=0
)


class Tracking:
    """The part of a tracker that sets rows aside, on the guard's Redis and ledger."""

    def __init__(self, here: Desk) -> None:
        context = dataclasses.replace(
            context_on(here.bus, here.settings, "tracker"), clock=here.clock
        )
        alarms = Alarms(here.bus, here.ledger, ACCOUNT)
        self.unreadable = UnreadableRows(context, here.ledger, alarms)
        self.foreign = ForeignTickets(
            context,
            here.ledger,
            alarms,
            ACCOUNT,
            self.unreadable.refuse,
            CAPABILITY.reference_form,
        )

    async def see(self, *rows: Ticket) -> None:
        """One pass over a list that shows these rows."""
        await self.foreign.see(self.unreadable.take(rows))
        await self.unreadable.report(self.foreign, frozenset())


@pytest.mark.parametrize("row", [NO_RESULT, NO_STAKE], ids=["stake-known", "stake-unknown"])
async def test_the_guard_counts_a_row_that_was_set_aside_into_its_caps(
    redis_url: str, tmp_path: Path, row: Ticket
) -> None:
    """A total of 1000.00, of which the row takes 985.00, or more than anybody can tell: a stake of
    10.00 fits once.
    """
    async with desk(redis_url, tmp_path, MAX_EXPOSURE_LEAGUE=1000) as here:
        tracking = Tracking(here)
        await tracking.see(row)
        first, _ = await here.ask(a_signal(event=an_event("One")))
        second, _ = await here.ask(a_signal(event=an_event("Two")))
        assert (first, second) == (
            ("guard:ok", "guard:exposure_total")
            if row.stake_known
            else ("guard:exposure_total",) * 2
        )
        await tracking.see()
        if not row.stake_known:
            assert (await here.ask(a_signal(event=an_event("Two"))))[0] == "guard:ok", (
                "gone from the list, it counts no more"
            )


async def test_the_guard_counts_a_row_that_the_ledger_refused(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(redis_url, tmp_path, MAX_EXPOSURE_LEAGUE=1000) as here:

        async def refused(*args: object, **names: object) -> bool:
            raise UnstorableRowError("a made-up rule")

        monkeypatch.setattr(here.ledger.foreign, "put", refused)
        await Tracking(here).see(BY_HAND)
        assert (await here.ask(a_signal(event=an_event("One"))))[0] == "guard:ok"
        assert (await here.ask(a_signal(event=an_event("Two"))))[0] == "guard:exposure_total"
