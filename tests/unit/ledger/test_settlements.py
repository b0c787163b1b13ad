"""Settlements come back as they were written."""

from keter.domain.bets import BetState
from keter.ledger import Ledger, SettlementRow
from tests.kit.execution import NOW
from tests.kit.ledger_contract import put_in


async def test_settlements_keep_both_opinions(ledger: Ledger) -> None:
    await put_in(ledger, BetState.RUNNING)
    row = SettlementRow(
        "i1",
        NOW,
        BetState.WON,
        1200,
        BetState.HALF_WON,
        600,
        agrees=False,
        evidence={"final": [[2, 1]]},
    )
    await ledger.settlements.add(row)
    assert await ledger.settlements.of("i1") == [row]
