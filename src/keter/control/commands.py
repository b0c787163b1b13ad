"""The command core: what an operator may do to trading, the same for command line, page and
Telegram.

Every command takes effect first and is written to the audit afterwards; a missing ledger never
holds a stop back. ``halt`` needs nothing but the file system: it writes the HALT file before it
tries Redis.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from keter.bus.connection import Bus
from keter.bus.errors import StaleRevisionError
from keter.bus.state.permissions import disarm_all
from keter.bus.state.trading import TradingView, change_trading, read_trading
from keter.clock import Clock, Ids, random_id
from keter.control.arming import ArmingCommands
from keter.control.base import Audit, CommandOutcome, Operator
from keter.control.halt_file import HaltFile
from keter.control.standing import Standing, outlasts, until_text
from keter.control.tending import TendingCommands
from keter.domain.processes import Process
from keter.domain.trading import CommandAction, TradingMode, TradingState
from keter.errors import KeterError, UnavailableError, UsageError
from keter.setting_kinds import YEAR_S

__all__ = ["CommandOutcome", "Control", "Operator"]  # what whoever commands needs
log = structlog.get_logger(__name__)
TRIES = 3
REDIS_TIMEOUT_S = 2.0
LAST_TIMEOUT_S = 1.0
Last = Callable[[], Awaitable[TradingState | None]]


class Control(ArmingCommands, TendingCommands):
    """Commands over one bus (None when Redis is unreachable), one HALT file and, where it is at
    hand, the audit.

    ``last`` reads the last trading state that the audit knows. A new state gets a revision above
    it, also in a Redis that has lost its data: by the revision the ledger tells which of two
    commands was the later one.
    """

    def __init__(
        self,
        bus: Bus | None,
        *,
        halt_file: Path,
        clock: Clock,
        audit: Audit | None,
        ids: Ids = random_id,
        owner: int | None = None,
        last: Last | None = None,
    ) -> None:
        """``owner`` is the user whose Keter it is, where root commands another user's."""
        super().__init__(bus, clock, audit, ids)
        self._halt_file = HaltFile(halt_file, owner)
        self._last = last

    async def standing(self) -> Standing:
        """Read the state; never raises because Redis is away."""
        now = self._clock.now()
        try:
            view = await self._view(now)
        except KeterError as e:
            return Standing(
                None, self._halt_file.present, now, problem=str(e), stops=self._stops(None)
            )
        return Standing(view, self._halt_file.present, now, stops=self._stops(view))

    async def pause(
        self,
        operator: Operator,
        reason: str,
        *,
        for_s: float | None = None,
        revision: int | None = None,
    ) -> CommandOutcome:
        """No new bets until ``for_s`` seconds have passed or somebody resumes.

        A pause that lasts longer stands.

        Raises UsageError while HALTED or for more than a year, StaleRevisionError when the state is
        not of ``revision`` or will not stand still. Over REDUCING it lasts until somebody resumes:
        its end would allow every bet. A pause of the guard's that is made longer stays the guard's,
        so that its end asks for as much as before.
        """
        if for_s is not None and not for_s <= YEAR_S:
            raise UsageError(
                "a pause with an end lasts a year at most; without one it lasts until resumed"
            )
        for tries_left in reversed(range(TRIES)):
            now = self._clock.now()
            before = await self._state(now)
            if before is not None and before.effective(now) is TradingMode.HALTED:
                raise UsageError("trading is halted, which is stronger than a pause; resume first")
            reducing = before is not None and before.effective(now) is TradingMode.REDUCING
            until = now + timedelta(seconds=for_s) if for_s is not None and not reducing else None
            if before is not None and outlasts(before, until, now):
                after = before
                result = (
                    f"paused already by {before.actor} ({before.reason}),"
                    f" {until_text(before.until)}; that stands"
                )
                break
            wanted = TradingState(TradingMode.PAUSED, operator.name, reason, now, until)
            if (
                before is not None
                and before.actor == Process.GUARD.value
                and before.effective(now) is TradingMode.PAUSED
            ):
                longer = f"{before.reason}; made longer by {operator.name}: {reason}"
                wanted = msgspec.structs.replace(wanted, actor=before.actor, reason=longer)
            try:
                after = await self._change(wanted, _expected(revision, before), now)
            except StaleRevisionError:
                if revision is not None or not tries_left:
                    raise
            else:
                why = (
                    " (a pause that ends by itself would end REDUCING)"
                    if reducing and for_s is not None
                    else ""
                )
                result = f"paused {until_text(until)}{why}: no new bets, open bets stay open"
                break
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
        """From now on only bets that do not raise their event's worst case.

        Raises UsageError while HALTED, and while PAUSED unless ``out_of_pause``: either is
        stronger. Raises StaleRevisionError when the state is not of ``revision`` or will not stand
        still.
        """
        for tries_left in reversed(range(TRIES)):
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
            try:
                after = await self._change(wanted, _expected(revision, before), now)
                break
            except StaleRevisionError:
                if revision is not None or not tries_left:
                    raise
                # Somebody changed it this very moment: a pause of theirs was not meant.
                out_of_pause = False
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
        """Stop betting now: HALT file first, then the state. Works without Redis; saying it twice
        is no error.
        """
        now = self._clock.now()
        warnings = self._halt_file.write(now, f"{operator.name} ({operator.source})", reason)
        before = after = None
        try:
            before = await self._state(now)
            after = await self._change(
                TradingState(TradingMode.HALTED, operator.name, reason, now), None, now
            )
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
        """Make trading ACTIVE and removes the HALT file, in that order.

        Raises UnavailableError without Redis, StaleRevisionError when somebody changed the state
        since it was looked at.
        """
        now = self._clock.now()
        before = await self._state(now)
        if self._halt_file.present and (before is None or before.mode is not TradingMode.HALTED):
            # The halt was said without Redis, which still holds the permissions.
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

    async def _state(self, now: datetime) -> TradingState | None:
        return (await self._view(now)).state

    async def _view(self, now: datetime) -> TradingView:
        try:
            return await asyncio.wait_for(read_trading(self._need_bus(), now), REDIS_TIMEOUT_S)
        except TimeoutError as e:
            raise UnavailableError(f"Redis did not answer within {REDIS_TIMEOUT_S:g} s") from e

    async def _change(
        self, wanted: TradingState, revision: int | None, now: datetime
    ) -> TradingState:
        bus = self._need_bus()
        wanted = msgspec.structs.replace(
            wanted, revision=max(wanted.revision, await self._last_revision())
        )
        try:
            change = change_trading(bus, wanted, expected_revision=revision, now=now)
            return await asyncio.wait_for(change, REDIS_TIMEOUT_S)
        except TimeoutError as e:
            raise UnavailableError(f"Redis did not answer within {REDIS_TIMEOUT_S:g} s") from e

    async def _last_revision(self) -> int:
        """0 where the audit cannot say: a command must not wait for it."""
        if self._last is None:
            return 0
        try:
            state = await asyncio.wait_for(self._last(), LAST_TIMEOUT_S)
        except (KeterError, OSError, TimeoutError) as e:
            log.warning("audit_not_read", error=str(e) or type(e).__name__)
            return 0
        return state.revision if state is not None else 0

    def _stops(self, view: TradingView | None) -> tuple[str, ...]:
        found = {
            "the HALT file": self._halt_file.present,
            "GLOBAL_STOP in Redis": view is not None and view.global_stop,
            "trading_enabled=0 in Redis": view is not None and not view.trading_enabled,
        }
        return tuple(name for name, present in found.items() if present)


def _expected(revision: int | None, before: TradingState | None) -> int:
    """The revision that a change is based on: the one looked at, so that nothing said in between is
    undone.
    """
    if revision is not None:
        return revision
    return before.revision if before is not None else 0
