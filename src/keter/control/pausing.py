"""Pauses and reduces trading, as a whole or on one account."""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from keter.bus.errors import StaleRevisionError
from keter.control.base import CommandOutcome, Operator
from keter.control.standing import outlasts, stops_of, until_text
from keter.control.trading_state import TradingStateCommander
from keter.domain.processes import Process
from keter.domain.trading import COMMON, CommandAction, TradingMode, TradingState
from keter.errors import UsageError
from keter.setting_kinds import YEAR_S

# How often a command is tried while others change the state.
TRIES = 3


class PausingCommands(TradingStateCommander):
    """``pause`` and ``reduce``."""

    async def pause(
        self,
        operator: Operator,
        reason: str,
        *,
        for_s: float | None = None,
        revision: int | None = None,
        account: str = "",
    ) -> CommandOutcome:
        """Pause new bets until ``for_s`` seconds have passed or somebody resumes.

        With ``account`` that account alone is paused, whatever else holds for everything.

        A pause that already lasts longer is left as it is. A pause set while REDUCING has no end
        time, because the end of a pause returns to ACTIVE. Raises UsageError while HALTED, and for
        more than a year.
        """
        if for_s is not None and not for_s <= YEAR_S:
            raise UsageError(
                "a pause with an end lasts a year at most; without one it lasts until resumed"
            )
        scope = await self.named_scope(account)
        return await _tried(
            revision,
            lambda _again: self._pause(
                operator, reason, for_s=for_s, revision=revision, scope=scope
            ),
        )

    async def _pause(
        self,
        operator: Operator,
        reason: str,
        *,
        for_s: float | None,
        revision: int | None,
        scope: str,
    ) -> CommandOutcome:
        now = self._clock.now()
        before = await self._state(now, scope)
        mode = before.effective(now) if before is not None else None
        if mode is TradingMode.HALTED:
            raise UsageError(
                f"{_what(scope)} is halted, which is stronger than a pause; resume first"
            )
        reducing = mode is TradingMode.REDUCING
        until = now + timedelta(seconds=for_s) if for_s is not None and not reducing else None
        if before is not None and outlasts(before, until, now):
            after = before
            result = (
                f"paused already by {before.actor} ({before.reason}),"
                f" {until_text(before.until)}; that stands"
            )
        else:
            wanted = _paused(operator, reason, until, before, now)
            after = await self._change(wanted, _expected(revision, before), now, scope)
            endless = reducing and for_s is not None
            why = " (a pause that ends by itself would end REDUCING)" if endless else ""
            result = f"paused {until_text(until)}{why}: no new bets, open bets stay open"
        return await self._changed(
            CommandAction.PAUSE, operator, reason, result, before, after, scope
        )

    async def reduce(
        self,
        operator: Operator,
        reason: str,
        *,
        revision: int | None = None,
        out_of_pause: bool = False,
        account: str = "",
    ) -> CommandOutcome:
        """Allow from now on only bets that do not raise their event's worst case.

        With ``account`` that holds for that account alone. Without one ``out_of_pause`` ends the
        accounts' own pauses too.

        Raises UsageError while HALTED, and while PAUSED unless ``out_of_pause``: either is
        stronger.
        """
        scope = await self.named_scope(account)

        # A pause that somebody set at this very moment is not meant by ``out_of_pause``.
        async def once(again: bool) -> CommandOutcome:
            ends_pause = out_of_pause and not again
            return await self._reduce(operator, reason, revision, scope, out_of_pause=ends_pause)

        return await _tried(revision, once)

    async def _reduce(
        self,
        operator: Operator,
        reason: str,
        revision: int | None,
        scope: str,
        *,
        out_of_pause: bool,
    ) -> CommandOutcome:
        now = self._clock.now()
        before = await self._state(now, scope)
        mode = before.effective(now) if before is not None else None
        if self._halt_file.present or mode is TradingMode.HALTED:
            raise UsageError(
                f"{_what(scope)} is halted, which is stronger than reducing; resume first"
            )
        if mode is TradingMode.PAUSED and not out_of_pause:
            raise UsageError(
                f"{_what(scope)} is paused, which is stronger than reducing; resume first, or say"
                " `keter reduce`"
            )
        wanted = TradingState(TradingMode.REDUCING, operator.name, reason, now)
        after = await self._change(wanted, _expected(revision, before), now, scope)
        if out_of_pause and not scope:
            # After the change, so that meanwhile no bet is made that REDUCING forbids.
            await self._end_pauses(operator, reason, now)
        left = self._left(await self._view(now, scope), now, besides=TradingMode.REDUCING)
        result = (
            "reducing: only bets that do not raise the worst case of their event; open bets stay"
            " open"
        )
        result = result if not left else f"{result}; still stopped by {', '.join(left)}"
        return await self._changed(
            CommandAction.REDUCE, operator, reason, result, before, after, scope
        )

    async def _end_pauses(self, operator: Operator, reason: str, now: datetime) -> None:
        """End the accounts' own pauses, but none that somebody sets at this very moment."""
        for scope, state in stops_of(await self._view(now), COMMON, now).items():
            if scope and state.mode is TradingMode.PAUSED:
                with contextlib.suppress(StaleRevisionError):
                    await self._end(operator, reason, CommandAction.REDUCE, scope, state)


def _what(scope: str) -> str:
    return scope or "trading"


async def _tried(
    revision: int | None, once: Callable[[bool], Awaitable[CommandOutcome]]
) -> CommandOutcome:
    """Try ``once`` again while others change the state; its argument says if it is tried again.

    Raises StaleRevisionError at once if the command is for one ``revision``.
    """
    for tries in range(TRIES - 1):
        try:
            return await once(tries > 0)
        except StaleRevisionError:
            if revision is not None:
                raise
    return await once(True)


def _paused(
    operator: Operator,
    reason: str,
    until: datetime | None,
    before: TradingState | None,
    now: datetime,
) -> TradingState:
    """Return the state of a pause.

    Extending the guard's pause keeps the guard as its actor, so that its end requires as much proof
    as before.
    """
    wanted = TradingState(TradingMode.PAUSED, operator.name, reason, now, until)
    if (
        before is None
        or before.actor != Process.GUARD.value
        or before.effective(now) is not TradingMode.PAUSED
    ):
        return wanted
    longer = f"{before.reason}; made longer by {operator.name}: {reason}"
    return msgspec.structs.replace(wanted, actor=before.actor, reason=longer)


def _expected(revision: int | None, before: TradingState | None) -> int:
    """Return the revision that a change is based on, so that no other change is undone.

    It is the one that the operator looked at, else that of the state just read; 0 for no state.
    """
    if revision is not None:
        return revision
    return before.revision if before is not None else 0
