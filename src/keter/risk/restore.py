"""Restores what Redis may have lost from the audit: trading states, lowered limits, disarmings.

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
    COMMON,
    CommandAction,
    ExecutionMode,
    OperatorCommand,
    TradingMode,
    TradingState,
    target_of,
)
from keter.ledger import Ledger

ACTOR = "guard"
RECENT_COMMANDS = 200
_DISARMING = frozenset({CommandAction.DISARM, CommandAction.HALT})


async def catch_up(context: Context, ledger: Ledger) -> None:
    """Set trading states, limits and arming to what was last commanded.

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
    await restore_scoped_trading(context, ledger)
    state = (await read_trading(context.bus, context.clock.now())).state
    last = await ledger.commands.last_trading()
    if state is not None and last is not None and last.revision > state.revision:
        await restore_state(context, last, "trading_state_caught_up", state.revision)


async def restore_scoped_trading(context: Context, ledger: Ledger) -> None:
    """Set the trading state of each account to what was last commanded for it alone.

    Those of other accounts too: without the common state none of them bets, and it is restored
    after these.
    """
    known = await ledger.commands.last_scoped_trading()
    view = await read_trading(context.bus, context.clock.now(), sorted(known))
    for scope, last in known.items():
        state = view.of(scope)
        if state is None:
            await restore_state(context, last, "trading_state_restored", 0, scope=scope)
        elif last.revision > state.revision:
            await restore_state(
                context, last, "trading_state_caught_up", state.revision, scope=scope
            )


async def restore_state(
    context: Context, last: TradingState | None, event: str, revision: int, *, scope: str = COMMON
) -> None:
    """Put what is still valid of ``last`` in force, unless the state is not of ``revision``."""
    now = context.clock.now()
    wanted = still_valid(last, now)
    about = {"scope": scope} if scope else {}
    context.log.warning(
        event, mode=wanted.mode.value, actor=wanted.actor, reason=wanted.reason, **about
    )
    try:
        await change_trading(context.bus, wanted, expected_revision=revision, now=now, scope=scope)
    except StaleRevisionError:
        context.log.info("trading_state_set_meanwhile", **about)


async def _arming(context: Context, ledger: Ledger, account: str) -> None:
    """Disarm the account if its disarming, or a halt that holds for it, came after its arming.

    The halt may have been commanded without Redis.
    """
    arming = await read_arming(context.bus, account, context.run.mark)
    if arming is None:
        return
    # The target of a disarming is the account itself.
    concerned = {target_of(COMMON), target_of(account), account}
    for command in await _after(arming, ledger):
        if command.target in concerned:
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


async def last_streak_pause(ledger: Ledger, account: str) -> datetime | None:
    """Return when the guard last paused ``account`` for a losing streak.

    Losses before that do not count. A pause of everything is one of each account.
    """
    pauses = await ledger.commands.recent(RECENT_COMMANDS, actions=frozenset({CommandAction.PAUSE}))
    concerned = {target_of(COMMON), target_of(account)}
    return next(
        (
            one.at
            for one in pauses
            if one.source == ACTOR and one.target in concerned and one.reason.startswith(STREAK)
        ),
        None,
    )


async def results_since_pause(ledger: Ledger, mode: ExecutionMode, account: str) -> Results:
    """Return the account's bets settled since that pause, the newest first."""
    since = await last_streak_pause(ledger, account)
    return await ledger.last_results(mode, account, since=since)
