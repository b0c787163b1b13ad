"""The courier over a real Redis: every channel has its own memory, which outlives a restart."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import structlog

from keter.alerting.build import build_alerting
from keter.alerting.channels import DeliveryError
from keter.alerting.dispatcher import RETRY_AFTER_S, Dispatcher
from keter.alerting.held import Held
from keter.alerting.policy import QUIET_S
from keter.alerting.telegram_commands import Views
from keter.alerting.texts import Kind, Message, StatusLine
from keter.bus.connection import Bus, connect
from keter.bus.telemetry.alerts import clear_alert, raise_alert
from keter.clock import ManualClock, SystemClock
from keter.control.commands import Control
from keter.domain.alerts import Alert
from keter.domain.orders import Order
from keter.settings import load_settings
from tests.kit.support import RedisServer, eventually

NIGHT = datetime(2026, 3, 1, 3, tzinfo=UTC)
TOKEN = "1234567890:" + "canary" * 6
# apprise itself imports a module that Python 3.13 drops
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
ALERT = Alert("unknown-bets", "page", "Bets with unknown outcome", "token canary-4711", NIGHT)


class Box:
    """A channel that keeps what it gets, or refuses."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.got: list[Message] = []
        self.broken = False

    async def send(self, message: Message, status: StatusLine | None) -> None:
        if self.broken:
            raise DeliveryError("out of order")
        self.got.append(message)

    async def aclose(self) -> None:
        return

    def kinds(self) -> list[Kind]:
        return [message.kind for message in self.got]


async def status() -> StatusLine:
    return StatusLine("DRY", "ACTIVE", "EUR", 2, "20.00", 0, "-4.50")


def dispatcher(bus: Bus, clock: ManualClock, *boxes: Box, held: Held | None = None) -> Dispatcher:
    clean = ZoneInfo("UTC"), lambda text: text.replace("canary-4711", "***")
    return Dispatcher(bus, boxes, status, held or Held(), clock, *clean)


async def test_a_restart_tells_nothing_twice_and_still_tells_the_end(bus: Bus) -> None:
    box, clock = Box("a"), ManualClock(NIGHT)
    await raise_alert(bus, ALERT)
    await dispatcher(bus, clock, box).look()
    await dispatcher(bus, clock, box).look()
    assert [(message.kind, message.detail) for message in box.got] == [(Kind.NEW, "token ***")]
    await clear_alert(bus, ALERT.id)
    await dispatcher(bus, clock, box).look()
    clock.set(clock.now() + timedelta(seconds=QUIET_S))
    await dispatcher(bus, clock, box).look()
    assert box.kinds() == [Kind.NEW, Kind.RESOLVED]


async def test_a_channel_that_is_down_keeps_nothing_from_the_other_and_catches_up(bus: Bus) -> None:
    good, bad, clock = Box("good"), Box("bad"), ManualClock(NIGHT)
    bad.broken = True
    one = dispatcher(bus, clock, bad, good)
    await raise_alert(bus, ALERT)
    await one.look()
    bad.broken = False
    await one.look()
    assert (good.kinds(), bad.kinds()) == ([Kind.NEW], [])
    clock.set(clock.now() + timedelta(seconds=RETRY_AFTER_S))
    await one.look()
    assert (good.kinds(), bad.kinds()) == ([Kind.NEW], [Kind.NEW])


async def test_once_a_day_it_says_that_it_lives(bus: Bus) -> None:
    box, clock = Box("a"), ManualClock(NIGHT)
    one = dispatcher(bus, clock, box)
    for _ in range(24 * 2):
        await one.look()
        clock.set(clock.now() + timedelta(hours=1))
    assert [message.message_id for message in box.got] == ["alive/2026-03-01", "alive/2026-03-02"]
    assert box.got[0].at.hour == 8
    assert box.got[0].detail == "DRY, ACTIVE, 2 open, EUR 20.00 outstanding, PnL today -4.50"


REFUSALS = {
    "read only": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "full": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
}


@pytest.mark.parametrize("how", REFUSALS)
async def test_what_redis_takes_no_note_of_is_told_once_and_its_end_too(how: str) -> None:
    """Every channel hears of what this process holds, and of nothing twice when Redis takes writes
    again.
    """
    server, boxes, clock, held = RedisServer(), (Box("a"), Box("b")), ManualClock(NIGHT), Held()
    bus = await connect(server.url)
    one = dispatcher(bus, clock, *boxes, held=held)
    refuse, allow = REFUSALS[how]
    try:
        await raise_alert(bus, ALERT)
        await one.look()
        await bus.redis.execute_command(*refuse)
        for name in ("disk-full", "redis-memory"):
            held.put(Alert(name, "page", name, "", clock.now()))
            await one.look()
            await one.look()
        held.end("disk-full")
        await one.look()
        clock.set(clock.now() + timedelta(seconds=QUIET_S))
        await one.look()
        told = [
            (Kind.NEW, ALERT.id),
            (Kind.NEW, "disk-full"),
            (Kind.NEW, "redis-memory"),
            (Kind.RESOLVED, "disk-full"),
        ]
        assert [[(m.kind, m.alert_id) for m in box.got] for box in boxes] == [told, told]
        await bus.redis.execute_command(*allow)
        await one.look()
        await dispatcher(
            bus, clock, *boxes, held=held
        ).look()  # a restart reads what was told meanwhile
        assert [[(m.kind, m.alert_id) for m in box.got] for box in boxes] == [told, told]
    finally:
        await bus.aclose()
        server.close()


async def test_what_ended_while_redis_takes_no_writes_is_not_told_again_and_again() -> None:
    """Redis still says that it was told and stands; what this process knows of its end counts,
    however long that lasts.
    """
    server, box, clock, held = RedisServer(), Box("a"), ManualClock(NIGHT), Held()
    bus = await connect(server.url)
    one = dispatcher(bus, clock, box, held=held)
    try:
        held.put(Alert("disk-full", "page", "disk-full", "", clock.now()))
        await one.look()
        await bus.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        held.end("disk-full")
        for _ in range(60):
            await one.look()
            clock.set(clock.now() + timedelta(seconds=QUIET_S))
        assert box.kinds() == [Kind.NEW, Kind.RESOLVED]
    finally:
        await bus.aclose()
        server.close()


async def test_without_redis_everything_is_delivered_and_nothing_counts_as_over() -> None:
    server, box, clock, held = RedisServer(), Box("a"), ManualClock(NIGHT), Held()
    bus = await connect(server.url)
    one = dispatcher(bus, clock, box, held=held)
    try:
        await raise_alert(bus, ALERT)
        await one.look()
        server.kill()
        held.put(Alert("redis-down", "page", "Redis does not answer", "", clock.now()))
        for _ in range(3):
            await one.look()
            clock.set(clock.now() + timedelta(seconds=QUIET_S))
        assert [(m.kind, m.alert_id) for m in box.got] == [
            (Kind.NEW, ALERT.id),
            (Kind.NEW, "redis-down"),
        ]
        server.start()
        held.end("redis-down")
        await eventually(lambda: _told(one, box, 3, clock))
        assert (box.got[2].kind, box.got[2].alert_id) == (Kind.RESOLVED, "redis-down")
    finally:
        await bus.aclose()
        server.close()


async def _told(one: Dispatcher, box: Box, count: int, clock: ManualClock) -> bool:
    await one.look()
    clock.set(clock.now() + timedelta(seconds=QUIET_S))
    return len(box.got) >= count


async def test_a_configured_channel_without_its_extra_is_one_warning_and_no_crash(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keter.alerting.build.find_spec", lambda name: None)
    environ = {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_USER_IDS": "7",
        "APPRISE_URLS": "json://127.0.0.1:9/",
    }
    assert await names(bus, environ) == (("log",), ["notify_off", "telegram_off"])


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TELEGRAM_BOT_TOKEN": TOKEN}, ["telegram_off"]),
        ({"TELEGRAM_BOT_TOKEN": "canary", "TELEGRAM_USER_IDS": "7"}, ["telegram_off"]),
        (
            {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_USER_IDS": "me"},
            ["telegram_users_ignored", "telegram_off"],
        ),
        ({"APPRISE_URLS": "canary://x"}, ["apprise_addresses_unusable"]),
    ],
)
async def test_what_cannot_work_is_said_without_the_secret(
    bus: Bus, environ: dict[str, str], expected: list[str]
) -> None:
    _, warnings = await names(bus, environ)
    assert warnings == expected


async def test_every_configured_channel_is_built(bus: Bus) -> None:
    environ = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_USER_IDS": "7", "APPRISE_URLS": "json://127.0.0.1:9/",
               "ALERT_WEBHOOK_URL": "http://127.0.0.1:9/"}  # fmt: skip
    assert await names(bus, environ) == (("log", "webhook", "apprise", "telegram"), [])


async def names(bus: Bus, environ: dict[str, str]) -> tuple[tuple[str, ...], list[str]]:
    settings, clock = load_settings(None, environ), SystemClock()
    control = Control(bus, halt_file=settings.router.halt_file, clock=clock, audit=None)

    async def nothing() -> list[Alert]:
        return []

    with structlog.testing.capture_logs() as logs:
        built = build_alerting(
            settings, bus, control, Views(status, _no_bets, nothing), Held(), clock
        )
        await built.load()
    await built.dispatcher.aclose()
    assert "canary" not in str(logs)
    return built.dispatcher.names, [line["event"] for line in logs]


async def _no_bets() -> list[Order]:
    return []
