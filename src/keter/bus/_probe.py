"""What a server is like, and whether it is good enough: asked of the server itself, not guessed from its version."""

from datetime import UTC, datetime

import msgspec
from redis.exceptions import NoPermissionError, OutOfMemoryError, ReadOnlyError, ResponseError

from keter.bus._plan import LEAST_VERSION
from keter.bus.connection import Bus
from keter.bus.errors import BusDataError
from keter.clock import random_id
from keter.errors import ConfigurationError, UnavailableError

MOST_CLOCK_OFFSET_S = 2.0
MEMORY_ALERT_SHARE = 0.7
_REFUSALS = (OutOfMemoryError, ReadOnlyError, NoPermissionError)
_REFUSED_WORDS = ("MISCONF", "NOREPLICAS", "NOPERM", "BUSY", "LOADING", "MASTERDOWN")


class ServerFacts(msgspec.Struct, frozen=True):
    """What the server said of itself; None where it does not tell. ``problems`` are sentences, empty when all is well."""

    version: str | None
    aof: bool | None
    policy: str | None
    used_memory_bytes: int | None
    max_memory_bytes: int | None
    clock_offset_s: float
    missing: tuple[str, ...]
    is_fake: bool

    @property
    def problems(self) -> tuple[str, ...]:
        found = []
        if self.version is not None and _numbers(self.version) < LEAST_VERSION:
            found.append(f"Redis {self.version} is too old; Keter needs {'.'.join(map(str, LEAST_VERSION))} or newer")
        if self.missing:
            found.append(f"Redis does not know {', '.join(self.missing)}; use another server")
        if self.policy is not None and self.policy != "noeviction":
            found.append(f"maxmemory-policy is {self.policy}: Redis may drop queues and locks; set it to noeviction")
        if self.aof is False:
            found.append("appendonly is off: a crash of Redis loses queues and locks; set appendonly yes, appendfsync everysec")
        if self.memory_share >= MEMORY_ALERT_SHARE:
            found.append(f"Redis has used {self.memory_share:.0%} of maxmemory; raise maxmemory before it refuses to write")
        if abs(self.clock_offset_s) > MOST_CLOCK_OFFSET_S:
            found.append(f"the clock of Redis is {self.clock_offset_s:+.1f} s off ours; synchronise both clocks")
        return tuple(found)

    @property
    def memory_share(self) -> float:
        """Used share of maxmemory; 0 where there is no limit or it is not told."""
        return (self.used_memory_bytes or 0) / self.max_memory_bytes if self.max_memory_bytes else 0.0


async def probe(bus: Bus) -> ServerFacts:
    """Asks the server what it is. Raises UnavailableError when it does not answer."""
    info = await _info(bus)
    before = datetime.now(UTC)
    server_ms = await bus.now_ms()
    middle = before + (datetime.now(UTC) - before) / 2
    aof, policy = info.get("aof_enabled"), info.get("maxmemory_policy")
    return ServerFacts(
        version=info.get("valkey_version") or info.get("redis_version"),
        aof=aof == "1" if aof is not None else None,
        policy=policy,
        used_memory_bytes=_number(info.get("used_memory")),
        max_memory_bytes=_number(info.get("maxmemory")),
        clock_offset_s=round(server_ms / 1000 - middle.timestamp(), 3),
        missing=await _missing(bus),
        is_fake=not info,
    )


async def refuse_for_live(bus: Bus) -> ServerFacts:
    """Raises ConfigurationError unless money may depend on this server: real, with all we need, and never evicting."""
    facts = await probe(bus)
    if facts.is_fake:
        raise ConfigurationError("LIVE refuses this Redis: it is an imitation that keeps nothing; set REDIS_URL to a real one")
    if facts.missing or (facts.policy is not None and facts.policy != "noeviction"):
        raise ConfigurationError(f"LIVE refuses this Redis: {'; '.join(facts.problems)}")
    return facts


async def server_life(bus: Bus) -> str | None:
    """What names this life of the server: another one after every restart. None where it does not tell."""
    found = (await _info(bus, "server")).get("run_id")
    return str(found) if found is not None else None


async def _info(bus: Bus, *sections: str) -> dict[str, str]:
    """INFO as text fields, all or those of some sections; empty when the server has none, which tells an imitation."""
    try:
        found = await bus.redis.execute_command("INFO", *sections)
    except (BusDataError, UnavailableError) as e:
        if isinstance(e.__cause__, ResponseError):
            return {}
        raise
    return {str(name): str(value) for name, value in found.items()}


async def _missing(bus: Bus) -> tuple[str, ...]:
    """Tries what the scripts and we use, on keys of its own; whatever the server refuses."""
    trials = _trials(f"{bus.keys.prefix}probe:{random_id()}")
    async with bus.redis.batch() as batch:
        for command in trials:
            batch.execute_command(*command)
        answers = await batch.execute(raise_on_error=False)
    return tuple(str(command[0]) for command, answer in zip(trials, answers, strict=True) if _unknown(answer))


def _unknown(answer: object) -> bool:
    """Whether the server does not know a command: one that is full, read-only or denied to us does."""
    if not isinstance(answer, ResponseError) or isinstance(answer, _REFUSALS):
        return False
    return not str(answer).startswith(_REFUSED_WORDS)


def _trials(key: str) -> tuple[tuple[str | int, ...], ...]:
    a_list, a_set, a_zset, a_hash = (f"{key}:{kind}" for kind in ("list", "set", "zset", "hash"))
    return (
        ("SET", key, "1", "NX", "PX", 1000),
        ("RPUSH", a_list, "a", "b", "c"),
        ("LPOP", a_list, 1),
        ("LMOVE", a_list, a_list, "LEFT", "RIGHT"),
        ("BLPOP", a_list, 1),
        ("SADD", a_set, "a"),
        ("SMISMEMBER", a_set, "a", "b"),
        ("ZADD", a_zset, 1, "a"),
        ("ZRANGEBYSCORE", a_zset, "-inf", "+inf"),
        ("HSETNX", a_hash, "a", "1"),
        ("PEXPIRE", a_hash, 1000),
        ("EVAL", "return redis.call('TIME')[1]", 0),
        ("UNLINK", key, a_list, a_set, a_zset, a_hash),
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
