"""What a channel has to send now, given what is active and what it has sent. Pure.

* An alert is sent once when it is raised, and again at once when its level rises above what was
  sent.
* A page that nobody has acknowledged is sent again every REPEAT_S at most; so is an alert whose
  details changed.
* Its end is sent after QUIET_S of absence.
* One that came back within FLAPPING_S of its end must be gone for FLAPPING_S. So an alert that
  comes and goes does not ring all night.
* "Resolved" is never the last word on an alert that is active.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from keter.alerting.texts import Kind, Message, message_of
from keter.domain.alerts import Alert, Level

REPEAT_S = 15 * 60.0
QUIET_S = 60.0
FLAPPING_S = 15 * 60.0
ORDER: dict[Level, int] = {"page": 0, "ticket": 1, "info": 2}


class Delivered(msgspec.Struct, frozen=True):
    """What was delivered of one alert.

    ``alert`` has the highest level delivered; ``gone_at`` is since when it is not active.
    """

    alert: Alert
    at: datetime
    gone_at: datetime | None = None
    resolved_at: datetime | None = None
    flapped: bool = False


# Redis keeps it as JSON, where the alerts have an older name.
class Memory(msgspec.Struct, frozen=True, rename={"alerts": "told"}):
    """What one channel has delivered. ``alive_day`` is the day of its last sign of life."""

    alerts: dict[str, Delivered] = {}
    alive_day: str = ""
    v: int = 1


class Step(msgspec.Struct, frozen=True):
    """A message, and what is remembered of its alert once it has been delivered."""

    message: Message
    delivered: Delivered


class Plan(msgspec.Struct, frozen=True):
    """What to do now.

    ``memory`` is remembered whether or not anything is delivered; ``steps`` come in order of
    sending.
    """

    memory: Memory
    steps: tuple[Step, ...] = ()


def plan(active: Sequence[Alert], memory: Memory, now: datetime) -> Plan:
    """Return what to send now. Worst first, active ones before those that are over."""
    current = {alert.id: alert for alert in active}
    known = {name: _observed(entry, name in current, now) for name, entry in memory.alerts.items()}
    known = {name: entry for name, entry in known.items() if not _forgotten(entry, now)}
    steps = [
        step
        for alert in current.values()
        if (step := _rising(alert, known.get(alert.id), now)) is not None
    ]
    steps += [
        step
        for name, entry in known.items()
        if name not in current and (step := _ending(entry, now)) is not None
    ]
    steps.sort(key=_rank)
    return Plan(msgspec.structs.replace(memory, alerts=known), tuple(steps))


def delivered(memory: Memory, step: Step) -> Memory:
    """Return the memory after ``step`` has reached its channel."""
    alerts = {**memory.alerts, step.message.alert_id: step.delivered}
    return msgspec.structs.replace(memory, alerts=alerts)


def _observed(entry: Delivered, is_active: bool, now: datetime) -> Delivered:
    if is_active:
        return (
            msgspec.structs.replace(entry, gone_at=None)
            if entry.gone_at is not None and not entry.resolved_at
            else entry
        )
    return msgspec.structs.replace(entry, gone_at=now) if entry.gone_at is None else entry


def _forgotten(entry: Delivered, now: datetime) -> bool:
    """Return whether a resolved alert's return would no longer count as flapping."""
    return (
        entry.resolved_at is not None
        and entry.gone_at is not None
        and _since(entry.resolved_at, now) > FLAPPING_S
    )


def _rising(alert: Alert, entry: Delivered | None, now: datetime) -> Step | None:
    if entry is None or entry.resolved_at is not None:
        return Step(
            message_of(Kind.NEW, alert, now), Delivered(alert, now, flapped=entry is not None)
        )
    if ORDER[alert.level] < ORDER[entry.alert.level]:
        return Step(message_of(Kind.NEW, alert, now), Delivered(alert, now, flapped=entry.flapped))
    urgent = entry.alert.level == "page" or alert.detail != entry.alert.detail
    if alert.acknowledged_by is not None or not urgent or _since(entry.at, now) < REPEAT_S:
        return None
    kept = msgspec.structs.replace(alert, level=entry.alert.level)
    return Step(message_of(Kind.UPDATE, alert, now), Delivered(kept, now, flapped=entry.flapped))


def _ending(entry: Delivered, now: datetime) -> Step | None:
    quiet = FLAPPING_S if entry.flapped else QUIET_S
    if entry.resolved_at is not None or entry.gone_at is None or _since(entry.gone_at, now) < quiet:
        return None
    return Step(
        message_of(Kind.RESOLVED, entry.alert, now), msgspec.structs.replace(entry, resolved_at=now)
    )


def _since(moment: datetime, now: datetime) -> float:
    return (now - moment).total_seconds()


def _rank(step: Step) -> tuple[bool, int, datetime, str]:
    message = step.message
    return (
        message.kind is Kind.RESOLVED,
        ORDER[message.level],
        message.since or message.at,
        message.alert_id,
    )
