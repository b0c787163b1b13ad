"""One connection to Redis per process and purpose, with explicit time-outs and no automatic retry.

redis-py's defaults repeat a command whose answer did not come, which runs a push twice. Here
nothing is repeated: an error says what is known, and the caller decides.
"""

import contextlib
import re
from collections.abc import Sequence
from typing import Any, NoReturn, cast
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.typing import EncodableT

from keter.bus.errors import (
    BusDataError,
    BusDeniedError,
    BusRefusedError,
    ConnectionLostError,
    translated,
    translated_answer,
)
from keter.bus.keys import Keys
from keter.bus.scripts import all_scripts, script
from keter.domain.runs import NOBODY
from keter.errors import UnavailableError

SOCKET_TIMEOUT_S = 3.0
CONNECT_TIMEOUT_S = 1.0
BLOCK_S = 1  # longest wait inside the server; must stay well under SOCKET_TIMEOUT_S
ORDINARY_CONNECTIONS = 16
BLOCKING_CONNECTIONS = 4

_TLS_ERROR = re.compile(r"\[(?:SSL|X509)[^\]]*\] ([^(]*[^(. ])")

Arg = bytes | str | int | float


class Batch(Pipeline):
    """Several commands in one round trip. Errors come out as ours."""

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        with translated():
            answers = await super().execute(raise_on_error)
        return answers if raise_on_error else [translated_answer(one) for one in answers]


class Client(Redis):
    """redis-py's client whose errors are ours."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        with translated():
            return await self._send(*args, **options)

    async def _send(self, *args: Any, **options: Any) -> Any:
        return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py leaves it untyped

    def batch(self, *, atomic: bool = False) -> Batch:
        """Commands to be sent together; ``atomic`` wraps them in MULTI."""
        return Batch(self.connection_pool, self.response_callbacks, atomic, None)

    async def run(self, name: str, keys: Sequence[Arg], args: Sequence[Arg]) -> Any:
        """The answer of a script of ours.

        Repeats it only when the server did not know it, that is: did not run it.
        """
        found = script(name)
        call: tuple[EncodableT, ...] = ("EVALSHA", found.sha, len(keys), *keys, *args)
        with translated():
            try:
                return await self._send(*call)
            except NoScriptError:
                await self._send("SCRIPT LOAD", found.source)
                return await self._send(*call)

    async def load_scripts(self) -> None:
        """Give the server every script of ours beforehand."""
        async with self.batch() as batch:
            for each in all_scripts():
                batch.script_load(each.source)
            await batch.execute()

    async def read_hash(self, key: str) -> dict[str, bytes]:
        """All fields of a hash; empty when there is none."""
        return {
            name.decode(): value
            for name, value in (await self.execute_command("HGETALL", key)).items()
        }

    async def read_list(self, key: str, start: int, stop: int) -> list[bytes]:
        """A slice of a list, both ends included."""
        return cast("list[bytes]", await self.execute_command("LRANGE", key, start, stop))


class Bus:
    """What a process needs of Redis.

    ``redis`` serves ordinary calls, ``blocking`` waits on bells only; both answer bytes.

    ``run_id`` is the run that its user belongs to: locks are given to the run alone that owns this
    Redis.
    """

    def __init__(self, redis: Client, blocking: Client, keys: Keys, run_id: str = NOBODY) -> None:
        self.redis = redis
        self.blocking = blocking
        self.keys = keys
        self.run_id = run_id

    async def now_ms(self) -> int:
        """The server's clock, in milliseconds since the epoch: the only one that all processes
        share.
        """
        seconds, micros = await self.redis.execute_command("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def replace_connections(self, other: "Bus") -> None:
        """Goes on with the connections of ``other``, which must not be used or closed any more, and
        closes its own.
        """
        past = Bus(self.redis, self.blocking, self.keys)
        self.redis, self.blocking, self.keys = other.redis, other.blocking, other.keys
        await past.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self.redis.aclose()
        await self.blocking.aclose()


class _NoConnections(BlockingConnectionPool):
    """Stands for a Redis nobody can reach: whoever asks for a connection is told why."""

    def __init__(self, why: str) -> None:
        super().__init__(max_connections=1)
        self._why = why

    async def get_connection(
        self, command_name: str | None = None, *keys: Any, **options: Any
    ) -> NoReturn:
        raise RedisConnectionError(self._why)


def absent(why: str, *, prefix: str = "") -> Bus:
    """A bus without a Redis, until it adopts another: every call raises ConnectionLostError with
    ``why``.
    """
    return Bus(
        Client(connection_pool=_NoConnections(why)),
        Client(connection_pool=_NoConnections(why)),
        Keys(prefix),
    )


async def connect(url: str, *, prefix: str = "") -> Bus:
    """Open the bus and makes sure that Redis answers and takes our scripts.

    Raises UnavailableError with one sentence that names the address and never the password,
    BusRefusedError while Redis is loading or full.
    """
    try:
        bus = Bus(
            open_client(url, ORDINARY_CONNECTIONS),
            open_client(url, BLOCKING_CONNECTIONS),
            Keys(prefix),
        )
    except (ValueError, TypeError, RedisError) as e:
        # What the settings have not looked at, such as a spoilt run file.
        raise UnavailableError(
            "the address of Redis is none; REDIS_URL must be like redis://host:6379/0"
        ) from e
    try:
        await bus.redis.load_scripts()
    except ConnectionLostError as e:
        await bus.aclose()
        raise UnavailableError(_why_silent(url, str(e))) from e
    except BusDataError as e:
        await bus.aclose()
        raise UnavailableError(
            f"{e}; REDIS_URL names a database that {address(url)} lacks, or it is no real Redis"
        ) from e
    except BaseException:
        await bus.aclose()
        raise
    return bus


async def forget_members(bus: Bus, key: str, members: Sequence[str]) -> None:
    """Take members out of a sorted set that stand for nothing any more.

    A Redis that takes no writes can still be read: then they stay until it does.
    """
    with contextlib.suppress(BusRefusedError, BusDeniedError):
        await bus.redis.execute_command("ZREM", key, *members)


def address(url: str) -> str:
    """``host:port`` or the socket's path of a Redis address, without user or password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path


def _why_silent(url: str, said: str) -> str:
    """What to tell of a server that could not be talked to; ``said`` is the error from below."""
    at, tls = f"Redis at {address(url)}", urlsplit(url).scheme == "rediss"
    if (found := _TLS_ERROR.search(said)) is not None:
        return (
            f"TLS with {at} failed: {found[1]}; check its certificate, its name, and the files that"
            " REDIS_URL names"
        )
    if tls and "No such file" in said:
        return (
            f"TLS with {at} cannot begin: a file that REDIS_URL names in ssl_ca_certs, ssl_certfile"
            " or ssl_keyfile is missing"
        )
    if tls and "Timeout" in said:
        return (
            f"{at} does not answer in TLS; is it running, and does that port speak TLS? One without"
            " is reached by redis://"
        )
    if not tls and ("reset by peer" in said or "closed by server" in said):
        return f"{at} closed the connection; is it Redis? One that speaks TLS only is reached by rediss://"
    return f"{at} does not answer; is it running, and is the address right?"


def without_login(url: str) -> str:
    """A Redis address without user, password and options: two of the same server and database are
    equal.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        return f"{parts.scheme}://{parts.path}"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port or 6379}/{parts.path.strip('/') or 0}"


def open_client(url: str, connections: int = 1, *, timeout_s: float = SOCKET_TIMEOUT_S) -> Client:
    """Return a client that connects with its first command. The caller closes it.

    Raises ValueError for an address that is none.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=connections,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        protocol=2,
    )
    client = Client(connection_pool=pool)
    client.auto_close_connection_pool = True
    return client
