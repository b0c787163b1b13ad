"""Carries what the policy decided to every channel, each with a memory of its own, and says once a day that Keter lives.

What stands is read from Redis. When Redis itself is away for OUTAGE_S, that is the alert; it is remembered aside, and written
into the history of alerts, which needs no Redis.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import msgspec
import structlog

from keter.alerting.channels import Channel, DeliveryError
from keter.alerting.policy import Memory, delivered, plan
from keter.alerting.shelves import Aside, BusShelf, Shelf
from keter.alerting.texts import Message, Position, alive_message, test_message
from keter.bus.alerts import Alert, read_alerts
from keter.bus.connection import Bus
from keter.bus.errors import BusRefusedError
from keter.clock import Clock
from keter.errors import KeterError, UnavailableError

log = structlog.get_logger(__name__)
EVERY_S = 2.0
REST_S = 60.0
ALIVE_HOUR = 8  # of the configured zone: somebody is awake to miss it
TEST_DEADLINE_S = 20.0
OUTAGE_S = 15.0  # a Redis that is started again is back before
REDIS_DOWN = "redis-down"
Clean = Callable[[str], str]
Positions = Callable[[], Awaitable[Position]]


class History(Protocol):
    """When an alert rose and when it ended, by its id; both raise KeterError while nothing can be written."""

    async def opened(self, alert_id: str, *, level: str, title: str, detail: str, at: datetime) -> bool: ...

    async def closed(self, alert_id: str, *, at: datetime) -> bool: ...


Histories = Callable[[], Awaitable[History]]


class Courier:
    """One per dashboard. A channel that fails rests for REST_S and is then told what stands at that time."""

    def __init__(
        self,
        bus: Bus,
        channels: Sequence[Channel],
        positions: Positions,
        history: Histories,
        clock: Clock,
        zone: ZoneInfo,
        clean: Clean = str,
    ) -> None:
        self._bus = bus
        self._shelf, self._aside = BusShelf(bus), Aside()
        self._away_since: datetime | None = None
        self._history = history
        self._outage_noted = False
        self._channels = tuple(channels)
        self._positions = positions
        self._clock = clock
        self._zone = zone
        self._clean = clean
        self._rest_until: dict[str, float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self._channels)

    def add(self, channels: Sequence[Channel]) -> None:
        """More channels, which are told from the next look on."""
        self._channels = (*self._channels, *channels)

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until ``stop``; Redis being away is told when it lasts, and waited out."""
        while not stop.is_set():
            try:
                await self.look()
            except (KeterError, OSError, TimeoutError) as e:
                log.debug("courier_skipped", error=str(e))
            try:
                await asyncio.wait_for(stop.wait(), EVERY_S)
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Tells every channel what it has to know now.

        Raises the bus's errors, after telling of an outage that lasts, and the ledger's where its history cannot be kept.
        """
        try:
            standing = await read_alerts(self._bus)
        except (UnavailableError, BusRefusedError, OSError, TimeoutError) as e:
            await self._tell_outage(str(e) or type(e).__name__)
            raise
        self._away_since = None
        await self._tell(standing, self._shelf)
        if self._aside.used:
            await self._tell((), self._aside)
        if self._outage_noted:
            await (await self._history()).closed(REDIS_DOWN, at=self._clock.now())
            self._outage_noted = False

    async def _tell_outage(self, error: str) -> None:
        now = self._clock.now()
        self._away_since = since = self._away_since or now
        if (now - since).total_seconds() < OUTAGE_S:
            return
        alert = outage(self._clean(error), since)
        await self._tell([alert], self._aside)
        if not self._outage_noted:
            await (await self._history()).opened(
                alert.id, level=alert.level, title=alert.title, detail=alert.detail, at=alert.since
            )
            self._outage_noted = True

    async def _tell(self, standing: Sequence[Alert], shelf: Shelf) -> None:
        awake = [channel for channel in self._channels if self._awake(channel)]
        outcomes = await asyncio.gather(*(self._serve(one, standing, shelf) for one in awake), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def test(self, actor: str) -> dict[str, str | None]:
        """Sends a test alert now; per channel None where it was taken, else what went wrong."""
        message = test_message(actor, self._clock.now())

        async def one(channel: Channel) -> str | None:
            try:
                await asyncio.wait_for(channel.send(message, None), TEST_DEADLINE_S)
            except DeliveryError as e:
                return str(e)
            except TimeoutError:
                return "no answer in time"
            return None

        results = await asyncio.gather(*(one(channel) for channel in self._channels))
        return dict(zip(self.names, results, strict=True))

    async def aclose(self) -> None:
        for channel in self._channels:
            await channel.aclose()

    def _awake(self, channel: Channel) -> bool:
        return self._clock.monotonic() >= self._rest_until.get(channel.name, 0.0)

    async def _serve(self, channel: Channel, standing: Sequence[Alert], shelf: Shelf) -> None:
        before = await shelf.read(channel.name)
        planned = plan(standing, before, self._clock.now())
        memory = planned.memory
        try:
            for step in planned.steps:
                await channel.send(self._cleaned(step.message), await self._positions())
                memory = delivered(memory, step)
            if shelf is self._shelf:
                memory = await self._alive(channel, memory)
        except DeliveryError as e:
            log.warning("alert_not_delivered", channel=channel.name, error=str(e))
            self._rest_until[channel.name] = self._clock.monotonic() + REST_S
        finally:
            if memory != before:
                await shelf.write(channel.name, memory)

    def _cleaned(self, message: Message) -> Message:
        """Texts of a venue's error may quote what was sent to it."""
        texts = {name: self._clean(getattr(message, name)) for name in ("title", "detail", "action")}
        return msgspec.structs.replace(message, **texts)

    async def _alive(self, channel: Channel, memory: Memory) -> Memory:
        local = self._clock.now().astimezone(self._zone)
        day = local.date().isoformat()
        if local.hour < ALIVE_HOUR or memory.alive_day >= day:
            return memory
        await channel.send(alive_message(day, await self._positions(), self._clock.now()), None)
        return msgspec.structs.replace(memory, alive_day=day)


def outage(error: str, since: datetime) -> Alert:
    """What is told when Redis cannot be asked what stands."""
    action = "No bets are made until it is back; open bets stay open."
    return Alert(REDIS_DOWN, "page", "Redis does not answer", error, since, action, "#/health", REDIS_DOWN)
