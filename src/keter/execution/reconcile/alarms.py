"""What the tracker does when it needs people: it raises alerts, and it stops betting."""

from datetime import datetime

import structlog

from keter.bus.connection import Bus
from keter.bus.telemetry.alerts import clear_alert, raise_alert
from keter.context import Context
from keter.control.commands import Control
from keter.domain.alerts import AlertKind, made_plain
from keter.ledger import Ledger, UnstorableRowError

log = structlog.get_logger(__name__)


def control_of(context: Context, ledger: Ledger) -> Control:
    """Return the operator's commands for a process that has the ledger at hand.

    They are audited, and later than everything in the audit.
    """
    return Control(
        context.bus,
        halt_file=context.settings.router.halt_file,
        clock=context.clock,
        audit=ledger.commands.add,
        ids=context.ids,
        last=ledger.commands.last_trading,
    )


class Alarms:
    """Raises and clears an account's alerts on the bus, and keeps their history in the ledger."""

    def __init__(self, bus: Bus, ledger: Ledger, account: str) -> None:
        self._bus = bus
        self._account = account
        self._ledger = ledger
        self._raised: set[str] = set()

    async def raise_(
        self, kind: AlertKind, detail: str, since: datetime, *, about: str = ""
    ) -> None:
        """Raise an alert; one that is raised already is refreshed.

        ``about`` names what it is about, where the account may have several alerts of one kind.
        """
        alert = made_plain(kind.alert(detail, since, about=about or self._account))
        if await raise_alert(self._bus, alert) or alert.id not in self._raised:
            try:
                await self._ledger.alerts.opened(
                    alert.id, level=alert.level, title=alert.title, detail=alert.detail, at=since
                )
            except UnstorableRowError as e:
                # The alert is raised; only its history is incomplete.
                log.warning("alert_not_stored", alert=alert.id, error=str(e))
        self._raised.add(alert.id)

    async def clear(self, kind: AlertKind, at: datetime) -> None:
        """Clear the account's alert of ``kind``, which need not be raised."""
        alert_id = kind.alert_id(self._account)
        self._raised.discard(alert_id)
        if await clear_alert(self._bus, alert_id):
            await self._ledger.alerts.closed(alert_id, at=at)
