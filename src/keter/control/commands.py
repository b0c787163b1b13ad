"""The commands of operators, the same for command line, page and Telegram.

Each command takes effect first and is written to the audit afterwards, so a missing ledger never
delays a stop. ``halt`` needs only the file system: it writes the HALT file before it tries Redis.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import msgspec

from keter.bus.errors import StaleRevisionError
from keter.bus.state.permissions import disarm_all
from keter.control.arming import ArmingCommands
from keter.control.base import CommandOutcome, Operator
from keter.control.standing import outlasts, until_text
from keter.control.tending import TendingCommands
from keter.control.trading_state import TradingStateCommander
from keter.domain.processes import Process
from keter.domain.trading import CommandAction, TradingMode, TradingState
from keter.errors import KeterError, UnavailableError, UsageError
from keter.setting_kinds import YEAR_S

# What whoever gives commands needs.
__all__ = ["CommandOutcome", "Control", "Operator"]
# How often a command is tried while others change the state.
TRIES = 3


class Control(TradingStateCommander, ArmingCommands, TendingCommands):
    """All commands, over one bus and one HALT file.

    The commands raise UnavailableError if Redis is needed and does not answer. With ``revision``
    they raise StaleRevisionError if the trading state is of another revision; without it, if the
    state keeps changing.
    """

    async def pause(
        self,
        operator: Operator,
        reason: str,
        *,
        for_s: float | None = None,
        revision: int | None = None,
    ) -> CommandOutcome:
        """Pause new bets until ``for_s`` seconds have passed or somebody resumes.

        A pause that already lasts longer is left as it is. A pause set while REDUCING has no end
        time, because the end of a pause returns to ACTIVE. Raises UsageError while HALTED, and for
        more than a year.
        """
        if for_s is not None and not for_s <= YEAR_S:
            raise UsageError(
                "a pause with an end lasts a year at most; without one it lasts until resumed"
            )
        return await _tried(
            revision, lambda _again: self._pause(operator, reason, for_s=for_s, revision=revision)
        )

    async def _pause(
        self, operator: Operator, reason: str, *, for_s: float | None, revision: int | None
    ) -> CommandOutcome:
        now = self._clock.now()
        before = await self._state(now)
        mode = before.effective(now) if before is not None else None
        if mode is TradingMode.HALTED:
            raise UsageError("trading is halted, which is stronger than a pause; resume first")
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
            after = await self._change(wanted, _expected(revision, before), now)
            endless = reducing and for_s is not None
            why = " (a pause that ends by itself would end REDUCING)" if endless else ""
            result = f"paused {until_text(until)}{why}: no new bets, open bets stay open"
        return await self._done(
            self._row(CommandAction.PAUSE, operator, reason, result, before=before, after=after)
        )

    async def reduce(
        self,
        operator: Operator,
        reason: str,
        *,
        revision: int | None = None,
        out_of_pause: bool = False,
    ) -> CommandOutcome:
        """Allow from now on only bets that do not raise their event's worst case.

        Raises UsageError while HALTED, and while PAUSED unless ``out_of_pause``: either is
        stronger.
        """

        # A pause that somebody set at this very moment is not meant by ``out_of_pause``.
        async def once(again: bool) -> CommandOutcome:
            ends_pause = out_of_pause and not again
            return await self._reduce(operator, reason, revision, out_of_pause=ends_pause)

        return await _tried(revision, once)

    async def _reduce(
        self, operator: Operator, reason: str, revision: int | None, *, out_of_pause: bool
    ) -> CommandOutcome:
        now = self._clock.now()
        before = await self._state(now)
        mode = before.effective(now) if before is not None else None
        if self._halt_file.present or mode is TradingMode.HALTED:
            raise UsageError("trading is halted, which is stronger than reducing; resume first")
        if mode is TradingMode.PAUSED and not out_of_pause:
            raise UsageError(
                "trading is paused, which is stronger than reducing; resume first, or say"
                " `keter reduce`"
            )
        wanted = TradingState(TradingMode.REDUCING, operator.name, reason, now)
        after = await self._change(wanted, _expected(revision, before), now)
        left = self._stops(await self._view(now))
        result = (
            "reducing: only bets that do not raise the worst case of their event; open bets stay"
            " open"
        )
        result = result if not left else f"{result}; still stopped by {', '.join(left)}"
        return await self._done(
            self._row(CommandAction.REDUCE, operator, reason, result, before=before, after=after)
        )

    async def halt(self, operator: Operator, reason: str) -> CommandOutcome:
        """Stop betting now: write the HALT file first, then the state.

        It works without Redis and may be repeated. Raises UnavailableError if neither the file nor
        the state could be written.
        """
        now = self._clock.now()
        warnings = self._halt_file.write(now, f"{operator.name} ({operator.source})", reason)
        before = after = None
        try:
            before = await self._state(now)
            wanted = TradingState(TradingMode.HALTED, operator.name, reason, now)
            after = await self._change(wanted, None, now)
        except KeterError as e:
            why = "it is not reachable" if self._bus is None else str(e)
            if warnings:
                raise UnavailableError(
                    f"nothing was halted: {warnings[0]}, and Redis could not be told ({why})"
                ) from e
            warnings = (f"Redis could not be told ({why}); the HALT file stops the router",)
        result = (
            "halted: no new bets; open bets stay open; `keter resume` ends it, LIVE must be armed"
            " again"
        )
        return await self._done(
            self._row(CommandAction.HALT, operator, reason, result, before=before, after=after),
            warnings,
        )

    async def resume(
        self, operator: Operator, reason: str, *, revision: int | None = None
    ) -> CommandOutcome:
        """Set trading to ACTIVE and then remove the HALT file.

        Raises StaleRevisionError at once if the state has changed since it was read.
        """
        now = self._clock.now()
        before = await self._state(now)
        if self._halt_file.present and (before is None or before.mode is not TradingMode.HALTED):
            # The halt was set without Redis, which still has the armings.
            await disarm_all(self._need_bus())
        wanted = TradingState(TradingMode.ACTIVE, operator.name, reason, now)
        after = await self._change(wanted, _expected(revision, before), now)
        await self._halt_file.remove()
        left = self._stops(await self._view(now))
        result = (
            "running: new bets may be made"
            if not left
            else f"resumed, but still stopped by {', '.join(left)}"
        )
        return await self._done(
            self._row(CommandAction.RESUME, operator, reason, result, before=before, after=after)
        )


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
