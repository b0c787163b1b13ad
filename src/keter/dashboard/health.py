"""The machine and the licence, as the Health screen shows them."""

import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from keter.clock import Clock
from keter.dashboard.models import Disk, Store
from keter.domain.alerts import Level
from keter.domain.storage import StorageUse, days_until
from keter.errors import KeterError, PermissionDeniedError
from keter.license.keeper import LicenseKeeper, remedy
from keter.settings import Settings
from keter.supervision.following import obstacle

LAST_WEEK, LAST_DAY = timedelta(days=7), timedelta(days=1)


def disk_facts(folder: Path) -> Disk | None:
    """Return the room where the ledger and the logs are; None when it cannot be read."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return Disk(
        free_bytes=usage.free,
        total_bytes=usage.total,
        pct_used=round((usage.total - usage.free) * 100 / usage.total),
    )


def disk_with_days(disk: Disk | None, rooms: Sequence[StorageUse]) -> Disk | None:
    """Return the disk with the days until it is full.

    They are reckoned from the growth of everything together; None where that is not known.
    """
    grown = [room.growth_bytes_day for room in rooms if room.growth_bytes_day is not None]
    if disk is None or not grown:
        return disk
    return disk.model_copy(update={"days_left": _days(days_until(disk.free_bytes, sum(grown)))})


def store_row(room: StorageUse) -> Store:
    """Return the room that one kind of data takes, as the page shows it."""
    return Store(
        name=room.name,
        used_bytes=room.used_bytes,
        most_bytes=room.most_bytes,
        growth_bytes_day=room.growth_bytes_day,
        days_left=_days(room.days_left),
    )


def _days(days: float | None) -> float | None:
    return None if days is None else round(days, 1)


def licence_text(settings: Settings, clock: Clock) -> str:
    """Return the licence in a sentence. Reads files: call it in a thread."""
    keeper = LicenseKeeper(settings, clock)
    try:
        licence = keeper.check()
    except KeterError as e:
        return f"{e}" if keeper.required else "No licence is needed in DRY."
    return f"Licensed to {licence.holder}, {licence.days_left(clock.now())} days left."


def licence_refusal(settings: Settings, clock: Clock) -> str | None:
    """Return why no licence allows a bet now; None where one does or none is needed.

    Reads files: call it in a thread.
    """
    keeper = LicenseKeeper(settings, clock)
    if not keeper.required:
        return None
    try:
        keeper.check()
    except PermissionDeniedError as e:
        return f"{e}; {remedy(settings, e)}"
    except KeterError as e:
        return str(e)
    return None


class Blocked(NamedTuple):
    """Why no bet is allowed, whoever arms LIVE.

    ``licence``: for want of a licence. ``live``: in LIVE, for want of anything at all.
    """

    licence: str | None
    live: str | None


def blocked(settings: Settings, clock: Clock) -> Blocked:
    """Return why no bet is allowed. Reads files: call it in a thread."""
    return Blocked(licence_refusal(settings, clock), obstacle(settings, clock))


def licence_trouble(settings: Settings, clock: Clock) -> tuple[str, Level] | None:
    """Return a sentence and its level when the licence ends soon, or is needed and does not hold.

    None where all is well. Reads files: call it in a thread.
    """
    keeper = LicenseKeeper(settings, clock)
    try:
        licence = keeper.check()
    except KeterError as e:
        return (f"{e}; no new bets", "page") if keeper.required else None
    sentence = licence.warning(clock.now())
    if sentence is None:
        return None
    left = licence.expires_at - clock.now()
    return sentence, "page" if left <= LAST_DAY else "ticket" if left <= LAST_WEEK else "info"
