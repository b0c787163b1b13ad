"""Foreign tickets are new once, then open until they end."""

from datetime import timedelta

from keter.domain.tickets import Ticket, TicketStatus
from keter.domain.trading import (
    ExecutionMode,
)
from keter.ledger import Ledger
from tests.kit.execution import ACCOUNT, NOW, TOTALS


async def test_a_foreign_ticket_is_new_once(ledger: Ledger) -> None:
    live = ExecutionMode.LIVE
    ticket = Ticket(
        "by-hand",
        "61",
        "PIN",
        TicketStatus.RUNNING,
        "2.0",
        500,
        0,
        NOW,
        TOTALS,
        None,
        "A",
        "B",
        "L",
        None,
    )
    assert await ledger.foreign.put(ACCOUNT, live, ticket, at=NOW)
    assert not await ledger.foreign.put(ACCOUNT, live, ticket, at=NOW + timedelta(seconds=1))
    [row] = await ledger.foreign.open(ACCOUNT, live)
    assert (row.first_seen_at, row.updated_at, row.selection_id) == (
        NOW,
        NOW + timedelta(seconds=1),
        None,
    )
    await ledger.foreign.mark_void(ACCOUNT, live, row.ticket_key, at=NOW)
    assert await ledger.foreign.open(ACCOUNT, live) == []
