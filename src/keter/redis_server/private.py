"""A Redis of our own: a child process on loopback with a random password.

It has its append-only file on and never evicts.

The configuration goes to the server through standard input.
So the password is on no command line.

Data that the server cannot read are moved aside and it starts empty.
They are another server's or damaged. The ledger holds what counts and restores the rest.
"""

import asyncio
import contextlib
import re
import secrets
import shutil
from pathlib import Path
from subprocess import DEVNULL, PIPE

from keter.clock import Clock, SystemClock
from keter.errors import UnavailableError
from keter.redis_server.address import (
    POLL_S,
    STOP_DEADLINE_S,
    answers,
    run_file,
    shut_down,
    stop_server_of,
    write_run_file,
)
from keter.redis_server.choosing import RedisKind, RedisPlan, plan_redis
from keter.settings import Settings
from keter.system.addresses import LOOPBACK, free_port
from keter.system.machine import memory_bytes, redis_memory_mb
from keter.system.private_files import make_folder, write_private
from keter.system.process import private_umask, spawn_options

START_DEADLINE_S = 30.0  # loading a large append-only file takes a while
LAST_LINES = 2
MOVED_ASIDE = "redis-unreadable"
_UNREADABLE = re.compile(
    r"bad file format|rdb format version|wrong signature|loading (?:the )?db|rdb reading|aof"
    r" manifest",
    re.IGNORECASE,
)


class PrivateRedis:
    """One server process at a time.

    ``start`` after it has ended brings it back on the same address with the same data.
    ``moved_aside`` is where ``start`` moved data that the server could not read, else None.
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
        self.moved_aside: Path | None = None

    @property
    def url(self) -> str:
        """Its address with the password: secret. It is known after ``start`` and never changes."""
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
        """Wait until the server has ended and return its exit code.

        A negative one is the signal that ended it.
        """
        if self._process is None:
            raise ValueError("not started")
        return await self._process.wait()

    async def start(self) -> None:
        """Start the server and wait until it answers.

        Raises UnavailableError with what the server said last.
        """
        if self.running:
            return
        self.moved_aside = None
        await stop_server_of(self._run_file)
        self._port = self._port or free_port()
        try:
            await self._start()
        except OSError as e:
            await self._end(0)
            name = e.filename2 or e.filename  # of a renaming, the name that was to be replaced
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
            self._move_aside()
            process = await self._begin()
        write_run_file(self._run_file, url=self.url, kind=self.plan.kind.value, pid=process.pid)

    async def stop(self) -> None:
        """Send SHUTDOWN, which makes it write everything. End it after STOP_DEADLINE_S.

        Stopping twice is no error.
        """
        if self.running and self.plan.kind is not RedisKind.FAKE:
            await shut_down(self.url)
        await self._end(STOP_DEADLINE_S)
        with contextlib.suppress(OSError):  # somebody put a folder there
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

    def _move_aside(self) -> None:
        self.moved_aside = self._folder.with_name(MOVED_ASIDE)
        shutil.rmtree(self.moved_aside, ignore_errors=True)
        self._folder.rename(self.moved_aside)

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
            # It may end before it has read everything: the wait for its answer reports that.
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
        while not await answers(self.url):
            if not self.running:
                raise UnavailableError(f"the private Redis did not start: {self._last_words()}")
            if self._clock.monotonic() > deadline:
                raise UnavailableError(
                    f"the private Redis did not answer within {START_DEADLINE_S:g} s"
                )
            await asyncio.sleep(POLL_S)

    def _last_words(self) -> str:
        said = [line.partition(" # ")[2] or line for line in self._log().splitlines()]
        # Warnings are about the system's settings and come at every start.
        reasons = [line for line in said if not line.startswith("WARNING")]
        return "; ".join(reasons[-LAST_LINES:]) or f"{self.plan.command[0]} ended without a word"

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
