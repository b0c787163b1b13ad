"""The alerts that this process raises itself, kept in memory.

They count whatever Redis holds, and whether or not it takes writes.
"""

from collections.abc import Sequence

import msgspec

from keter.domain.alerts import Alert, made_plain


class Held:
    """The alerts of the dashboard's watch.

    What Redis holds of them is a copy, which may be old or missing.
    """

    def __init__(self) -> None:
        self._active: dict[str, Alert] = {}
        self._ended: set[str] = set()

    @property
    def own(self) -> tuple[Alert, ...]:
        """The active ones, in the order in which they were raised."""
        return tuple(self._active.values())

    @property
    def ended(self) -> frozenset[str]:
        """Those that are over and may still be in Redis."""
        return frozenset(self._ended)

    def has(self, alert_id: str) -> bool:
        """Return whether the alert is active."""
        return alert_id in self._active

    def put(self, alert: Alert) -> None:
        """Keep ``alert`` active, since when it was put first, with plain texts."""
        before = self._active.get(alert.id)
        since = before.since if before is not None else alert.since
        self._active[alert.id] = msgspec.structs.replace(made_plain(alert), since=since)
        self._ended.discard(alert.id)

    def end(self, alert_id: str) -> None:
        """Note that it is over; Redis still has to be cleared."""
        self._active.pop(alert_id, None)
        self._ended.add(alert_id)

    def cleared(self, alert_id: str) -> None:
        """Note that Redis has cleared it."""
        self._ended.discard(alert_id)

    def active(self, stored: Sequence[Alert]) -> list[Alert]:
        """Return all active alerts, oldest first, given what Redis holds.

        Our own are as we know them, with their acknowledgement from there.
        """
        others = [
            alert
            for alert in stored
            if alert.id not in self._active and alert.id not in self._ended
        ]
        copies = {alert.id: alert for alert in stored}
        own = [_seen(alert, copies.get(alert.id)) for alert in self._active.values()]
        return sorted([*others, *own], key=lambda alert: alert.since)


def _seen(alert: Alert, copy: Alert | None) -> Alert:
    if copy is None:
        return alert
    return msgspec.structs.replace(
        alert,
        since=min(alert.since, copy.since),
        acknowledged_by=copy.acknowledged_by,
        acknowledged_at=copy.acknowledged_at,
    )
