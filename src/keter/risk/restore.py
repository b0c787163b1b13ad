"""What the audit knows and Redis may have forgotten: the last word on trading, lowered limits,
permissions taken back.

A Redis that died comes back without its last second, or without anything. A command stands in the
ledger then; where the two differ, the stricter holds. Raising a limit or arming is never done from
here.
"""

from datetime import datetime
from decimal import Decimal

from keter.bus.errors import StaleRevisionError
from keter.bus.state.permissions import Arming, disarm, read_arming, restore_limits
from keter.bus.state.trading import change_trading, read_trading
from keter.context import Context
from keter.domain.trading import CommandAction, OperatorCommand, TradingMode, TradingState
from keter.ledger import Ledger

ACTOR = "guard"
RECENT_COMMANDS = 200
_TAKING_BACK = frozenset({CommandAction.DISARM, CommandAction.HALT})


async def catch_up(context: Context, ledger: Ledger) -> None:
    """Brings trading state, limits and arming to what was last commanded.

    Raises bus and ledger errors.
    """
    await _trading(context, ledger)
    await lower_limits(context, ledger)
    await _arming(context, ledger)


async def lower_limits(context: Context, ledger: Ledger) -> None:
    """Each limit to the wish of its name that the audit wrote last, unless it stands lower."""
    known: dict[str, Decimal] = {}
    for command in await ledger.commands.recent(
        RECENT_COMMANDS, actions=frozenset({CommandAction.SET_LIMIT})
    ):
        name, _, value = command.target.partition("=")
        known.setdefault(name, Decimal(value))
    await restore_limits(context.bus, known)


async def _trading(context: Context, ledger: Ledger) -> None:
    now = context.clock.now()
    state = (await read_trading(context.bus, now)).state
    last = await ledger.commands.last_trading()
    if state is None or last is None or last.revision <= state.revision:
        return
    wanted = still_valid(last, now)
    context.log.warning(
        "trading_state_caught_up", mode=wanted.mode.value, actor=wanted.actor, reason=wanted.reason
    )
    try:
        await change_trading(context.bus, wanted, expected_revision=state.revision, now=now)
    except StaleRevisionError:
        context.log.info("trading_state_set_meanwhile")


async def _arming(context: Context, ledger: Ledger) -> None:
    """A permission followed by a disarming of its account, or by a halt (perhaps said without
    Redis), is gone.
    """
    account = context.settings.venue.ao_user
    arming = await read_arming(context.bus, account, context.run.mark)
    if arming is None:
        return
    for command in await _after(arming, ledger):
        if command.action is CommandAction.HALT or command.target == account:
            context.log.warning(
                "arming_taken_back",
                account=account,
                command=command.command_id,
                action=command.action.value,
            )
            await disarm(context.bus, account)
            return


async def _after(arming: Arming, ledger: Ledger) -> list[OperatorCommand]:
    """What took permissions back after ``arming``, by the order of the audit.

    One that the audit does not know has no place in that order: the clock decides there.
    """
    later = await ledger.commands.after(arming.command, _TAKING_BACK)
    if later is not None:
        return later
    recent = await ledger.commands.recent(RECENT_COMMANDS, actions=_TAKING_BACK)
    return [command for command in recent if command.at > arming.at]


def still_valid(last: TradingState | None, now: datetime) -> TradingState:
    """``last``, or ACTIVE when nobody ever said anything or a pause has ended since."""
    if last is None:
        return TradingState(TradingMode.ACTIVE, ACTOR, "first start", now)
    if last.mode is TradingMode.PAUSED and last.effective(now) is TradingMode.ACTIVE:
        return TradingState(
            TradingMode.ACTIVE, ACTOR, f"pause ended: {last.reason}", now, revision=last.revision
        )
    return last
