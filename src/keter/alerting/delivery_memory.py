"""What each channel has delivered, kept in Redis so that it outlives a restart.

What Redis does not take is kept here.
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

    Raises none of Redis' errors: what it does not give or take is remembered in this process.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: dict[str, Memory] = {}
        self._unwritten: dict[str, Memory] = {}

    async def read(self, channel: str) -> Memory:
        """Return what the channel has delivered: what Redis holds, and what it has not
        taken yet.
        """
        known = channel in self._known
        try:
            self._known[channel] = _decoded(await read_delivered(self._bus, channel), channel)
        except (KeterError, OSError, TimeoutError) as e:
            log.debug("alert_memory_not_read", channel=channel, error=str(e))
        unwritten = self._unwritten.get(channel)
        # What was written since the first read was made from that read. Joined with it again, an
        # alert that was forgotten meanwhile would come back.
        return (
            unwritten
            if known and unwritten is not None
            else joined(self._known.get(channel, Memory()), unwritten)
        )

    async def write(self, channel: str, memory: Memory) -> None:
        """Keep ``memory``; in Redis too, as soon as that takes it."""
        self._unwritten[channel] = memory
        try:
            await write_delivered(self._bus, channel, msgspec.json.encode(memory))
        except (KeterError, OSError, TimeoutError) as e:
            log.debug("alert_memory_not_written", channel=channel, error=str(e))
        else:
            self._known[channel] = self._unwritten.pop(channel)

    def owes(self, channel: str) -> bool:
        """Return whether Redis lacks something of the channel's memory."""
        return channel in self._unwritten


def joined(stored: Memory, unwritten: Memory | None) -> Memory:
    """Return ``stored`` with what was delivered since."""
    if unwritten is None:
        return stored
    day = max(stored.alive_day, unwritten.alive_day)
    alerts = {**stored.alerts, **unwritten.alerts}
    return msgspec.structs.replace(unwritten, alerts=alerts, alive_day=day)


def _decoded(raw: bytes | None, channel: str) -> Memory:
    """Return the memory; one that cannot be read counts as none."""
    if raw is None:
        return Memory()
    try:
        return msgspec.json.decode(raw, type=Memory)
    except (msgspec.ValidationError, msgspec.DecodeError) as e:
        log.warning("alert_memory_unreadable", channel=channel, error=str(e))
        return Memory()
