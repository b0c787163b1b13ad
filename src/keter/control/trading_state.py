"""Reads and changes the trading states for the commands, with a deadline for each answer."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from keter.bus.connection import Bus
from keter.bus.state.trading import TradingView, change_trading, known_scopes, read_trading
from keter.clock import Clock, Ids, random_id
from keter.control.base import Audit, Commander, CommandOutcome, Operator
from keter.control.halt_file import HaltFile
from keter.control.standing import Standing, stop_text, stops_of
from keter.domain.accounts import means
from keter.domain.trading import COMMON, CommandAction, TradingMode, TradingState, target_of
from keter.errors import KeterError, UnavailableError, UsageError

log = structlog.get_logger(__name__)
REDIS_TIMEOUT_S = 2.0
LAST_TIMEOUT_S = 1.0
Last = Callable[[str], Awaitable[TradingState | None]]
T = TypeVar("T")


class TradingStateCommander(Commander):
    """A commander that also has the trading states, the HALT file and the audit's last state.

    ``last`` reads the last trading state of a scope in the audit. A new state gets a revision above
    it, also in a Redis that has lost its data. So the ledger knows which of two commands was the
    later one.
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
        """Take a bus, None if Redis is unreachable. ``owner``: see ``HaltFile``."""
        super().__init__(bus, clock, audit, ids)
        self._halt_file = HaltFile(halt_file, owner)
        self._last = last

    async def standing(self, scope: str = COMMON) -> Standing:
        """Return how trading stands now, with the problem if Redis cannot be asked."""
        now = self._clock.now()
        try:
            view = await self._view(now, scope)
            running = await _in_time(self._running_accounts()) if not scope else ()
        except KeterError as e:
            return Standing(
                None, self._halt_file.present, now, problem=str(e), stops=self._stops(None)
            )
        # Processes that were started singly have no run: their accounts are those with a state.
        accounts = tuple(one.key for one in running) or tuple(view.scoped)
        stops = self._stops(view)
        return Standing(
            view, self._halt_file.present, now, stops=stops, scope=scope, accounts=accounts
        )

    async def named_scope(self, account: str) -> str:
        """Return the scope of the account that is called so; COMMON for an empty text.

        The accounts are those of the run that owns this Redis, then those that have a state of
        their own. Raises UsageError for another name, and if no account is known.
        """
        if not account:
            return COMMON
        running = [one.key for one in await _in_time(self._running_accounts())]
        others = await _in_time(known_scopes(self._need_bus()))
        if not running and not others:
            raise UsageError("no account is known here: nothing runs on this Redis")
        for known in (running, others):
            called = [key for key in known if means(account, key)]
            if len(called) == 1:
                return called[0]
        raise UsageError(
            f"{account} names none of the accounts, or several; say one of"
            f" {', '.join(running or others)}"
        )

    async def _state(self, now: datetime, scope: str = COMMON) -> TradingState | None:
        scopes = [scope] if scope else []
        return (await _in_time(read_trading(self._need_bus(), now, scopes))).of(scope)

    async def _view(self, now: datetime, scope: str = COMMON) -> TradingView:
        """Return what Redis has of ``scope`` and the common state; for COMMON of every scope.

        Raises UnavailableError after REDIS_TIMEOUT_S.
        """
        bus = self._need_bus()
        scopes = [scope] if scope else await _in_time(known_scopes(bus))
        return await _in_time(read_trading(bus, now, scopes))

    async def _change(
        self, wanted: TradingState, revision: int | None, now: datetime, scope: str = COMMON
    ) -> TradingState:
        """Write ``wanted`` and return it with its new revision.

        Raises StaleRevisionError if the state is not of ``revision`` (None writes over any),
        UnavailableError after REDIS_TIMEOUT_S.
        """
        bus = self._need_bus()
        wanted = msgspec.structs.replace(
            wanted, revision=max(wanted.revision, await self._last_revision(scope))
        )
        return await _in_time(
            change_trading(bus, wanted, expected_revision=revision, now=now, scope=scope)
        )

    async def _last_revision(self, scope: str) -> int:
        """Return the revision of the last state in the audit, 0 if it cannot be read."""
        if self._last is None:
            return 0
        try:
            state = await asyncio.wait_for(self._last(scope), LAST_TIMEOUT_S)
        except (KeterError, OSError, TimeoutError) as e:
            # A command must not wait for the ledger.
            log.warning("audit_not_read", error=str(e) or type(e).__name__)
            return 0
        return state.revision if state is not None else 0

    async def _changed(
        self,
        action: CommandAction,
        operator: Operator,
        reason: str,
        result: str,
        before: TradingState | None,
        after: TradingState | None,
        scope: str,
        warnings: tuple[str, ...] = (),
    ) -> CommandOutcome:
        """Write the change of the state of ``scope`` to the audit and return the outcome."""
        said = f"{scope}: {result}" if scope else result
        target = target_of(scope)
        row = self._row(action, operator, reason, said, target=target, before=before, after=after)
        return await self._done(row, warnings)

    async def _end(
        self,
        operator: Operator,
        reason: str,
        action: CommandAction,
        scope: str,
        before: TradingState,
    ) -> CommandOutcome:
        """Set ``scope`` to ACTIVE. Raises StaleRevisionError if its state is not ``before``."""
        now = self._clock.now()
        wanted = TradingState(TradingMode.ACTIVE, operator.name, reason, now)
        after = await self._change(wanted, before.revision, now, scope)
        result = f"ended: {stop_text(scope, before)}"
        return await self._changed(action, operator, reason, result, before, after, scope)

    def _left(
        self, view: TradingView, now: datetime, *, besides: TradingMode | None = None
    ) -> tuple[str, ...]:
        """Return in words what still stops bets, except states of mode ``besides``."""
        states = stops_of(view, COMMON, now).items()
        texts = [stop_text(name, state) for name, state in states if state.mode is not besides]
        return *self._stops(view), *texts

    def _stops(self, view: TradingView | None) -> tuple[str, ...]:
        """Return in words what stops bets besides the trading state."""
        found = {
            "the HALT file": self._halt_file.present,
            "GLOBAL_STOP in Redis": view is not None and view.global_stop,
            "trading_enabled=0 in Redis": view is not None and not view.trading_enabled,
        }
        return tuple(name for name, present in found.items() if present)


async def _in_time(answer: Awaitable[T]) -> T:
    """Return the answer of Redis. Raises UnavailableError after REDIS_TIMEOUT_S."""
    try:
        return await asyncio.wait_for(answer, REDIS_TIMEOUT_S)
    except TimeoutError as e:
        raise UnavailableError(f"Redis did not answer within {REDIS_TIMEOUT_S:g} s") from e
