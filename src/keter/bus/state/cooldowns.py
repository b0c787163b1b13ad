"""Rests after an attempt: an event or a selection is left alone until its key expires."""

from collections.abc import AsyncIterator
from math import inf

import msgspec

from keter.bus.connection import Bus
from keter.domain.verdicts import Reason

SCAN_COUNT = 1_000


class Cooldown(msgspec.Struct, frozen=True):
    """A rest that is under way. ``key`` is its name in Redis, to clear it by."""

    key: str
    reason: str
    remaining_s: float


async def cool_down(
    bus: Bus, *, event_uid: str, seconds: float, reason: str, selection_id: str | None = None
) -> None:
    """Lets the event, or only one of its selections, rest.

    A longer rest under way is not shortened; 0 s is none.
    """
    ms = round(seconds * 1000)
    if ms > 0:
        key = bus.keys.cooldown_event(event_uid)
        if selection_id is not None:
            key = bus.keys.cooldown_selection(event_uid, selection_id)
        await bus.redis.run("cool_down", [key], [ms, reason])


async def cooling(bus: Bus, event_uid: str, selection_id: str) -> Reason | None:
    """Why the selection must be left alone for the moment, None when it need not."""
    event, selection = await _read(bus, event_uid, selection_id)
    if _rests(*event):
        return Reason.COOLDOWN_EVENT
    return Reason.COOLDOWN_SELECTION if _rests(*selection) else None


async def rest_left_s(bus: Bus, event_uid: str, selection_id: str) -> float:
    """Seconds for which ``cooling`` will still refuse the selection; 0 when it does not."""
    event, selection = await _read(bus, event_uid, selection_id)
    return (
        max(
            [int(left_ms) for value, left_ms in (event, selection) if _rests(value, left_ms)],
            default=0,
        )
        / 1000
    )


async def list_cooldowns(bus: Bus) -> list[Cooldown]:
    """Every rest under way, longest first. Walks over all keys: for people, not for loops."""
    keys = [key async for key in _keys_like(bus, f"{bus.keys.prefix}cooldown:*")]
    found = []
    for key in keys:
        async with bus.redis.batch() as batch:
            batch.get(key)
            batch.pttl(key)
            value, left_ms = await batch.execute()
        if _rests(value, left_ms):
            found.append(Cooldown(key, _parts(value)[0], max(left_ms, 0) / 1000))
    return sorted(found, key=lambda cooldown: (-cooldown.remaining_s, cooldown.key))


async def clear_cooldown(bus: Bus, key: str) -> bool:
    """End a rest early; False when there was none.

    Raises ValueError for a key that is no cooldown.
    """
    if not key.startswith(f"{bus.keys.prefix}cooldown:"):
        raise ValueError(f"not a cooldown: {key!r}")
    return bool(await bus.redis.execute_command("DEL", key))


async def _read(
    bus: Bus, event_uid: str, selection_id: str
) -> tuple[tuple[bytes | None, int], tuple[bytes | None, int]]:
    """Value and milliseconds left of the event's rest and of the selection's."""
    async with bus.redis.batch() as batch:
        for key in (
            bus.keys.cooldown_event(event_uid),
            bus.keys.cooldown_selection(event_uid, selection_id),
        ):
            batch.get(key)
            batch.pttl(key)
        event, event_ms, selection, selection_ms = await batch.execute()
    return (event, event_ms), (selection, selection_ms)


def _rests(value: bytes | None, left_ms: int) -> bool:
    """Whether a rest is under way.

    With more than a whole rest left the server's clock was set back: that is none.
    """
    return value is not None and left_ms <= _parts(value)[1]


def _parts(value: bytes) -> tuple[str, float]:
    """Reason and whole rest in ms; a value of another version tells no rest, and counts."""
    reason, _, whole = value.decode().rpartition("|")
    return (reason, int(whole)) if whole.isdigit() and reason else (value.decode(), inf)


async def _keys_like(bus: Bus, pattern: str) -> AsyncIterator[str]:
    async for key in bus.redis.scan_iter(match=pattern, count=SCAN_COUNT):
        yield key.decode() if isinstance(key, bytes) else key
