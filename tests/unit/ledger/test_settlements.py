"""Settlements come back as they were written."""

from keter.domain.order_states import OrderState
from keter.ledger import Ledger, SettlementRow
from tests.kit.execution import NOW
from tests.kit.ledger_contract import put_in


async def test_settlements_keep_both_opinions(ledger: Ledger) -> None:
    await put_in(ledger, OrderState.FILLED)
    row = SettlementRow(
        "i1",
        NOW,
        OrderState.WON,
        1200,
        OrderState.HALF_WON,
        600,
        agrees=False,
        evidence={"final": [[2, 1]]},
    )
    await ledger.settlements.add(row)
    assert await ledger.settlements.of("i1") == [row]
