"""The supervisor asks the page whether it answers: a process whose loop turns may serve nobody all
the same.
"""

import asyncio
from collections.abc import Awaitable, Callable

from keter.clock import Clock
from keter.supervision.launch import page_url

EVERY_S = 5.0
DEADLINE_S = 5.0
PATIENCE_S = 30.0  # of no answer; a page that has never answered in this run is waited for
Ask = Callable[[], Awaitable[bool]]


class PageWatch:
    """Counts how long the page has not answered."""

    def __init__(self, ask: Ask, clock: Clock, patience_s: float = PATIENCE_S) -> None:
        self._ask = ask
        self._clock = clock
        self._patience_s = patience_s
        self._answered_s: float | None = None

    async def hangs(self) -> bool:
        """Asks once; True when there has been no answer for too long, which is then forgotten until
        the next one.
        """
        if await self._ask():
            self._answered_s = self._clock.monotonic()
            return False
        if (
            self._answered_s is None
            or self._clock.monotonic() - self._answered_s <= self._patience_s
        ):
            return False
        self._answered_s = None
        return True


async def answers(host: str, port: int) -> bool:
    """Whether ``/healthz`` answers 200 within DEADLINE_S."""
    name = page_url(host, port).removeprefix("http://")
    try:
        async with asyncio.timeout(DEADLINE_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(
                    f"GET /healthz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
                )
                await writer.drain()
                return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
