"""This machine's memory, and what Keter may use of it where the settings leave that to Keter."""

import os
from pathlib import Path

MB = 1_000_000
UNKNOWN_BYTES = 4_000 * MB  # a small server, where the system does not say
REDIS_SHARE, LEAST_REDIS_MB, MOST_REDIS_MB = 8, 256, 4_096
# A feed's answer takes about ten times its size while it is read.
ANSWER_SHARE, LEAST_ANSWER_MB, MOST_ANSWER_MB = 128, 32, 256
_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_bytes() -> int:
    """Return the bytes that this machine, or the container that we run in, may use."""
    found = [size for size in (_physical(), *map(_limit, _CGROUP_LIMITS)) if size]
    return min(found) if found else UNKNOWN_BYTES


def redis_memory_mb(configured: int, memory: int) -> int:
    """Return the MB for the private Redis. ``configured`` 0 takes a share of ``memory`` bytes."""
    return configured or _share(memory, REDIS_SHARE, LEAST_REDIS_MB, MOST_REDIS_MB)


def answer_mb(configured: float, memory: int) -> float:
    """Return the MB of one unpacked answer. ``configured`` 0 takes a share of ``memory`` bytes."""
    return configured or _share(memory, ANSWER_SHARE, LEAST_ANSWER_MB, MOST_ANSWER_MB)


def _share(memory: int, part: int, least: int, most: int) -> int:
    return min(max(memory // part // MB, least), most)


def _physical() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def _limit(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(text) if text.isdigit() else None  # "max" means no limit
