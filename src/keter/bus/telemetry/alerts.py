"""Alerts that stand: raised by whoever sees the trouble, cleared by the same when it is over,
acknowledged by people.
"""

from datetime import datetime

import msgspec

from keter.bus.codec import decode, encode
from keter.bus.connection import Arg, Bus, forget_members
from keter.bus.errors import PoisonedPayloadError
from keter.bus.keys import ALERT_MS
from keter.clock import from_ms, to_ms
from keter.domain.alerts import Alert, Level, made_plain, runbook_id

__all__ = ["Alert", "Level", "made_plain", "runbook_id"]  # until all import them from the domain
MS_DIGITS = 15


async def raise_alert(bus: Bus, alert: Alert) -> bool:
    """Raise or refreshes it; ``since`` and an acknowledgement of the standing alert are kept.

    True when it is new.
    """
    body = msgspec.structs.replace(made_plain(alert), acknowledged_by=None, acknowledged_at=None)
    args: list[Arg] = [alert.id, ALERT_MS, encode(body), to_ms(alert.since)]
    return bool(
        await bus.redis.run("alert_raise", [bus.keys.alert(alert.id), bus.keys.alerts], args)
    )


async def clear_alert(bus: Bus, alert_id: str) -> bool:
    """The trouble is over; False when it did not stand."""
    async with bus.redis.batch(atomic=True) as batch:
        batch.delete(bus.keys.alert(alert_id))
        batch.zrem(bus.keys.alerts, alert_id)
        return bool((await batch.execute())[0])


async def read_told(bus: Bus, channel: str) -> bytes | None:
    """What a channel has told so far, as its owner encoded it."""
    found: bytes | None = await bus.redis.execute_command("HGET", bus.keys.alerts_told, channel)
    return found


async def write_told(bus: Bus, channel: str, memory: bytes) -> None:
    await bus.redis.execute_command("HSET", bus.keys.alerts_told, channel, memory)


async def acknowledge_alert(bus: Bus, alert_id: str, actor: str, at: datetime) -> bool:
    """Somebody has seen it; False when it does not stand. The first acknowledgement counts."""
    return bool(
        await bus.redis.run("alert_acknowledge", [bus.keys.alert(alert_id)], [actor, to_ms(at)])
    )


async def read_alerts(bus: Bus) -> list[Alert]:
    """All alerts that stand, oldest first.

    One that cannot be read stands under its name, and hides no other.
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
