"""Rests after an attempt: an event or a selection is left alone until its key expires."""

from collections.abc import AsyncIterator

import msgspec

from keter.bus.connection import Bus
from keter.domain.verdicts import Reason

SCAN_COUNT = 1_000


class Cooldown(msgspec.Struct, frozen=True):
    """A rest that is under way. ``key`` is its name in Redis, to clear it by."""

    key: str
    reason: str
    remaining_s: float


async def cool_down(bus: Bus, *, event_uid: str, seconds: float, reason: str, selection_id: str | None = None) -> None:
    """Lets the event, or only one of its selections, rest. A longer rest under way is not shortened; 0 s is none."""
    ms = round(seconds * 1000)
    if ms > 0:
        key = bus.keys.cooldown_event(event_uid)
        if selection_id is not None:
            key = bus.keys.cooldown_selection(event_uid, selection_id)
        await bus.redis.run("cool_down", [key], [ms, reason])


async def cooling(bus: Bus, event_uid: str, selection_id: str) -> Reason | None:
    """Why the selection must be left alone for the moment, None when it need not."""
    async with bus.redis.batch() as batch:
        batch.exists(bus.keys.cooldown_event(event_uid))
        batch.exists(bus.keys.cooldown_selection(event_uid, selection_id))
        event, selection = await batch.execute()
    if event:
        return Reason.COOLDOWN_EVENT
    return Reason.COOLDOWN_SELECTION if selection else None


async def rest_left_s(bus: Bus, event_uid: str, selection_id: str) -> float:
    """Seconds for which ``cooling`` will still refuse the selection; 0 when it does not."""
    async with bus.redis.batch() as batch:
        batch.pttl(bus.keys.cooldown_event(event_uid))
        batch.pttl(bus.keys.cooldown_selection(event_uid, selection_id))
        event_ms, selection_ms = await batch.execute()
    return max(int(event_ms), int(selection_ms), 0) / 1000


async def list_cooldowns(bus: Bus) -> list[Cooldown]:
    """Every rest under way, longest first. Walks over all keys: for people, not for loops."""
    keys = [key async for key in _keys_like(bus, f"{bus.keys.prefix}cooldown:*")]
    found = []
    for key in keys:
        async with bus.redis.batch() as batch:
            batch.get(key)
            batch.pttl(key)
            reason, left_ms = await batch.execute()
        if reason is not None:
            found.append(Cooldown(key, reason.decode(), max(left_ms, 0) / 1000))
    return sorted(found, key=lambda cooldown: (-cooldown.remaining_s, cooldown.key))


async def clear_cooldown(bus: Bus, key: str) -> bool:
    """Ends a rest early; False when there was none. Raises ValueError for a key that is no cooldown."""
    if not key.startswith(f"{bus.keys.prefix}cooldown:"):
        raise ValueError(f"not a cooldown: {key!r}")
    return bool(await bus.redis.execute_command("DEL", key))


async def _keys_like(bus: Bus, pattern: str) -> AsyncIterator[str]:
    async for key in bus.redis.scan_iter(match=pattern, count=SCAN_COUNT):
        yield key.decode() if isinstance(key, bytes) else key
