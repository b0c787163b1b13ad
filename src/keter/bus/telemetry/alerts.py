"""Active alerts.

The process that sees the trouble raises the alert and clears it when the trouble is over; people
acknowledge it.
"""

from collections.abc import Collection
from datetime import datetime

import msgspec

from keter.bus.codec import decode, encode
from keter.bus.connection import Arg, Bus, forget_members
from keter.bus.errors import PoisonedPayloadError
from keter.bus.keys import ALERT_MS
from keter.bus.state.accounts import known_accounts
from keter.clock import from_ms, to_ms
from keter.domain.alerts import Alert, made_plain

MS_DIGITS = 15


async def raise_alert(bus: Bus, alert: Alert) -> bool:
    """Raise an alert or refresh an active one; return True if it is new.

    ``since`` and the acknowledgement of an active alert are kept.
    """
    body = msgspec.structs.replace(made_plain(alert), acknowledged_by=None, acknowledged_at=None)
    args: list[Arg] = [alert.id, ALERT_MS, encode(body), to_ms(alert.since)]
    return bool(
        await bus.redis.run("alert_raise", [bus.keys.alert(alert.id), bus.keys.alerts], args)
    )


async def clear_alert(bus: Bus, alert_id: str) -> bool:
    """Clear an alert whose trouble is over; return False if it was not active."""
    async with bus.redis.batch(atomic=True) as batch:
        batch.delete(bus.keys.alert(alert_id))
        batch.zrem(bus.keys.alerts, alert_id)
        return bool((await batch.execute())[0])


async def clear_alerts_of_others(bus: Bus, accounts: Collection[str]) -> list[str]:
    """Clear alerts about known accounts that are not among ``accounts``; return their ids.

    Nobody works on those accounts any more, so nobody else would clear them.
    """
    others = [name for name in await known_accounts(bus) if name not in accounts]
    ids = [
        raw.decode() for raw in await bus.redis.execute_command("ZRANGE", bus.keys.alerts, 0, -1)
    ]
    gone = [one for one in ids if any(f":{name}:" in f"{one}:" for name in others)]
    for alert_id in gone:
        await clear_alert(bus, alert_id)
    return gone


async def read_delivered(bus: Bus, channel: str) -> bytes | None:
    """Return what ``write_delivered`` wrote for a channel, None if nothing."""
    found: bytes | None = await bus.redis.execute_command(
        "HGET", bus.keys.alerts_delivered, channel
    )
    return found


async def write_delivered(bus: Bus, channel: str, memory: bytes) -> None:
    """Replace the record of what a channel has delivered, as its owner encodes it."""
    await bus.redis.execute_command("HSET", bus.keys.alerts_delivered, channel, memory)


async def acknowledge_alert(bus: Bus, alert_id: str, actor: str, at: datetime) -> bool:
    """Acknowledge an alert; return False if it is not active.

    The first acknowledgement counts.
    """
    return bool(
        await bus.redis.run("alert_acknowledge", [bus.keys.alert(alert_id)], [actor, to_ms(at)])
    )


async def read_alerts(bus: Bus) -> list[Alert]:
    """Return all active alerts, oldest first.

    In place of an alert that cannot be decoded, one with its id says so.
    """
    ids = await bus.redis.execute_command("ZRANGE", bus.keys.alerts, 0, -1)
    found = {
        name.decode(): await bus.redis.read_hash(bus.keys.alert(name.decode())) for name in ids
    }
    expired = [name for name, fields in found.items() if not fields]
    if expired:
        await forget_members(bus, bus.keys.alerts, expired)
    return [_readable(name, fields) for name, fields in found.items() if fields]


def _readable(name: str, fields: dict[str, bytes]) -> Alert:
    try:
        return _alert(fields)
    except (PoisonedPayloadError, KeyError, ValueError, OverflowError, OSError):
        since_ms = fields.get("since_ms", b"")
        since = from_ms(int(since_ms) if since_ms.isdigit() and len(since_ms) < MS_DIGITS else 0)
        return Alert(
            name,
            "page",
            "An alert that cannot be read",
            "Another version of Keter may have raised it.",
            since,
        )


def _alert(fields: dict[str, bytes]) -> Alert:
    actor, at_ms = fields.get("actor"), fields.get("acknowledged_ms")
    return msgspec.structs.replace(
        decode(Alert, fields["alert"]),
        since=from_ms(int(fields["since_ms"])),
        acknowledged_by=actor.decode() if actor is not None else None,
        acknowledged_at=from_ms(int(at_ms)) if at_ms is not None else None,
    )
