"""Which run owns this Redis.

One run owns all keys under a prefix; no other gets a lease or sends a bet through it.

``keter up`` claims the record at its start, renews it while it runs and removes it when it stops.
The record of a supervisor that died expires. The same instance can claim it again at once.
"""

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.errors import NotOwnerError, PoisonedPayloadError
from keter.bus.keys import OWNER_MS
from keter.domain.runs import NOBODY, OwnerRecord


async def claim(bus: Bus, record: OwnerRecord) -> OwnerRecord | None:
    """Make the run of ``record`` the owner and end every arming.

    Return None if that is done, else the record of the owner.
    """
    keys = bus.keys
    taken = await bus.redis.run("owner_claim", [keys.owner, keys.armed], _fields(record))
    return decode(OwnerRecord, taken) if taken is not None else None


async def keep(bus: Bus, record: OwnerRecord) -> bool:
    """Renew the record, or restore it if Redis lost it.

    Return False if another run is the owner.
    """
    return bool(await bus.redis.run("owner_keep", [bus.keys.owner], _fields(record)))


async def give_back(bus: Bus, record: OwnerRecord) -> bool:
    """Remove the record; return False if another run is the owner."""
    return bool(await bus.redis.run("owner_keep", [bus.keys.owner], [*_fields(record)[:3], 0]))


async def read_owner(bus: Bus) -> OwnerRecord | None:
    """Return the owner's record, None if nobody owns this Redis.

    Raises PoisonedPayloadError for a record that cannot be decoded.
    """
    payload = await bus.redis.execute_command("HGET", bus.keys.owner, "record")
    return decode(OwnerRecord, payload) if payload is not None else None


async def owner_id(bus: Bus) -> str:
    """Return the id of the run that owns this Redis, NOBODY if none does."""
    found = await bus.redis.execute_command("HGET", bus.keys.owner, "run_id")
    return found.decode() if found is not None else NOBODY


async def refuse_strangers(bus: Bus) -> None:
    """Raise NotOwnerError if this Redis belongs to another run than the bus.

    A Redis that nobody owns counts as ours.
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
