"""What ``keter doctor`` looks at: each look returns its findings, and makes nothing."""

import os
import platform
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from keter import __version__
from keter.bus.connection import Bus, connect
from keter.bus.state.feeds import read_feeds
from keter.clock import Clock
from keter.errors import PermissionDeniedError
from keter.license.keeper import FileClockMark, LicenseKeeper, license_file
from keter.logs import BYTES_PER_MB
from keter.opening.stores import local_ledger, open_settings_ledger
from keter.redis_server.address import locate_redis
from keter.redis_server.choosing import RedisKind, plan_redis
from keter.redis_server.private import PrivateRedis
from keter.redis_server.probe import probe
from keter.settings import Settings
from keter.supervision.book_names import missing_books
from keter.supervision.instances import lock_of
from keter.supervision.preflight import check_bind, check_folder, check_live, check_ports
from keter.system.private_files import loose_below, loose_permissions
from keter.system.text_files import is_present
from keter.trust import transport_risks, viewer_fault

LEAST_FREE_MB = 500


class Grade(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    ``text`` says what was found and, unless it is fine, what to do.
    """

    name: str
    grade: Grade
    text: str


async def look_at_python() -> list[Finding]:
    text = f"Keter {__version__}, Python {platform.python_version()}, {platform.platform()}"
    return [Finding("python", Grade.OK, text)]


async def look_at_settings(settings: Settings, clock: Clock) -> list[Finding]:
    check_live(settings, clock)
    check_bind(settings)
    changed = sorted(name for name, source in settings.sources.items() if source != "default")
    mode = settings.account.mode.value
    text = f"{mode}; {len(changed)} from .env or the environment: {', '.join(changed) or 'none'}"
    found = [Finding("settings", Grade.OK, text)]
    if settings.env_file is not None and (warning := loose_permissions(settings.env_file)):
        found.append(Finding("settings", Grade.WARNING, warning))
    found += [
        Finding("settings", Grade.WARNING, risk.warning) for risk in transport_risks(settings)
    ]
    if fault := viewer_fault(settings.dashboard):
        found.append(Finding("settings", Grade.WARNING, fault))
    if is_present(settings.router.halt_file):
        found.append(
            Finding(
                "trading",
                Grade.WARNING,
                f"{settings.router.halt_file} is present: no bets until `keter resume`",
            )
        )
    return found


async def look_at_folder(settings: Settings) -> list[Finding]:
    folder = settings.mode.data_dir
    if not folder.exists():
        return [_not_yet(folder)]
    check_folder(settings)
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    found = [Finding("folder", Grade.OK, f"{folder}: {free_mb} MB free")]
    if free_mb < LEAST_FREE_MB:
        found = [
            Finding(
                "folder",
                Grade.WARNING,
                f"{folder}: only {free_mb} MB free; make room or move DATA_DIR",
            )
        ]
    if loose := loose_below(folder):
        found.append(Finding("folder", Grade.WARNING, _loose_text(folder, loose)))
    return found


def _loose_text(folder: Path, loose: Sequence[Path]) -> str:
    more = f" and {len(loose) - 1} more" if len(loose) > 1 else ""
    return (
        f"{loose[0]}{more} can be read by other users of this machine; run: chmod -R go-rwx"
        f" {folder}"
    )


def _not_yet(folder: Path) -> Finding:
    """Say whether a start could make the folder. A look makes nothing."""
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        return Finding(
            "folder",
            Grade.FAILED,
            f"DATA_DIR ({folder}) cannot be made in {above}; set it to another folder",
        )
    return Finding("folder", Grade.OK, f"{folder}: not there yet; the first start makes it")


async def look_at_page(settings: Settings) -> list[Finding]:
    lock = lock_of(settings.mode.data_dir)
    if lock.held():
        return [
            Finding("page", Grade.OK, f"`keter up` is running (process {lock.text() or 'unknown'})")
        ]
    host, port = settings.dashboard.dash_host, settings.dashboard.dash_port
    check_ports(settings)
    return [Finding("page", Grade.OK, f"Keter is not running; port {port} on {host} is free")]


async def look_at_redis(settings: Settings) -> list[Finding]:
    async with _some_redis(settings) as (bus, origin):
        facts = await probe(bus)
        feeds = await read_feeds(bus, settings.account_keys)
        unseen = missing_books(settings, feeds)
    commands = "a command is missing" if facts.missing else "knows every command Keter needs"
    found = [
        Finding("redis", Grade.OK, f"{origin}, version {facts.version or 'unknown'}, {commands}")
    ]
    if facts.is_fake:
        found.append(
            Finding(
                "redis",
                Grade.WARNING,
                "an imitation of Redis: good enough for DRY, refused by LIVE",
            )
        )
    found += [Finding("redis", Grade.FAILED, problem) for problem in facts.problems]
    return [*found, *(Finding("books", Grade.WARNING, sentence) for sentence in unseen)]


@asynccontextmanager
async def _some_redis(settings: Settings) -> AsyncIterator[tuple[Bus, str]]:
    """Open the Redis of the settings or of a running Keter, and say which it is.

    Without either, start the one that ``keter up`` would start, in a folder of its own.
    """
    prefix = settings.redis.redis_key_prefix
    plan = plan_redis(settings)
    url = locate_redis(settings)
    if url is not None:
        bus = await connect(url, prefix=prefix)
        running = plan.kind is not RedisKind.CONFIGURED
        try:
            yield bus, "the running one" if running else "the configured one"
        finally:
            await bus.aclose()
        return
    with tempfile.TemporaryDirectory(prefix="keter-doctor-") as folder:
        elsewhere = settings.model_copy(
            update={"mode": settings.mode.model_copy(update={"data_dir": Path(folder)})}
        )
        server = PrivateRedis(elsewhere)
        await server.start()
        try:
            bus = await connect(server.url, prefix=prefix)
            try:
                yield bus, f"none runs; `keter up` would start one: {plan.kind.value}"
            finally:
                await bus.aclose()
        finally:
            await server.stop()


async def look_at_ledger(settings: Settings, clock: Clock) -> list[Finding]:
    file = local_ledger(settings)
    if file is not None and not file.exists():
        return [Finding("ledger", Grade.OK, "none yet; the first run makes it")]
    ledger = await open_settings_ledger(settings, clock=clock, read_only=True)
    try:
        problems, stored = await ledger.integrity(), await ledger.stored_bytes()
    finally:
        await ledger.aclose()
    failed = [Finding("ledger", Grade.FAILED, problem) for problem in problems]
    size = f"{stored / BYTES_PER_MB:.0f} of LEDGER_MAX_MB={settings.log.ledger_max_mb:g} MB"
    return failed or [Finding("ledger", Grade.OK, f"opens and is sound; {size}")]


async def look_at_licence(settings: Settings, clock: Clock) -> list[Finding]:
    loose = loose_permissions(license_file(settings))
    open_file = [Finding("licence", Grade.WARNING, loose)] if loose else []
    keeper = LicenseKeeper(settings, clock)
    try:
        found = keeper.check()
    except PermissionDeniedError as e:
        grade = Grade.FAILED if keeper.required else Grade.OK
        return [
            Finding("licence", grade, f"{e}" + ("" if keeper.required else "; DRY needs none")),
            *open_file,
        ]
    if warning := found.warning(clock.now()):
        return [Finding("licence", Grade.WARNING, warning), *open_file]
    return [
        Finding("licence", Grade.OK, f"{found.holder}, {found.days_left(clock.now())} days left"),
        *open_file,
    ]


async def look_at_clock(settings: Settings, clock: Clock) -> list[Finding]:
    mark = FileClockMark(settings.mode.data_dir / ".clock_mark").read()
    if mark is not None and mark > clock.now():
        return [
            Finding(
                "clock",
                Grade.WARNING,
                f"this machine's clock is behind {mark:%Y-%m-%d %H:%M} UTC, a time it has seen",
            )
        ]
    return [
        Finding(
            "clock",
            Grade.OK,
            f"{clock.now():%Y-%m-%d %H:%M:%S} UTC, betting day in {settings.mode.time_zone}",
        )
    ]
