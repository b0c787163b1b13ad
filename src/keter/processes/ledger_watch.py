"""Is the ledger still the one that the bets in Redis were written to?

A replaced or restored one forgets what was bet.

Its day's profit, its bets per event and its losing streak begin anew. Bets that it does not know
may be open at the venue. So LIVE loses its arming, and somebody who has looked has to give it
again.
"""

import structlog

from keter.bus.state.permissions import disarm, read_arming
from keter.bus.state.risk_state import RiskState
from keter.bus.telemetry.alerts import Alert, clear_alert, raise_alert
from keter.context import Context
from keter.domain.exposure import ExposureStatus
from keter.domain.trading import CommandAction, OperatorCommand
from keter.execution.reconcile.foreign_tickets import PREFIX
from keter.ledger import Ledger

log = structlog.get_logger(__name__)
ALERT = "ledger-replaced"
ACTOR = "guard"


class LedgerWatch:
    """Compares at each start of the guard; the alert stands until LIVE was armed again."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        self._account = context.settings.venue.ao_user
        self._standing = True  # an alert may stand from an earlier life

    async def compare(self, book: RiskState) -> None:
        """Ledger and ``book``, as found before it is rebuilt; remembers which ledger the book is
        made from now on.
        """
        own = self._context.run.ledger_id
        if not own:  # a process that no `keter up` started
            return
        key, redis = self._context.bus.keys.risk_ledger, self._context.bus.redis
        known = await redis.execute_command("GET", key)
        if known is not None and known.decode() != own:
            await self._replaced("the ledger is another one than that of the last start")
        elif unknown := await self._unknown(book):
            await self._replaced(
                f"{unknown} open bets that Redis knows are missing from the ledger"
            )
        await redis.execute_command("SET", key, own)

    async def _unknown(self, book: RiskState) -> int:
        """Bets of the book, ours by their name, that the ledger has never heard of: an intent is
        written before its bet.
        """
        bets = [
            one
            for one in book.exposures
            if one.status is ExposureStatus.BET and not one.decision_id.startswith(PREFIX)
        ]
        return sum(
            [await self._ledger.intents.by_decision(bet.decision_id) is None for bet in bets]
        )

    async def _replaced(self, why: str) -> None:
        self._context.heart.error(why)
        log.error("ledger_replaced", reason=why)
        if not self._context.settings.live:
            return
        now, bus = self._context.clock.now(), self._context.bus
        await disarm(bus, self._account)
        action = (
            "Compare the open bets with the venue's own page; then put the right ledger back, or"
            " `keter arm`."
        )
        detail = f"{why}: profit of the day and bets so far count from nothing. LIVE is disarmed."
        await raise_alert(
            bus,
            Alert(ALERT, "page", "The ledger was replaced", detail, now, action, "#/orders", ALERT),
        )
        self._standing = True
        row = OperatorCommand(
            self._context.ids(),
            CommandAction.DISARM,
            ACTOR,
            ACTOR,
            self._account,
            why,
            now,
            accepted=True,
            result=f"{self._account} is disarmed",
        )
        await self._ledger.commands.add(row)

    async def settle(self) -> None:
        """Take the alert back once somebody has armed LIVE again."""
        if self._standing and self._context.settings.live:
            if await read_arming(self._context.bus, self._account, self._context.run.mark) is None:
                return
            await clear_alert(self._context.bus, ALERT)
            self._standing = False
