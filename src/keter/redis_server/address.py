"""Where the private server is: the file that says so, and who answers there.

Commands in other terminals find the server by this file, which holds its password.
"""

import asyncio
import contextlib
import json
from pathlib import Path

from keter.bus.connection import open_client
from keter.bus.errors import BusDataError, BusRefusedError
from keter.errors import ConfigurationError, UnavailableError
from keter.settings import Settings
from keter.system.private_files import make_folder, replace_private
from keter.system.text_files import read_text

STOP_DEADLINE_S = 2.0
POLL_S = 0.02
NO_ANSWER = (UnavailableError, BusRefusedError, BusDataError, OSError)


def run_file(settings: Settings) -> Path:
    """Return the file that holds the private server's address while it runs."""
    return settings.mode.data_dir / "run" / "redis.json"


def locate_redis(settings: Settings) -> str | None:
    """Return the address in the settings, else that of the private server that runs, else None.

    It holds a password.
    """
    url = settings.redis.url
    return url if url is not None else running_url(settings)


def running_url(settings: Settings) -> str | None:
    """Return the address of the private server of DATA_DIR, with its password.

    Return None when none is written down.
    """
    return _read_url(run_file(settings))


def write_run_file(path: Path, *, url: str, kind: str, pid: int) -> None:
    """Write the file as a whole, for its owner only. Raises OSError."""
    make_folder(path.parent)
    replace_private(path, json.dumps({"url": url, "kind": kind, "pid": pid}))


async def stop_server_of(path: Path) -> None:
    """Shut down the server that a killed supervisor left behind: its files are needed now."""
    url = _read_url(path)
    if url is not None and await answers(url):
        await shut_down(url)
        for _ in range(round(STOP_DEADLINE_S / POLL_S)):
            if not await answers(url):
                return
            await asyncio.sleep(POLL_S)


async def answers(url: str) -> bool:
    """Return True if our own server answers there and has loaded its data.

    Another program on the port does not know the password.
    """
    client = open_client(url, timeout_s=STOP_DEADLINE_S)
    try:
        await client.ping()
    except NO_ANSWER:
        return False
    finally:
        await client.aclose()
    return True


async def shut_down(url: str) -> None:
    """Send SHUTDOWN, which makes the server write everything and end."""
    client = open_client(url, timeout_s=STOP_DEADLINE_S)
    try:
        with contextlib.suppress(*NO_ANSWER):  # a server that ends does not answer
            await client.execute_command("SHUTDOWN")
    finally:
        await client.aclose()


def _read_url(path: Path) -> str | None:
    try:
        found = json.loads(read_text(path) or "null")
    except (ConfigurationError, ValueError, RecursionError):  # being replaced, or spoilt
        return None
    url = found.get("url") if isinstance(found, dict) else None
    return url if isinstance(url, str) else None
