"""Limits that an operator has lowered, as long as they stand."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from keter.bus.connection import Bus
from keter.bus.errors import BusDataError


async def read_limits(bus: Bus) -> dict[str, Decimal]:
    """Amount by name of the setting.

    Raises BusDataError for what is no amount: nobody then knows how low the limit is.
    """
    fields = await bus.redis.read_hash(bus.keys.risk_limits)
    try:
        return {name: Decimal(value.decode()) for name, value in fields.items()}
    except (InvalidOperation, UnicodeDecodeError) as e:
        raise BusDataError(f"{bus.keys.risk_limits} holds a limit that is no amount") from e


async def write_limit(bus: Bus, name: str, value: Decimal, *, instead_of: Decimal | None) -> bool:
    """Put a limit in force instead of the one that was read; False when it is another one
    meanwhile.
    """
    stands = "" if instead_of is None else str(instead_of)
    return bool(
        await bus.redis.run("limit_set", [bus.keys.risk_limits], [name, str(value), stands])
    )


async def restore_limits(bus: Bus, known: Mapping[str, Decimal]) -> None:
    """Put back what Redis has lost, whole or its last second; what stands lower stays."""
    for name, value in known.items():
        await bus.redis.run("limit_lower", [bus.keys.risk_limits], [name, str(value)])
