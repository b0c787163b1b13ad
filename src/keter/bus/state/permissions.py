"""What operators allow beyond the settings: LIVE bets per account, and limits they have lowered."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

import msgspec

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.errors import BusDataError, PoisonedPayloadError
from keter.domain.runs import RunMark


class Arming(msgspec.Struct, frozen=True):
    """The permission to bet LIVE on an account: who gave it, when, and for which run alone.

    ``command`` is the id of its row in the audit.
    """

    account: str
    actor: str
    at: datetime
    run: RunMark
    command: str = ""


async def arm(
    bus: Bus, account: str, actor: str, now: datetime, run: RunMark, command: str = ""
) -> Arming:
    """Allow LIVE bets on ``account`` in ``run``."""
    arming = Arming(account, actor, now, run, command)
    await bus.redis.hset(bus.keys.armed, account, encode(arming))
    return arming


async def disarm(bus: Bus, account: str) -> bool:
    """Remove the arming of ``account``; return False if there was none."""
    return bool(await bus.redis.hdel(bus.keys.armed, account))


async def disarm_all(bus: Bus) -> None:
    """Remove every arming, as a halt does."""
    await bus.redis.delete(bus.keys.armed)


async def armed_accounts(bus: Bus) -> set[str]:
    """Return the accounts that have an arming, of any run."""
    found = await bus.redis.execute_command("HKEYS", bus.keys.armed)
    return {account.decode(errors="surrogateescape") for account in found}


async def read_arming(bus: Bus, account: str, run: RunMark) -> Arming | None:
    """Return the arming of ``account`` in ``run``.

    Return None if there is none, if it is another run's, or if it cannot be decoded.
    """
    payload = await bus.redis.execute_command("HGET", bus.keys.armed, account)
    try:
        arming = decode(Arming, payload) if payload is not None else None
    except PoisonedPayloadError:  # not a permission
        return None
    return arming if arming is not None and arming.run == run else None


async def read_limits(bus: Bus, account: str) -> dict[str, Decimal]:
    """Return the amount of each lowered limit of the account, by the name of its setting.

    Raises BusDataError for a value that is no amount: how low that limit is cannot be known.
    """
    key = bus.keys.risk_limits(account)
    fields = await bus.redis.read_hash(key)
    try:
        return {name: Decimal(value.decode()) for name, value in fields.items()}
    except (InvalidOperation, UnicodeDecodeError) as e:
        raise BusDataError(f"{key} holds a limit that is no amount") from e


async def write_limit(
    bus: Bus, account: str, name: str, value: Decimal, *, instead_of: Decimal | None
) -> bool:
    """Set a limit whose amount was read as ``instead_of``; return False if it has changed since."""
    expected = "" if instead_of is None else str(instead_of)
    return bool(
        await bus.redis.run(
            "limit_set", [bus.keys.risk_limits(account)], [name, str(value), expected]
        )
    )


async def restore_limits(bus: Bus, account: str, known: Mapping[str, Decimal]) -> None:
    """Write limits that Redis has lost; an amount in Redis that is lower stays."""
    for name, value in known.items():
        await bus.redis.run("limit_lower", [bus.keys.risk_limits(account)], [name, str(value)])
