"""Restores what Redis may have lost from the audit: trading state, lowered limits, disarmings.

A Redis that died comes back without its last second, or empty, but the audit has the commands. If
the two differ, the stricter one is applied. No limit is raised and no account is armed here.

The ledger also gives the losses in a row, for a book that was lost and for a bet that was regraded.
"""

from datetime import datetime
from decimal import Decimal

from keter.bus.errors import StaleRevisionError
from keter.bus.state.permissions import Arming, disarm, read_arming, restore_limits
from keter.bus.state.trading import change_trading, read_trading
from keter.context import Context
from keter.domain.limits import parse_limit
from keter.domain.streaks import STREAK, Results
from keter.domain.trading import (
    CommandAction,
    ExecutionMode,
    OperatorCommand,
    TradingMode,
    TradingState,
)
from keter.ledger import Ledger

ACTOR = "guard"
RECENT_COMMANDS = 200
_DISARMING = frozenset({CommandAction.DISARM, CommandAction.HALT})


async def catch_up(context: Context, ledger: Ledger) -> None:
    """Set trading state, limits and arming to what was last commanded.

    Raises the errors of bus and ledger.
    """
    await _trading(context, ledger)
    await lower_limits(context, ledger)
    for account in context.accounts:
        await _arming(context, ledger, account)


async def lower_limits(context: Context, ledger: Ledger) -> None:
    """Set each account's limits to the amounts last commanded, unless they are lower already."""
    known: dict[str, dict[str, Decimal]] = {account: {} for account in context.accounts}
    for command in await ledger.commands.recent(
        RECENT_COMMANDS, actions=frozenset({CommandAction.SET_LIMIT})
    ):
        account, name, amount = parse_limit(command.target)
        for whose in [account] if account else context.accounts:
            known.get(whose, {}).setdefault(name, amount)
    for account, limits in known.items():
        await restore_limits(context.bus, account, limits)


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


async def _arming(context: Context, ledger: Ledger, account: str) -> None:
    """Disarm the account if a disarming or a halt came after its arming.

    The halt may have been commanded without Redis.
    """
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
    """Return the disarmings and halts after ``arming``, by the order of the audit."""
    later = await ledger.commands.after(arming.command, _DISARMING)
    if later is not None:
        return later
    # The audit does not know this arming, so it has no place in that order: its time decides.
    recent = await ledger.commands.recent(RECENT_COMMANDS, actions=_DISARMING)
    return [command for command in recent if command.at > arming.at]


def still_valid(last: TradingState | None, now: datetime) -> TradingState:
    """Return ``last``, or ACTIVE if there was no command or its pause has ended."""
    if last is None:
        return TradingState(TradingMode.ACTIVE, ACTOR, "first start", now)
    if last.mode is TradingMode.PAUSED and last.effective(now) is TradingMode.ACTIVE:
        return TradingState(
            TradingMode.ACTIVE, ACTOR, f"pause ended: {last.reason}", now, revision=last.revision
        )
    return last


async def last_streak_pause(ledger: Ledger) -> datetime | None:
    """Return when the guard last paused for a losing streak; losses before that do not count."""
    pauses = await ledger.commands.recent(RECENT_COMMANDS, actions=frozenset({CommandAction.PAUSE}))
    return next(
        (one.at for one in pauses if one.source == ACTOR and one.reason.startswith(STREAK)), None
    )


async def results_since_pause(ledger: Ledger, mode: ExecutionMode, account: str) -> Results:
    """Return the account's bets settled since that pause, the newest first."""
    return await ledger.last_results(mode, account, since=await last_streak_pause(ledger))
