"""Foreign tickets are new once, then open until they end."""

from datetime import timedelta

from keter.domain.trading import (
    ExecutionMode,
)
from keter.ledger import Ledger
from tests.kit.execution import ACCOUNT, NOW, TOTALS, a_ticket


async def test_a_foreign_ticket_is_new_once(ledger: Ledger) -> None:
    live = ExecutionMode.LIVE
    ticket = a_ticket(market=TOTALS, kickoff=None)
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
