"""Sends what the policy decided to every channel, each with a memory of its own.

Once a day each channel gets a sign of life.

The alerts are those in Redis and those that this process holds itself. A Redis that cannot be read
or written stops no alert. What it held last still counts, and what was delivered is remembered here
until it takes it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from zoneinfo import ZoneInfo

import msgspec
import structlog

from keter.alerting.channels import Channel, DeliveryError
from keter.alerting.delivery_memory import DeliveryMemory
from keter.alerting.held import Held
from keter.alerting.policy import Memory, delivered, plan
from keter.alerting.texts import Message, StatusLine, alive_message, test_message
from keter.bus.connection import Bus
from keter.bus.telemetry.alerts import read_alerts
from keter.clock import Clock
from keter.domain.alerts import Alert
from keter.errors import KeterError
from keter.system.tasks import stopped_within

log = structlog.get_logger(__name__)
EVERY_S = 2.0
RETRY_AFTER_S = 60.0
# Of the configured zone: somebody is awake to miss it.
ALIVE_HOUR = 8
TEST_DEADLINE_S = 20.0
Clean = Callable[[str], str]
ReadStatus = Callable[[], Awaitable[StatusLine]]


class Dispatcher:
    """Sends alerts, one per dashboard.

    A channel that fails is left alone for RETRY_AFTER_S. Then it gets what is active at that time.
    """

    def __init__(
        self,
        bus: Bus,
        channels: Sequence[Channel],
        read_status: ReadStatus,
        held: Held,
        clock: Clock,
        zone: ZoneInfo,
        clean: Clean = str,
    ) -> None:
        self._bus = bus
        self._memories = DeliveryMemory(bus)
        self._held = held
        self._stored: Sequence[Alert] = ()
        self._channels = tuple(channels)
        self._read_status = read_status
        self._clock = clock
        self._zone = zone
        self._clean = clean
        self._retry_at_s: dict[str, float] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(channel.name for channel in self._channels)

    def add(self, channels: Sequence[Channel]) -> None:
        """Add channels, which get alerts from the next look on."""
        self._channels = (*self._channels, *channels)

    async def run(self, stop: asyncio.Event) -> None:
        """Look until ``stop``."""
        while not stop.is_set():
            await self.look()
            await stopped_within(stop, EVERY_S)

    async def look(self) -> None:
        """Send every channel what it has to know now.

        While Redis cannot be asked, what it held last counts.
        """
        try:
            self._stored = await read_alerts(self._bus)
            asked = True
        except (KeterError, OSError, TimeoutError) as e:
            log.debug("alerts_not_read", error=str(e))
            asked = False
        active = self._held.active(self._stored)
        due = [channel for channel in self._channels if self._is_due(channel)]
        async with asyncio.TaskGroup() as tasks:
            for channel in due:
                tasks.create_task(self._deliver(channel, active, alive=asked))

    async def test(self, actor: str) -> dict[str, str | None]:
        """Send a test alert now.

        Return per channel None where it was taken, else what went wrong.
        """
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

    def _is_due(self, channel: Channel) -> bool:
        return self._clock.monotonic() >= self._retry_at_s.get(channel.name, 0.0)

    async def _deliver(self, channel: Channel, active: Sequence[Alert], *, alive: bool) -> None:
        """Send what the policy plans for one channel.

        With ``alive`` also the day's sign of life. A restart without Redis would repeat that.
        """
        before = await self._memories.read(channel.name)
        planned = plan(active, before, self._clock.now())
        memory = planned.memory
        try:
            for step in planned.steps:
                await channel.send(self._cleaned(step.message), await self._read_status())
                memory = delivered(memory, step)
            if alive:
                memory = await self._daily_sign(channel, memory)
        except DeliveryError as e:
            log.warning("alert_not_delivered", channel=channel.name, error=str(e))
            self._retry_at_s[channel.name] = self._clock.monotonic() + RETRY_AFTER_S
        finally:
            if memory != before or self._memories.owes(channel.name):
                await self._memories.write(channel.name, memory)

    def _cleaned(self, message: Message) -> Message:
        """Return the message without secrets: a venue's error may quote what was sent to it."""
        texts = {
            name: self._clean(getattr(message, name)) for name in ("title", "detail", "action")
        }
        return msgspec.structs.replace(message, **texts)

    async def _daily_sign(self, channel: Channel, memory: Memory) -> Memory:
        local = self._clock.now().astimezone(self._zone)
        day = local.date().isoformat()
        if local.hour < ALIVE_HOUR or memory.alive_day >= day:
            return memory
        await channel.send(alive_message(day, await self._read_status(), self._clock.now()), None)
        return msgspec.structs.replace(memory, alive_day=day)
