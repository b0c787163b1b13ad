"""The supervisor's Redis: the configured one, or a private one.

A configured server is checked only.
A private one is started first, started again when it ends, and stopped last.
"""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import structlog

from keter.backoff import HEALTHY_S, restart_backoff
from keter.bus.connection import address, connect
from keter.errors import UnavailableError
from keter.redis_server import watchdog
from keter.redis_server.choosing import RedisKind, plan_redis
from keter.redis_server.private import PrivateRedis
from keter.redis_server.probe import probe, refuse_for_live
from keter.settings import Settings
from keter.system.process import spawn_options
from keter.trust import require_safe_redis

WATCHDOG_GRACE_S = 7.0  # a little more than the workers need to stop after the supervisor's death
KINDS = {
    RedisKind.LOCAL: "private server",
    RedisKind.BUNDLED: "private server (bundled)",
    RedisKind.FAKE: "IMITATION",
}

log = structlog.get_logger("keter.supervision.supervisor")


class RedisService:
    """One Redis from the first to the last moment of a supervisor."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plan = plan_redis(settings)
        self._private = (
            None
            if self._plan.kind is RedisKind.CONFIGURED
            else PrivateRedis(settings, plan=self._plan)
        )
        self._watchdog: asyncio.subprocess.Process | None = None
        self._version = self._plan.version
        self.problems: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Its address with the password: secret."""
        if self._private is not None:
            return self._private.url
        return self._plan.url.get_secret_value() if self._plan.url is not None else ""

    @property
    def description(self) -> str:
        """Its kind, version and address without the password, for the operator."""
        kind = KINDS.get(self._plan.kind, "configured")
        return f"{kind} {self._version or ''}".strip() + f" at {address(self.url)}"

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences that the operator should know."""
        return tuple(filter(None, (self._plan.notice, self._lost, *self.problems)))

    @property
    def _lost(self) -> str:
        """A sentence about data that the private server could not read, else empty."""
        if self._private is None or self._private.moved_aside is None:
            return ""
        return (
            "this Redis cannot read the data of the last one, which are now in"
            f" {self._private.moved_aside}; it began empty: queues and prices come again, bets and"
            " limits from the ledger"
        )

    async def start(self) -> None:
        """Start it where it is ours, and check that it is good enough.

        Raises UnavailableError when it does not answer.
        Raises ConfigurationError when LIVE may not depend on it.
        """
        if self._private is not None:
            await self._private.start()
            await self._notify_watchdog(self._private)
        try:
            await self._examine()
        except BaseException:
            await self.stop()
            raise

    async def _examine(self) -> None:
        require_safe_redis(self._settings, self.url)
        bus = await connect(self.url, prefix=self._settings.redis.redis_key_prefix)
        try:
            facts = await (refuse_for_live(bus) if self._settings.live else probe(bus))
        finally:
            await bus.aclose()
        self._version = facts.version or self._version
        self.problems = () if facts.is_fake else facts.problems

    async def keep_alive(self) -> None:
        """Start a private server again whenever it ends, on the same address and data.

        Never returns.
        """
        if self._private is None:
            await asyncio.Event().wait()
            return
        backoff, clock = restart_backoff(), asyncio.get_running_loop().time
        while True:
            began = clock()
            code = await self._private.wait()
            if clock() - began >= HEALTHY_S:
                backoff.reset()
            log.error("the private Redis ended; starting it again", exit_code=code)
            try:
                await self._private.start()
                await self._notify_watchdog(self._private)
                if self._lost:
                    log.error("the private Redis began empty", reason=self._lost)
            except UnavailableError as e:
                log.error("the private Redis does not start", error=str(e))  # noqa: TRY400 - the sentence is enough
            await asyncio.sleep(backoff.next())

    async def _notify_watchdog(self, private: PrivateRedis) -> None:
        if self._watchdog is None or self._watchdog.returncode is not None:
            self._watchdog = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(Path(watchdog.__file__)),
                str(WATCHDOG_GRACE_S),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                **spawn_options(),
            )
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.write(f"{private.pid}\n".encode())
            # A watchdog that ended is replaced with the next start.
            with contextlib.suppress(ConnectionError):
                await self._watchdog.stdin.drain()

    async def stop(self) -> None:
        """Stop what is ours. A configured server is left alone."""
        if self._watchdog is not None and self._watchdog.returncode is None:
            self._watchdog.kill()
            await self._watchdog.wait()
        if self._private is not None:
            await self._private.stop()
