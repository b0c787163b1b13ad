"""Where a channel's memory is kept: in Redis, so that it outlives a restart, or aside for what Redis itself cannot hold."""

from typing import Protocol

import msgspec
import structlog

from keter.alerting.policy import Memory
from keter.bus.alerts import read_told, write_told
from keter.bus.connection import Bus

log = structlog.get_logger(__name__)


class Shelf(Protocol):
    """One memory per channel."""

    async def read(self, channel: str) -> Memory: ...

    async def write(self, channel: str, memory: Memory) -> None: ...


class BusShelf:
    """In Redis. Raises the bus's errors; a memory that cannot be read counts as none."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def read(self, channel: str) -> Memory:
        raw = await read_told(self._bus, channel)
        if raw is None:
            return Memory()
        try:
            return msgspec.json.decode(raw, type=Memory)
        except (msgspec.ValidationError, msgspec.DecodeError) as e:
            log.warning("alert_memory_unreadable", channel=channel, error=str(e))
            return Memory()

    async def write(self, channel: str, memory: Memory) -> None:
        await write_told(self._bus, channel, msgspec.json.encode(memory))


class Aside:
    """In this process, for as long as it lives."""

    def __init__(self) -> None:
        self._memories: dict[str, Memory] = {}

    @property
    def used(self) -> bool:
        """Whether anything is remembered."""
        return any(memory.told for memory in self._memories.values())

    async def read(self, channel: str) -> Memory:
        return self._memories.get(channel, Memory())

    async def write(self, channel: str, memory: Memory) -> None:
        self._memories[channel] = memory
