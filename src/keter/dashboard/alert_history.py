"""Keeps in the ledger when each alert was raised and when it ended.

What cannot be written now is written when it can be.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from keter.domain.alerts import Alert
from keter.errors import KeterError
from keter.ledger import Alerts, UnstorableRowError

log = structlog.get_logger(__name__)
DEADLINE_S = 3.0
# More than an unwritable ledger leaves over in days.
MOST_UNWRITTEN = 1000

Note = Callable[[Alerts], Awaitable[object]]


class AlertHistory:
    """The history of alerts, one per dashboard.

    ``open_alerts`` opens the ledger's table; it raises KeterError while there is none.
    """

    def __init__(self, open_alerts: Callable[[], Awaitable[Alerts]]) -> None:
        self._open_alerts = open_alerts
        self._active: dict[str, Alert] = {}
        self._unwritten: deque[Note] = deque(maxlen=MOST_UNWRITTEN)
        self._caught_up = False

    def note(self, active: Sequence[Alert], at: datetime) -> None:
        """Log what is new and what is over since the last call, and keep both for the ledger."""
        current = {alert.id: alert for alert in active}
        for alert in active:
            before = self._active.get(alert.id)
            if before is None or before.level != alert.level:
                log.warning(
                    "alert_raised",
                    alert=alert.id,
                    level_of=alert.level,
                    title=alert.title,
                    detail=alert.detail,
                )
                self._unwritten.append(_opened(alert))
        for alert_id in sorted(self._active.keys() - current.keys()):
            log.info("alert_resolved", alert=alert_id)
            self._unwritten.append(_closed(alert_id, at))
        self._active = current

    async def write(self, at: datetime, *, all_known: bool) -> None:
        """Write what is kept, as far as the ledger takes it within DEADLINE_S.

        With ``all_known`` the alerts noted are all there are. What the ledger holds open beside
        them then ended unseen, and is closed.
        """
        catching_up = all_known and not self._caught_up
        if not self._unwritten and not catching_up:
            return
        try:
            async with asyncio.timeout(DEADLINE_S):
                history = await self._open_alerts()
                while self._unwritten:
                    await _write_note(self._unwritten[0], history)
                    self._unwritten.popleft()
                if catching_up:
                    for alert_id in sorted(await history.open_ids() - self._active.keys()):
                        await history.closed(alert_id, at=at)
                    self._caught_up = True
        except (KeterError, TimeoutError) as e:
            log.debug("alert_history_not_written", owed=len(self._unwritten), error=str(e))


async def _write_note(note: Note, history: Alerts) -> None:
    """Write one note.

    One that the ledger refuses is only logged: those behind it must not wait for ever.
    """
    try:
        await note(history)
    except UnstorableRowError as e:
        log.warning("alert_not_stored", error=str(e))


def _opened(alert: Alert) -> Note:
    async def opened(history: Alerts) -> object:
        return await history.opened(
            alert.id, level=alert.level, title=alert.title, detail=alert.detail, at=alert.since
        )

    return opened


def _closed(alert_id: str, at: datetime) -> Note:
    async def closed(history: Alerts) -> object:
        return await history.closed(alert_id, at=at)

    return closed
