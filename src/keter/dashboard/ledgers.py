"""The console's two ways into the ledger: reading, which changes nothing, and the audit.

The audit only adds rows.
"""

import asyncio

from keter.clock import Clock
from keter.domain.trading import OperatorCommand, TradingState
from keter.ledger import Alerts, Ledger
from keter.opening.stores import open_settings_ledger
from keter.settings import Settings


class LazyLedgers:
    """Opens the ledger when it is first needed, so that the console starts before there is one."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._reader: Ledger | None = None
        self._writer: Ledger | None = None
        # Opening for writing may wait for a lock of another program. Readers do not wait with it.
        self._opening_reader, self._opening_writer = asyncio.Lock(), asyncio.Lock()

    async def reading(self) -> Ledger:
        """Return a read-only ledger. Raises LedgerUnavailableError while there is none."""
        async with self._opening_reader:
            if self._reader is None:
                self._reader = await open_settings_ledger(
                    self._settings, clock=self._clock, read_only=True
                )
            return self._reader

    async def writing(self) -> Ledger:
        """Return a ledger for the audit and the history of alerts; created where there is none."""
        async with self._opening_writer:
            if self._writer is None:
                self._writer = await open_settings_ledger(self._settings, clock=self._clock)
            return self._writer

    async def alerts(self) -> Alerts:
        """Return the history of alerts. Raises LedgerUnavailableError."""
        return (await self.writing()).alerts

    async def audit(self, row: OperatorCommand) -> None:
        """Write an operator's command. Raises LedgerUnavailableError."""
        await (await self.writing()).commands.add(row)

    async def last_trading(self, scope: str) -> TradingState | None:
        """Return the trading state that the last command on ``scope`` left.

        Raises LedgerUnavailableError while there is no ledger.
        """
        return await (await self.reading()).commands.last_trading(scope)

    async def aclose(self) -> None:
        for ledger in (self._reader, self._writer):
            if ledger is not None:
                await ledger.aclose()
