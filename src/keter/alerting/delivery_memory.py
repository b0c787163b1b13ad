"""Where a channel's memory is kept: in Redis, so that it outlives a restart, and here what Redis
does not take.
"""

import msgspec
import structlog

from keter.alerting.policy import Memory
from keter.bus.connection import Bus
from keter.bus.telemetry.alerts import read_delivered, write_delivered
from keter.errors import KeterError

log = structlog.get_logger(__name__)


class DeliveryMemory:
    """One memory per channel.

    Raises nothing of Redis': what it does not give or take is remembered in this process.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: dict[str, Memory] = {}
        self._unwritten: dict[str, Memory] = {}

    async def read(self, channel: str) -> Memory:
        """What the channel has told; what Redis holds counts below what it has not taken yet.

        What was written since Redis told is made of that: an alert that was forgotten then must not
        come back from there.
        """
        known = channel in self._known
        try:
            self._known[channel] = _decoded(await read_delivered(self._bus, channel), channel)
        except (KeterError, OSError, TimeoutError) as e:
            log.debug("alert_memory_not_read", channel=channel, error=str(e))
        unwritten = self._unwritten.get(channel)
        return (
            unwritten
            if known and unwritten is not None
            else joined(self._known.get(channel, Memory()), unwritten)
        )

    async def write(self, channel: str, memory: Memory) -> None:
        """Keep it; in Redis too, as soon as that takes it."""
        self._unwritten[channel] = memory
        try:
            await write_delivered(self._bus, channel, msgspec.json.encode(memory))
        except (KeterError, OSError, TimeoutError) as e:
            log.debug("alert_memory_not_written", channel=channel, error=str(e))
        else:
            self._known[channel] = self._unwritten.pop(channel)

    def owes(self, channel: str) -> bool:
        """Whether Redis lacks something of the channel's memory."""
        return channel in self._unwritten


def joined(stored: Memory, unwritten: Memory | None) -> Memory:
    """``stored`` with what was told since."""
    if unwritten is None:
        return stored
    day = max(stored.alive_day, unwritten.alive_day)
    alerts = {**stored.alerts, **unwritten.alerts}
    return msgspec.structs.replace(unwritten, alerts=alerts, alive_day=day)


def _decoded(raw: bytes | None, channel: str) -> Memory:
    """A memory that cannot be read counts as none."""
    if raw is None:
        return Memory()
    try:
        return msgspec.json.decode(raw, type=Memory)
    except (msgspec.ValidationError, msgspec.DecodeError) as e:
        log.warning("alert_memory_unreadable", channel=channel, error=str(e))
        return Memory()
