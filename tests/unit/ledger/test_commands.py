"""The audit finds the last trading state of everything and of each account."""

from datetime import timedelta

import msgspec

from keter.domain.trading import (
    CommandAction,
    OperatorCommand,
    TradingMode,
    TradingState,
    target_of,
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


async def test_each_scope_has_a_last_state_of_its_own(ledger: Ledger) -> None:
    """The highest revision of a scope counts, whatever other scopes have reached."""

    def row(n: int, target: str, mode: TradingMode, revision: int) -> OperatorCommand:
        state = TradingState(mode, "guard", f"row {n}", NOW, revision=revision)
        return OperatorCommand(
            f"c{n}", CommandAction.PAUSE, "guard", "guard", target, "why", NOW, True, "done",
            after=state,
        )  # fmt: skip

    one, other, longest = "asianodds:one", "sandbox:other", "v" * 24 + ":" + "n" * 71
    assert await ledger.commands.last_scoped_trading() == {}
    rows = [
        row(1, "trading", TradingMode.ACTIVE, 9),
        row(2, target_of(one), TradingMode.PAUSED, 4),
        row(3, target_of(other), TradingMode.HALTED, 1),
        row(4, target_of(one), TradingMode.ACTIVE, 5),
        row(5, target_of(one), TradingMode.HALTED, 3),
        row(6, target_of(longest), TradingMode.PAUSED, 1),
        msgspec.structs.replace(row(7, target_of(one), TradingMode.HALTED, 8), accepted=False),
    ]
    for each in rows:
        await ledger.commands.add(each)
    assert await ledger.commands.last_trading() == rows[0].after
    assert await ledger.commands.last_trading(one) == rows[3].after
    assert await ledger.commands.last_trading("asianodds:nobody") is None
    assert await ledger.commands.last_scoped_trading() == {
        one: rows[3].after,
        other: rows[2].after,
        longest: rows[5].after,
    }
