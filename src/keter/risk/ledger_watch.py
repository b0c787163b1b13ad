"""Is the ledger still the one that the bets in Redis were written to?

A replaced or restored ledger lacks bets. With it the profit of the day, the bets of each event and
the losing streak begin anew. Bets that it does not know may be open at the venue. So LIVE loses its
arming until somebody has looked and arms it again.
"""

import structlog

from keter.bus.state.permissions import disarm, read_arming
from keter.bus.state.risk_state import RiskState
from keter.bus.telemetry.alerts import clear_alert, raise_alert
from keter.context import Context
from keter.domain.alerts import AlertKind
from keter.domain.exposure import FOREIGN_PREFIX, ExposureStatus
from keter.domain.trading import CommandAction, OperatorCommand
from keter.ledger import Ledger
from keter.risk.restore import ACTOR

log = structlog.get_logger(__name__)


class LedgerWatch:
    """Compare ledger and risk book at each start of the guard.

    The alert of a difference stays until LIVE is armed again.
    """

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._account = context.account.key
        # True at first: an earlier process may have raised the alert.
        self._may_be_raised = True

    async def compare(self, book: RiskState) -> None:
        """Compare the ledger with ``book``, as read before it is rebuilt.

        Raises bus and ledger errors.
        """
        own = self._context.run.ledger_id
        # Empty in a process that no `keter up` started.
        if not own:
            return
        bus = self._context.bus
        known = await bus.redis.execute_command("GET", bus.keys.risk_ledger)
        if known is not None and known.decode() != own:
            await self._replaced("the ledger is another one than that of the last start")
        elif unknown := await self._unknown(book):
            await self._replaced(
                f"{unknown} open bets that Redis knows are missing from the ledger"
            )

    async def _unknown(self, book: RiskState) -> int:
        """Return how many of our own bets in the book have no intent in the ledger.

        An intent is written before its bet.
        """
        bets = [
            one
            for one in book.exposures
            if one.status is ExposureStatus.BET and not one.decision_id.startswith(FOREIGN_PREFIX)
        ]
        return sum([await self._ledger.orders.by_decision(bet.decision_id) is None for bet in bets])

    async def _replaced(self, why: str) -> None:
        """Disarm LIVE, raise the alert and write the disarming to the ledger."""
        self._context.heart.error(why)
        log.error("ledger_replaced", reason=why)
        if not self._context.settings.live:
            return
        now, bus = self._context.clock.now(), self._context.bus
        await disarm(bus, self._account)
        detail = f"{why}: profit of the day and bets so far count from nothing. LIVE is disarmed."
        await raise_alert(bus, AlertKind.LEDGER_REPLACED.alert(detail, now, about=self._account))
        self._may_be_raised = True
        row = OperatorCommand(
            command_id=self._context.ids(),
            action=CommandAction.DISARM,
            actor=ACTOR,
            source=ACTOR,
            target=self._account,
            reason=why,
            at=now,
            accepted=True,
            result=f"{self._account} is disarmed",
        )
        await self._ledger.commands.add(row)

    async def settle(self) -> None:
        """Clear the alert if somebody has armed LIVE again."""
        if self._may_be_raised and self._context.settings.live:
            if await read_arming(self._context.bus, self._account, self._context.run.mark) is None:
                return
            await clear_alert(self._context.bus, AlertKind.LEDGER_REPLACED.alert_id(self._account))
            self._may_be_raised = False


async def note_ledger(context: Context) -> None:
    """Note in Redis which ledger the risk book is made from. Raises bus errors."""
    if context.run.ledger_id:
        key = context.bus.keys.risk_ledger
        await context.bus.redis.execute_command("SET", key, context.run.ledger_id)
