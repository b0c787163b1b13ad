"""Cooldowns after an attempt: no bet on an event or a selection until its key expires."""

from collections.abc import AsyncIterator
from math import inf

import msgspec

from keter.bus.connection import Bus
from keter.bus.keys import account_of
from keter.domain.verdicts import Reason

SCAN_COUNT = 1_000


class Cooldown(msgspec.Struct, frozen=True):
    """A cooldown under way. ``key`` is its name in Redis, for ``clear_cooldown``."""

    key: str
    reason: str
    remaining_s: float


async def cool_down(
    bus: Bus,
    account: str,
    *,
    event_uid: str,
    seconds: float,
    reason: str,
    selection_id: str | None = None,
) -> None:
    """Start a cooldown of the event on this account, or of only one of its selections.

    A cooldown under way is never shortened. Nothing happens for 0 seconds.
    """
    ms = round(seconds * 1000)
    if ms > 0:
        key = bus.keys.cooldown_event(event_uid, account)
        if selection_id is not None:
            key = bus.keys.cooldown_selection(event_uid, selection_id, account)
        await bus.redis.run("cool_down", [key], [ms, reason])


async def cooling(bus: Bus, account: str, event_uid: str, selection_id: str) -> Reason | None:
    """Return the reason why the selection must not be bet now, None if it may."""
    event, selection = await _read(bus, account, event_uid, selection_id)
    if _under_way(*event):
        return Reason.COOLDOWN_EVENT
    return Reason.COOLDOWN_SELECTION if _under_way(*selection) else None


async def cooldown_left_s(bus: Bus, account: str, event_uid: str, selection_id: str) -> float:
    """Return the seconds for which ``cooling`` still refuses the selection; 0 if it does not."""
    event, selection = await _read(bus, account, event_uid, selection_id)
    left = [left_ms for value, left_ms in (event, selection) if _under_way(value, left_ms)]
    return max(left, default=0) / 1000


async def list_cooldowns(bus: Bus, account: str) -> list[Cooldown]:
    """Return every cooldown of the account under way, longest first.

    Scans all keys: call it for people, not in a loop.
    """
    every = _keys_like(bus, f"{bus.keys.prefix}cooldown:*")
    keys = [key async for key in every if account_of(key) == account]
    found = []
    for key in keys:
        async with bus.redis.batch() as batch:
            batch.get(key)
            batch.pttl(key)
            value, left_ms = await batch.execute()
        if _under_way(value, left_ms):
            found.append(Cooldown(key, _parts(value)[0], max(left_ms, 0) / 1000))
    return sorted(found, key=lambda cooldown: (-cooldown.remaining_s, cooldown.key))


async def clear_cooldown(bus: Bus, key: str) -> bool:
    """End a cooldown early; return False if there was none.

    Raises ValueError for a key that is no cooldown.
    """
    if not key.startswith(f"{bus.keys.prefix}cooldown:"):
        raise ValueError(f"not a cooldown: {key!r}")
    return bool(await bus.redis.execute_command("DEL", key))


async def _read(
    bus: Bus, account: str, event_uid: str, selection_id: str
) -> tuple[tuple[bytes | None, int], tuple[bytes | None, int]]:
    """Return value and milliseconds left of the event's cooldown and of the selection's."""
    async with bus.redis.batch() as batch:
        for key in (
            bus.keys.cooldown_event(event_uid, account),
            bus.keys.cooldown_selection(event_uid, selection_id, account),
        ):
            batch.get(key)
            batch.pttl(key)
        event, event_ms, selection, selection_ms = await batch.execute()
    return (event, event_ms), (selection, selection_ms)


def _under_way(value: bytes | None, left_ms: int) -> bool:
    # With more than a whole cooldown left, the server's clock was set back: it is over.
    return value is not None and left_ms <= _parts(value)[1]


def _parts(value: bytes) -> tuple[str, float]:
    """Return the reason and the whole cooldown in ms.

    The value of another version has no duration and counts as endless until its key expires.
    """
    reason, _, whole = value.decode().rpartition("|")
    return (reason, int(whole)) if whole.isdigit() and reason else (value.decode(), inf)


async def _keys_like(bus: Bus, pattern: str) -> AsyncIterator[str]:
    async for key in bus.redis.scan_iter(match=pattern, count=SCAN_COUNT):
        yield key.decode() if isinstance(key, bytes) else key
