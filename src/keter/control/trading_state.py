"""Reads and changes the trading state for the commands, with a deadline for each answer."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from keter.bus.connection import Bus
from keter.bus.state.trading import TradingView, change_trading, read_trading
from keter.clock import Clock, Ids, random_id
from keter.control.base import Audit, Commander
from keter.control.halt_file import HaltFile
from keter.control.standing import Standing
from keter.domain.trading import TradingState
from keter.errors import KeterError, UnavailableError

log = structlog.get_logger(__name__)
REDIS_TIMEOUT_S = 2.0
LAST_TIMEOUT_S = 1.0
Last = Callable[[], Awaitable[TradingState | None]]


class TradingStateCommander(Commander):
    """A commander that also has the trading state, the HALT file and the audit's last state.

    ``last`` reads the last trading state in the audit. A new state gets a revision above it, also
    in a Redis that has lost its data. So the ledger knows which of two commands was the later one.
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

    async def standing(self) -> Standing:
        """Return how trading stands now, with the problem if Redis cannot be asked."""
        now = self._clock.now()
        try:
            view = await self._view(now)
        except KeterError as e:
            return Standing(
                None, self._halt_file.present, now, problem=str(e), stops=self._stops(None)
            )
        return Standing(view, self._halt_file.present, now, stops=self._stops(view))

    async def _state(self, now: datetime) -> TradingState | None:
        return (await self._view(now)).state

    async def _view(self, now: datetime) -> TradingView:
        """Return what Redis has. Raises UnavailableError after REDIS_TIMEOUT_S."""
        try:
            return await asyncio.wait_for(read_trading(self._need_bus(), now), REDIS_TIMEOUT_S)
        except TimeoutError as e:
            raise UnavailableError(f"Redis did not answer within {REDIS_TIMEOUT_S:g} s") from e

    async def _change(
        self, wanted: TradingState, revision: int | None, now: datetime
    ) -> TradingState:
        """Write ``wanted`` and return it with its new revision.

        Raises StaleRevisionError if the state is not of ``revision`` (None writes over any),
        UnavailableError after REDIS_TIMEOUT_S.
        """
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
        """Return the revision of the last state in the audit, 0 if it cannot be read."""
        if self._last is None:
            return 0
        try:
            state = await asyncio.wait_for(self._last(), LAST_TIMEOUT_S)
        except (KeterError, OSError, TimeoutError) as e:
            # A command must not wait for the ledger.
            log.warning("audit_not_read", error=str(e) or type(e).__name__)
            return 0
        return state.revision if state is not None else 0

    def _stops(self, view: TradingView | None) -> tuple[str, ...]:
        """Return in words what stops bets besides the trading state."""
        found = {
            "the HALT file": self._halt_file.present,
            "GLOBAL_STOP in Redis": view is not None and view.global_stop,
            "trading_enabled=0 in Redis": view is not None and not view.trading_enabled,
        }
        return tuple(name for name, present in found.items() if present)
