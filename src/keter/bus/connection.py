"""One connection to Redis per process and purpose, with explicit time-outs and no automatic retry.

By default redis-py repeats a command whose answer did not come, which can run a push twice. Here
nothing is repeated: an error says what is known, and the caller decides.
"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.typing import EncodableT, FieldT

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
BLOCK_S = 1  # longest wait inside the server; must be well below SOCKET_TIMEOUT_S
ORDINARY_CONNECTIONS = 16
BLOCKING_CONNECTIONS = 4

_TLS_ERROR = re.compile(r"\[(?:SSL|X509)[^\]]*\] ([^(]*[^(. ])")

Arg = bytes | str | int | float


class Batch(Pipeline):
    """Several commands in one round trip. Its errors are ours."""

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
        """Return a batch of commands to be sent together; ``atomic`` wraps them in MULTI."""
        return Batch(self.connection_pool, self.response_callbacks, atomic, None)

    async def run(self, name: str, keys: Sequence[Arg], args: Sequence[Arg]) -> Any:
        """Run a script of ours and return its answer.

        It is sent again only if the server did not know it, and so did not run it.
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
        """Load every script of ours into the server."""
        async with self.batch() as batch:
            for each in all_scripts():
                batch.script_load(each.source)
            await batch.execute()

    async def read_hash(self, key: str) -> dict[str, bytes]:
        """Return all fields of a hash; empty if it does not exist."""
        return {
            name.decode(): value
            for name, value in (await self.execute_command("HGETALL", key)).items()
        }

    async def read_list(self, key: str, start: int, stop: int) -> list[bytes]:
        """Return a slice of a list, both ends included."""
        return cast("list[bytes]", await self.execute_command("LRANGE", key, start, stop))


class Bus:
    """The connections to Redis of one process.

    ``redis`` serves ordinary calls, ``blocking`` waits on bells only; both answer bytes. ``run_id``
    is the run of the process: locks are given only to the run that owns this Redis.
    """

    def __init__(self, redis: Client, blocking: Client, keys: Keys, run_id: str = NOBODY) -> None:
        self.redis = redis
        self.blocking = blocking
        self.keys = keys
        self.run_id = run_id

    async def now_ms(self) -> int:
        """Return the server's time in milliseconds since the epoch.

        It is the only clock that all processes share.
        """
        seconds, micros = await self.redis.execute_command("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def write_record(
        self, key: str, fields: Mapping[FieldT, EncodableT], *, index: str, life_ms: int
    ) -> None:
        """Set ``fields`` of the hash at ``key`` and list it in the sorted set ``index``.

        The hash, and its place in the index, last ``life_ms`` after the latest write.
        """
        now_ms = await self.now_ms()
        async with self.redis.batch(atomic=True) as batch:
            batch.hset(key, mapping=fields)
            batch.pexpire(key, life_ms)
            batch.zadd(index, {key: now_ms})
            batch.zremrangebyscore(index, "-inf", now_ms - life_ms)
            await batch.execute()

    async def replace_connections(self, other: "Bus") -> None:
        """Take over the connections of ``other`` and close the present ones.

        ``other`` must not be used or closed afterwards.
        """
        past = Bus(self.redis, self.blocking, self.keys)
        self.redis, self.blocking, self.keys = other.redis, other.blocking, other.keys
        await past.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self.redis.aclose()
        await self.blocking.aclose()


class _NoConnections(BlockingConnectionPool):
    """The pool of a Redis that cannot be reached: it raises ``why`` for every connection."""

    def __init__(self, why: str) -> None:
        super().__init__(max_connections=1)
        self._why = why

    async def get_connection(
        self, command_name: str | None = None, *keys: Any, **options: Any
    ) -> NoReturn:
        raise RedisConnectionError(self._why)


def absent(why: str, *, prefix: str = "") -> Bus:
    """Return a bus without a Redis, until its connections are replaced.

    Every call raises ConnectionLostError with ``why``.
    """
    return Bus(
        Client(connection_pool=_NoConnections(why)),
        Client(connection_pool=_NoConnections(why)),
        Keys(prefix),
    )


async def connect(url: str, *, prefix: str = "") -> Bus:
    """Open the bus and check that Redis answers and takes our scripts.

    Raises UnavailableError in one sentence with the address and never the password, and
    BusRefusedError while Redis is loading or full.
    """
    try:
        bus = Bus(
            open_client(url, ORDINARY_CONNECTIONS),
            open_client(url, BLOCKING_CONNECTIONS),
            Keys(prefix),
        )
    except (ValueError, TypeError, RedisError) as e:
        # An address that the settings have not checked, such as that of a spoilt run file.
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
    """Remove members of a sorted set whose keys are gone.

    They stay while Redis takes no writes, so that reading still works then.
    """
    with contextlib.suppress(BusRefusedError, BusDeniedError):
        await bus.redis.execute_command("ZREM", key, *members)


def address(url: str) -> str:
    """Return ``host:port`` or the socket's path of a Redis address, without user or password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path


def _why_silent(url: str, said: str) -> str:
    """Return a sentence on a server that could not be reached; ``said`` is the network's error."""
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
        return (
            f"{at} closed the connection; is it Redis? One that speaks TLS only is reached by"
            " rediss://"
        )
    return f"{at} does not answer; is it running, and is the address right?"


def without_login(url: str) -> str:
    """Return a Redis address without user, password and options.

    The results for one server and database are equal.
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
