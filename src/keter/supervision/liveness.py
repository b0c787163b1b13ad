"""How the supervisor sees that a process hangs.

A child's event loop writes one byte a second into the pipe that carries the child's output.
The supervisor takes these pulses out of the text again.
They need neither Redis nor a disk.
Only a process that is stopped, or whose event loop is blocked, is silent.

The supervisor also asks the page for an answer: a loop that runs may still serve nobody.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from keter.clock import Clock
from keter.system.addresses import http_url

PULSE = b"\x06"  # no text of ours contains it
PULSE_EVERY_S = 1.0
STANDARD_OUTPUT = 1
SILENT_S = 20.0  # longer than a stall that a machine gets over by itself
BEATS_PER_TTL, TTLS = 3, 5
ASK_PAGE_EVERY_S = 5.0
PAGE_DEADLINE_S = 5.0
PAGE_PATIENCE_S = 30.0
Ask = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class SilenceLimits:
    """How long a child may be silent, in seconds: before its first pulse, and after it."""

    starting_s: float = 120.0  # a busy machine imports slowly
    silent_s: float = SILENT_S

    @classmethod
    def of(cls, heartbeat_s: float) -> "SilenceLimits":
        """Return limits of TTLS lives of a heartbeat, SILENT_S at least."""
        return cls(silent_s=max(SILENT_S, TTLS * BEATS_PER_TTL * heartbeat_s))


class SilenceTimer:
    """Measures the silence of one child. Times are seconds of a monotonic clock."""

    def __init__(self, limits: SilenceLimits) -> None:
        self._limits = limits
        self._heard_s = 0.0
        self._has_pulsed = False

    def started(self, now_s: float) -> None:
        """Begin anew for another process."""
        self._heard_s, self._has_pulsed = now_s, False

    def pulsed(self, now_s: float) -> None:
        self._heard_s, self._has_pulsed = now_s, True

    def ignore_before(self, now_s: float) -> None:
        """Leave the silence before ``now_s`` out: the supervisor did not listen then."""
        self._heard_s = max(self._heard_s, now_s)

    def hangs(self, now_s: float) -> bool:
        """Return True if the child has been silent for longer than it may be."""
        limit_s = self._limits.silent_s if self._has_pulsed else self._limits.starting_s
        return now_s - self._heard_s > limit_s


async def keep_pulsing(descriptor: int = STANDARD_OUTPUT) -> None:
    """Write a pulse every PULSE_EVERY_S until cancelled."""
    while True:
        # If nobody reads any more, standard input ends too, and with it this process.
        with contextlib.suppress(OSError):
            os.write(descriptor, PULSE)
        await asyncio.sleep(PULSE_EVERY_S)


class PageWatch:
    """Measures how long the page has not answered.

    A page that has never answered in this run is waited for.
    """

    def __init__(self, ask: Ask, clock: Clock, patience_s: float = PAGE_PATIENCE_S) -> None:
        self._ask = ask
        self._clock = clock
        self._patience_s = patience_s
        self._answered_s: float | None = None

    async def hangs(self) -> bool:
        """Ask once. Return True if there has been no answer for more than ``patience_s``.

        After True the page counts as one that has never answered, since it is started again.
        """
        now_s = self._clock.monotonic
        if await self._ask():
            self._answered_s = now_s()
            return False
        if self._answered_s is None or now_s() - self._answered_s <= self._patience_s:
            return False
        self._answered_s = None
        return True


async def page_answers(host: str, port: int) -> bool:
    """Return True if ``/healthz`` answers 200 within PAGE_DEADLINE_S."""
    name = http_url(host, port).removeprefix("http://")
    try:
        async with asyncio.timeout(PAGE_DEADLINE_S):
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
