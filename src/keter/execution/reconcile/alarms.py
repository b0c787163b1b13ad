"""What the tracker does when it needs people: calls for help, and the commands that stop betting.

Each call has a stable id that is also its runbook page.
"""

from datetime import datetime
from typing import Literal

import structlog

from keter.bus.connection import Bus
from keter.bus.telemetry.alerts import clear_alert, raise_alert
from keter.context import Context
from keter.control.commands import Control
from keter.domain.alerts import Alert, made_plain
from keter.ledger import Ledger, UnstorableRowError

log = structlog.get_logger(__name__)
Level = Literal["page", "ticket", "info"]


def control_of(context: Context, ledger: Ledger) -> Control:
    """Make the commands of a worker that has the ledger at hand: audited, and later than all the
    audit knows.
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
    """Raises and clears alerts on the bus and keeps their history in the ledger.

    Raising twice is one alert.
    """

    def __init__(self, bus: Bus, ledger: Ledger) -> None:
        self._bus = bus
        self._ledger = ledger
        self._standing: set[str] = set()

    async def raise_(
        self, alert_id: str, level: Level, title: str, detail: str, action: str, at: datetime
    ) -> None:
        runbook = alert_id.partition(":")[0]
        alert = made_plain(Alert(alert_id, level, title, detail, at, action, "#/orders", runbook))
        if await raise_alert(self._bus, alert) or alert_id not in self._standing:
            try:
                await self._ledger.alerts.opened(
                    alert_id, level=level, title=alert.title, detail=alert.detail, at=at
                )
            except UnstorableRowError as e:  # the alert stands; only its history is incomplete
                log.warning("alert_not_stored", alert=alert_id, error=str(e))
        self._standing.add(alert_id)

    async def clear(self, alert_id: str, at: datetime) -> None:
        """The trouble is over.

        Costs nothing where this process never raised it and has looked once before.
        """
        self._standing.discard(alert_id)
        if await clear_alert(self._bus, alert_id):
            await self._ledger.alerts.closed(alert_id, at=at)
