"""The machine and the licence, as the Health screen shows them."""

import shutil
from pathlib import Path

from keter.clock import Clock
from keter.dashboard.models import Disk
from keter.errors import KeterError
from keter.license import LicenseKeeper
from keter.settings import Settings


def disk_facts(folder: Path) -> Disk | None:
    """Room where the ledger and the logs are; None when it cannot be told."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return Disk(free_bytes=usage.free, total_bytes=usage.total, pct_used=round((usage.total - usage.free) * 100 / usage.total))


def licence_text(settings: Settings, clock: Clock) -> str:
    """The licence in a sentence. Reads files: call it in a thread."""
    keeper = LicenseKeeper(settings, clock)
    try:
        licence = keeper.check()
    except KeterError as e:
        return f"{e}" if keeper.required else "No licence is needed in DRY."
    return f"Licensed to {licence.holder}, {licence.days_left(clock.now())} days left."


def licence_warning(settings: Settings, clock: Clock) -> str | None:
    """A sentence when the licence ends soon. Reads files: call it in a thread."""
    try:
        return LicenseKeeper(settings, clock).check().warning(clock.now())
    except KeterError:
        return None  # no licence, or none that holds: LIVE says so itself
