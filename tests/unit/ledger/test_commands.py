"""The audit finds the last trading state."""

from datetime import timedelta

import msgspec

from keter.domain.trading import (
    CommandAction,
    OperatorCommand,
    TradingMode,
    TradingState,
)
from keter.ledger import Ledger
from tests.kit.execution import NOW


async def test_the_last_trading_state_survives_commands_that_change_nothing(ledger: Ledger) -> None:
    paused = TradingState(TradingMode.PAUSED, "anna", "lunch", NOW, NOW + timedelta(hours=1), 7)

    def row(n: int, action: CommandAction, after: TradingState | None) -> OperatorCommand:
        at = NOW + timedelta(seconds=n)
        return OperatorCommand(
            f"c{n}", action, "anna", "cli", "trading", "why", at, True, "done", None, after
        )

    assert await ledger.commands.last_trading() is None
    await ledger.commands.add(row(1, CommandAction.PAUSE, paused))
    await ledger.commands.add(row(2, CommandAction.ACKNOWLEDGE, None))
    lowered = msgspec.structs.replace(
        row(3, CommandAction.SET_LIMIT, None), value_before="50", value_after="20"
    )
    await ledger.commands.add(lowered)
    assert await ledger.commands.last_trading() == paused
    assert [command.command_id for command in await ledger.commands.recent()] == ["c3", "c2", "c1"]
    assert (await ledger.commands.recent(1)) == [lowered]
