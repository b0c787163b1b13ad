"""A Redis of our own: a child process on loopback with a random password, append-only file on,
nothing ever evicted.

Its address stands in ``DATA_DIR/run/redis.json`` (readable by its owner only), where commands in
other terminals find it. The configuration goes to the server through standard input, so that the
password is on no command line.

Data that the server cannot read (another server's, damaged ones) are set aside and it starts empty:
what counts is in the ledger, from which the rest is rebuilt.
"""

import asyncio
import contextlib
import json
import re
import secrets
import shutil
from pathlib import Path
from subprocess import DEVNULL, PIPE

from keter.bus.connection import open_client
from keter.bus.errors import BusDataError, BusRefusedError
from keter.clock import Clock, SystemClock
from keter.errors import ConfigurationError, UnavailableError
from keter.redis_server.choosing import RedisKind, RedisPlan, configured_url, plan_redis
from keter.settings import Settings
from keter.system.machine import LOOPBACK, free_port, memory_bytes, redis_memory_mb
from keter.system.private_files import make_folder, open_private, write_private
from keter.system.process import private_umask, spawn_options
from keter.system.text_files import read_text

START_DEADLINE_S = 30.0  # loading a large append-only file takes a while
STOP_DEADLINE_S = 2.0
POLL_S = 0.02
LAST_LINES = 2
NO_ANSWER = (UnavailableError, BusRefusedError, BusDataError, OSError)
SET_ASIDE = "redis-unreadable"
_UNREADABLE = re.compile(
    r"bad file format|rdb format version|wrong signature|loading (?:the )?db|rdb reading|aof"
    r" manifest",
    re.IGNORECASE,
)


class PrivateRedis:
    """One server process at a time.

    ``start`` after it has died brings it back on the same address with the same data.
    """

    def __init__(
        self, settings: Settings, *, plan: RedisPlan | None = None, clock: Clock | None = None
    ) -> None:
        self.plan = plan or plan_redis(settings)
        if self.plan.kind is RedisKind.CONFIGURED:
            raise ValueError("the settings name a Redis; there is none to start")
        self._folder = settings.mode.data_dir / "redis"
        self._run_file = run_file(settings)
        self._max_memory_mb = redis_memory_mb(settings.redis.redis_max_memory_mb, memory_bytes())
        self._clock = clock or SystemClock()
        self._password = secrets.token_urlsafe(24) if self.plan.kind is not RedisKind.FAKE else ""
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self.set_aside: Path | None = None

    @property
    def url(self) -> str:
        """Its address with the password: secret.

        Known after ``start``, and the same for ever after.
        """
        login = f":{self._password}@" if self._password else ""
        return f"redis://{login}{LOOPBACK}:{self._port}/0"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def wait(self) -> int:
        """Wait until the server has ended; its exit code (negative: the signal that ended it)."""
        if self._process is None:
            raise ValueError("not started")
        return await self._process.wait()

    async def start(self) -> None:
        """Start it and waits until it answers; ``set_aside`` then tells where data went that it
        could not read.

        Raises UnavailableError with what the server said last.
        """
        if self.running:
            return
        self.set_aside = None
        await stop_server_of(self._run_file)
        self._port = self._port or free_port()
        try:
            await self._start()
        except OSError as e:
            await self._end(0)
            name = e.filename2 or e.filename  # of a renaming, what was to be replaced
            where = f"{name}: " if name else ""
            raise UnavailableError(
                f"the private Redis cannot use its files: {where}{e.strerror or e}"
            ) from e

    async def _start(self) -> None:
        try:
            process = await self._begin()
        except UnavailableError:
            if not _UNREADABLE.search(self._log()):
                raise
            self._put_aside()
            process = await self._begin()
        _write_private(
            self._run_file, {"url": self.url, "kind": self.plan.kind.value, "pid": process.pid}
        )

    async def stop(self) -> None:
        """SHUTDOWN, which writes everything; after STOP_DEADLINE_S it is ended.

        Stopping twice is no error.
        """
        if self.running and self.plan.kind is not RedisKind.FAKE:
            await _shutdown(self.url)
        await self._end(STOP_DEADLINE_S)
        with contextlib.suppress(OSError):  # what lies there is not ours
            self._run_file.unlink(missing_ok=True)

    async def _begin(self) -> asyncio.subprocess.Process:
        make_folder(self._folder)
        write_private(self._folder / "redis.log", "")
        self._process = await self._spawn()
        try:
            await self._until_answers()
        except BaseException:
            await self._end(0)
            raise
        return self._process

    def _put_aside(self) -> None:
        self.set_aside = self._folder.with_name(SET_ASIDE)
        shutil.rmtree(self.set_aside, ignore_errors=True)
        self._folder.rename(self.set_aside)

    async def _spawn(self) -> asyncio.subprocess.Process:
        fake = self.plan.kind is RedisKind.FAKE
        command = (*self.plan.command, "--port", str(self._port)) if fake else self.plan.command
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=DEVNULL,
                stderr=DEVNULL,
                **spawn_options(),
                **private_umask(),
            )
        except OSError as e:
            raise UnavailableError(f"{command[0]} cannot be started: {e.strerror or e}") from e
        # The imitation ends with its standard input, so that stays open.
        if process.stdin is not None and not fake:
            process.stdin.write(self._configuration().encode())
            # It ended before it had read everything: said below.
            with contextlib.suppress(ConnectionError):
                await process.stdin.drain()
            process.stdin.close()
        return process

    def _configuration(self) -> str:
        folder = str(self._folder.resolve()).replace("\\", "\\\\").replace('"', '\\"')
        return "\n".join(
            (
                f"port {self._port}",
                f"bind {LOOPBACK}",
                f"requirepass {self._password}",
                f'dir "{folder}"',
                "daemonize no",
                "databases 1",
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                f"maxmemory {self._max_memory_mb}mb",
                "maxmemory-policy noeviction",
                "timeout 0",
                "tcp-keepalive 60",
                "loglevel warning",
                "logfile redis.log",
                "",
            )
        )

    async def _until_answers(self) -> None:
        deadline = self._clock.monotonic() + START_DEADLINE_S
        while not await _answers(self.url):
            if not self.running:
                raise UnavailableError(f"the private Redis did not start: {self._last_words()}")
            if self._clock.monotonic() > deadline:
                raise UnavailableError(
                    f"the private Redis did not answer within {START_DEADLINE_S:g} s"
                )
            await asyncio.sleep(POLL_S)

    def _last_words(self) -> str:
        said = [line.partition(" # ")[2] or line for line in self._log().splitlines()]
        # Of the system's settings, at every start.
        told = [line for line in said if not line.startswith("WARNING")]
        return "; ".join(told[-LAST_LINES:]) or f"{self.plan.command[0]} ended without a word"

    def _log(self) -> str:
        return (self._folder / "redis.log").read_text(encoding="utf-8", errors="replace")

    async def _end(self, patience_s: float) -> None:
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), patience_s)
        except TimeoutError:
            # It may end between the check and the call.
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def run_file(settings: Settings) -> Path:
    """Where the private server's address stands while it runs."""
    return settings.mode.data_dir / "run" / "redis.json"


def locate_redis(settings: Settings) -> str | None:
    """The address to use: from the settings, else of the private server that runs, else None.

    It holds a password.
    """
    url = configured_url(settings)
    return url if url is not None else running_url(settings)


def running_url(settings: Settings) -> str | None:
    """The address of the private server that runs in DATA_DIR, with its password; None when none is
    written down.
    """
    return _read_url(run_file(settings))


async def stop_server_of(path: Path) -> None:
    """Shuts down the server that a supervisor left behind when it was killed: its files are needed
    now.
    """
    url = _read_url(path)
    if url is not None and await _answers(url):
        await _shutdown(url)
        for _ in range(round(STOP_DEADLINE_S / POLL_S)):
            if not await _answers(url):
                return
            await asyncio.sleep(POLL_S)


def _read_url(path: Path) -> str | None:
    try:
        found = json.loads(read_text(path) or "null")
    except (ConfigurationError, ValueError, RecursionError):  # being replaced, or spoilt
        return None
    url = found.get("url") if isinstance(found, dict) else None
    return url if isinstance(url, str) else None


def _write_private(path: Path, value: dict[str, str | int]) -> None:
    """Write the file so that only its owner may read it, and so that nobody ever reads half of
    it.
    """
    make_folder(path.parent)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with open_private(part, "x") as file:
        json.dump(value, file)
    part.replace(path)


async def _answers(url: str) -> bool:
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


async def _shutdown(url: str) -> None:
    client = open_client(url, timeout_s=STOP_DEADLINE_S)
    try:
        with contextlib.suppress(*NO_ANSWER):  # a server that goes does not answer
            await client.execute_command("SHUTDOWN")
    finally:
        await client.aclose()
