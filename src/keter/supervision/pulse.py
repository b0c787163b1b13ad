"""Signs of life between a child and its supervisor, over the pipe that carries the child's output.

A child's event loop writes one byte a second, which the supervisor takes out of the text again. It
needs neither Redis nor a disk: a process that is stopped, or whose loop is blocked, is silent, and
nothing else makes it so.
"""

import asyncio
import contextlib
import os
from dataclasses import dataclass

PULSE = b"\x06"  # no text of ours holds it
EVERY_S = 1.0
STANDARD_OUTPUT = 1
SILENT_S = 20.0  # longer than a stall that a machine gets over by itself
BEATS_PER_TTL, TTLS = 3, 5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a child may be silent: before its first pulse, while it starts, and after it."""

    starting_s: float = 120.0  # a busy machine imports slowly
    silent_s: float = SILENT_S

    @classmethod
    def of(cls, heartbeat_s: float) -> "Patience":
        """TTLS lives of a heartbeat, SILENT_S at least."""
        return cls(silent_s=max(SILENT_S, TTLS * BEATS_PER_TTL * heartbeat_s))


class Vigil:
    """What is known of one child's life. Times are of a monotonic clock."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._heard_s = 0.0
        self._has_pulsed = False

    def started(self, now_s: float) -> None:
        """Another process begins; its silence is counted from here."""
        self._heard_s, self._has_pulsed = now_s, False

    def pulsed(self, now_s: float) -> None:
        self._heard_s, self._has_pulsed = now_s, True

    def forgive(self, now_s: float) -> None:
        """Silence before this moment does not count: the one who listens was away."""
        self._heard_s = max(self._heard_s, now_s)

    def hangs(self, now_s: float) -> bool:
        """Whether it has been silent for longer than it may be."""
        patience_s = self._patience.silent_s if self._has_pulsed else self._patience.starting_s
        return now_s - self._heard_s > patience_s


async def keep_pulsing(descriptor: int = STANDARD_OUTPUT) -> None:
    """Write a pulse every EVERY_S, for as long as the event loop of this process turns; until
    cancelled.
    """
    while True:
        # Nobody listens any more: standard input ends then, and so do we.
        with contextlib.suppress(OSError):
            os.write(descriptor, PULSE)
        await asyncio.sleep(EVERY_S)
