"""What a server can do, and whether that is enough.

The server itself is asked: nothing is guessed from its version.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from keter.bus.connection import Bus
from keter.bus.errors import (
    ONE_NODE,
    RIGHTS,
    BusDataError,
    BusDeniedError,
    BusRefusedError,
    ConnectionLostError,
)
from keter.clock import random_id
from keter.errors import ConfigurationError, KeterError, UnavailableError
from keter.redis_server.choosing import LEAST_VERSION, version_numbers

MOST_CLOCK_OFFSET_S = 2.0
MEMORY_ALERT_SHARE = 0.7
NO_RIGHTS, REPLICA = "rights", "replica"
ALL_SLOTS = 16_384


class Refusal(msgspec.Struct, frozen=True):
    """Why the server refused a command that it knows: its own words, and what cures it."""

    kind: str
    said: str
    cure: str

    def __str__(self) -> str:
        return f"Redis refuses: {self.said}; {self.cure}"


# By the word that the server's reason begins with: the kind of refusal, and what cures it.
_REFUSALS = {
    "READONLY": (
        REPLICA,
        "it is a replica; set REDIS_URL or REDIS_HOST to the primary, or make it one",
    ),
    "OOM": ("full", "it is full; raise its maxmemory, or free memory"),
    "MISCONF": ("disk", "it cannot write to its disk; make room there and look into its log"),
    **dict.fromkeys(
        ("NOREPLICAS", "LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN"),
        ("state", "look into its log"),
    ),
}


class ServerFacts(msgspec.Struct, frozen=True):
    """What the server reported of itself. None where it does not report it.

    ``clock_offset_s`` is its clock minus ours. ``missing`` are commands that it does not know.
    """

    version: str | None
    aof: bool | None
    policy: str | None
    used_memory_bytes: int | None
    max_memory_bytes: int | None
    clock_offset_s: float
    missing: tuple[str, ...]
    is_fake: bool
    refusals: tuple[Refusal, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences for the operator, none when all is well."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[str]:
        if self.version is not None and version_numbers(self.version) < LEAST_VERSION:
            least = ".".join(map(str, LEAST_VERSION))
            yield f"Redis {self.version} is too old; Keter needs {least} or newer"
        yield from map(str, self.refusals)
        if self.missing:
            yield f"Redis does not know {', '.join(self.missing)}; use another server"
        if self.policy is not None and self.policy != "noeviction":
            yield (
                f"maxmemory-policy is {self.policy}: Redis may drop queues and locks; set it to"
                " noeviction"
            )
        if self.aof is False:
            yield (
                "appendonly is off: a crash of Redis loses queues and locks; set appendonly yes,"
                " appendfsync everysec"
            )
        if self.memory_share >= MEMORY_ALERT_SHARE:
            yield (
                f"Redis has used {self.memory_share:.0%} of maxmemory; raise maxmemory before it"
                " refuses to write"
            )
        if abs(self.clock_offset_s) > MOST_CLOCK_OFFSET_S:
            yield (
                f"the clock of Redis is {self.clock_offset_s:+.1f} s off ours; synchronise both"
                " clocks"
            )

    @property
    def memory_share(self) -> float:
        """Used share of maxmemory, 0 where there is no limit or it is not known."""
        return (
            (self.used_memory_bytes or 0) / self.max_memory_bytes if self.max_memory_bytes else 0.0
        )


async def probe(bus: Bus) -> ServerFacts:
    """Ask the server what it is, and try the commands that we use.

    Raises UnavailableError when it does not answer, or is one of several nodes of a cluster.
    """
    info = await _info(bus)
    if info.get("cluster_enabled") == "1":
        await _need_all_slots(bus)
    before = datetime.now(UTC)
    server_ms = await bus.now_ms()
    middle = before + (datetime.now(UTC) - before) / 2
    aof, policy = info.get("aof_enabled"), info.get("maxmemory_policy")
    missing, refusals = await _try_out(bus)
    return ServerFacts(
        version=info.get("valkey_version") or info.get("redis_version"),
        aof=aof == "1" if aof is not None else None,
        policy=policy,
        used_memory_bytes=_number(info.get("used_memory")),
        max_memory_bytes=_number(info.get("maxmemory")),
        clock_offset_s=round(server_ms / 1000 - middle.timestamp(), 3),
        missing=missing,
        is_fake=not info,
        refusals=refusals,
    )


async def refuse_for_live(bus: Bus) -> ServerFacts:
    """Return the facts of a server that money may depend on.

    It must be real, know every command, never evict, and be no replica.

    Raises ConfigurationError for what the operator must change.
    Raises UnavailableError for what may pass, as when a primary became a replica.
    """
    facts = await probe(bus)
    if facts.is_fake:
        raise ConfigurationError(
            "LIVE refuses this Redis: it is an imitation that keeps nothing; set REDIS_URL to a"
            " real one"
        )
    if facts.missing or (facts.policy is not None and facts.policy != "noeviction"):
        raise ConfigurationError(f"LIVE refuses this Redis: {'; '.join(facts.problems)}")
    kinds = {refusal.kind: refusal for refusal in facts.refusals}
    if (rights := kinds.get(NO_RIGHTS)) is not None:
        raise ConfigurationError(f"LIVE refuses this Redis: {rights}")
    if (replica := kinds.get(REPLICA)) is not None:
        raise UnavailableError(str(replica))
    return facts


async def server_life(bus: Bus) -> str | None:
    """Return the server's run id, which changes with every restart, or None if it has none."""
    found = (await _info(bus, "server")).get("run_id")
    return str(found) if found is not None else None


async def _info(bus: Bus, *sections: str) -> dict[str, str]:
    """Return INFO as text fields, all or those of ``sections``.

    Return an empty dictionary where the server does not know INFO: that is an imitation.
    """
    try:
        found = await bus.redis.execute_command("INFO", *sections)
    except BusDataError:
        return {}
    return {str(name): str(value) for name, value in found.items()}


async def _need_all_slots(bus: Bus) -> None:
    """Raise UnavailableError unless this node alone serves the whole cluster."""
    info = await bus.redis.execute_command("CLUSTER INFO")
    if not isinstance(info, dict):
        info = dict(line.split(":", 1) for line in bytes(info).decode().split() if ":" in line)
    nodes, slots = int(info.get("cluster_size", 0)), int(info.get("cluster_slots_assigned", 0))
    if nodes != 1 or slots != ALL_SLOTS:
        raise UnavailableError(
            f"this Redis is a cluster with {nodes} nodes that serve {slots} of {ALL_SLOTS} slots;"
            f" {ONE_NODE}"
        )


async def _try_out(bus: Bus) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """Try every command that the scripts and we use, on keys of its own.

    Return the commands that the server does not know, and why it refused others.
    """
    trials = _trials(f"{bus.keys.prefix}probe:{random_id()}")
    async with bus.redis.batch() as batch:
        for command in trials:
            batch.execute_command(*command)
        answers = await batch.execute(raise_on_error=False)
    missing: list[str] = []
    refusals: dict[str, Refusal] = {}
    for command, answer in zip(trials, answers, strict=True):
        # A connection that was lost says nothing of a command.
        if not isinstance(answer, KeterError) or isinstance(answer, ConnectionLostError):
            continue
        refusal = refusal_of(answer)
        if refusal is None:
            missing.append(str(command[0]))
        else:
            refusals.setdefault(refusal.kind, refusal)
    return tuple(missing), tuple(refusals.values())


def refusal_of(error: KeterError) -> Refusal | None:
    """Return what the error says of the server's state, None if it does not know the command."""
    said = str(error.__cause__).partition(" (")[0]  # redis-py puts the command behind it
    if isinstance(error, BusDeniedError):
        return Refusal(NO_RIGHTS, said, RIGHTS)
    found = _REFUSALS.get(error.word) if isinstance(error, BusRefusedError) else None
    return Refusal(found[0], said, found[1]) if found is not None else None


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


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None
