"""Whose this Redis is.

One run owns all keys under a prefix; no other gets a lease or sends a bet through it.

``keter up`` claims the record at its start, keeps it alive while it runs and gives it back when it
stops. One whose supervisor died ends by itself; the same instance takes it over at once.
"""

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.errors import NotOwnerError, PoisonedPayloadError
from keter.bus.keys import OWNER_MS
from keter.domain.runs import NOBODY, OwnerRecord


async def claim(bus: Bus, record: OwnerRecord) -> OwnerRecord | None:
    """Make the run of ``record`` the owner and ends every arming; None when done, else the record
    of who owns it.
    """
    keys = bus.keys
    taken = await bus.redis.run("owner_claim", [keys.owner, keys.armed], _fields(record))
    return decode(OwnerRecord, taken) if taken is not None else None


async def keep(bus: Bus, record: OwnerRecord) -> bool:
    """Renews the record, or restores it where Redis lost it; False when another run is the
    owner.
    """
    return bool(await bus.redis.run("owner_keep", [bus.keys.owner], _fields(record)))


async def give_back(bus: Bus, record: OwnerRecord) -> bool:
    """Remove the record; False when another run is the owner."""
    return bool(await bus.redis.run("owner_keep", [bus.keys.owner], [*_fields(record)[:3], 0]))


async def read_owner(bus: Bus) -> OwnerRecord | None:
    """The record that stands, None when nobody owns this Redis.

    Raises PoisonedPayloadError for one that cannot be read.
    """
    payload = await bus.redis.execute_command("HGET", bus.keys.owner, "record")
    return decode(OwnerRecord, payload) if payload is not None else None


async def owner_id(bus: Bus) -> str:
    """The run that owns this Redis; NOBODY when none does."""
    found = await bus.redis.execute_command("HGET", bus.keys.owner, "run_id")
    return found.decode() if found is not None else NOBODY


async def refuse_strangers(bus: Bus) -> None:
    """Raise NotOwnerError when this Redis belongs to another run than the bus' own; nobody's
    counts as ours.
    """
    found = await owner_id(bus)
    if found not in {NOBODY, bus.run_id}:
        raise NotOwnerError(await _whose(bus))


async def _whose(bus: Bus) -> str:
    try:
        record = await read_owner(bus)
    except PoisonedPayloadError:
        record = None
    who = (
        f"{record.run.mode.value} on {record.run.machine}" if record is not None else "another run"
    )
    return (
        f"this Redis belongs to another Keter ({who}); set REDIS_KEY_PREFIX to keep the two apart"
    )


def _fields(record: OwnerRecord) -> list[bytes | str | int | float]:
    return [record.run.run_id, record.run.instance_id, encode(record), OWNER_MS]
