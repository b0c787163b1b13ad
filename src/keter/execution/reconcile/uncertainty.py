"""What is known of bets whose outcome is uncertain.

``Uncertainty`` knows since when each open bet is in its state, and when the venue was last asked
for it. A correction (a closing price, a stake as booked) changes a bet's last update but not its
state. So patience counts from the step into the state, which the ledger's trail has. When a bet
was last asked for is kept in Redis too: a tracker that starts anew goes on where the last one
stopped.

``NotFound`` decides when a bet may be believed to have never reached the venue. The venue is asked
for the reference again and again. One denial means nothing, since the bet may be in transit. Only
denials without a break, for long enough, end in REFUSED. An answer to the placement that was an
error is believed sooner than silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from keter.betting_settings import RouterSettings
from keter.bus.state.reconciliation import note_query, read_doubt
from keter.context import Context
from keter.domain.alerts import AlertKind
from keter.domain.money import money_text
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.query_budget import Waiting
from keter.ledger import Ledger

LEAST_DENIALS = 3


class Uncertainty:
    """One tracker's memory of the open bets."""

    def __init__(self, context: Context, ledger: Ledger, alarms: Alarms) -> None:
        self._context = context
        self._ledger = ledger
        self._alarms = alarms
        self._entered: dict[str, tuple[OrderState, datetime]] = {}
        self._asked: dict[str, datetime] = {}  # or since when it waits for its first question

    async def learn(self, open_orders: Sequence[Order]) -> None:
        """Read what is new of the open bets, and forget the others.

        Raises ledger and bus errors.
        """
        unknown = {bet.intent.intent_id: bet for bet in open_orders if not self._knows(bet)}
        steps = await self._ledger.orders.entered(sorted(unknown))
        for intent_id, bet in unknown.items():
            self._entered[intent_id] = bet.state, steps.get(intent_id, bet.updated_at)
            if bet.state is OrderState.UNKNOWN and intent_id not in self._asked:
                last_at = (await read_doubt(self._context.bus, intent_id)).last_at
                if last_at is not None:
                    self._asked[intent_id] = last_at
        still_open = {bet.intent.intent_id for bet in open_orders}
        self._entered = {name: seen for name, seen in self._entered.items() if name in still_open}

    def since(self, bet: Order) -> datetime:
        """Return when the bet came to its state.

        For a bet that has just moved that is its last update.
        """
        return self._entered[bet.intent.intent_id][1] if self._knows(bet) else bet.updated_at

    def waiting(self, unclear: Sequence[tuple[Order, bool]]) -> list[Waiting]:
        """Return what to ask for, from pairs of a bet and whether its outcome is uncertain.

        A bet waits since it was last asked for. Before its first question an UNKNOWN bet waits
        since it became UNKNOWN, another since the list ceased to explain it.
        """
        now = self._context.clock.now()
        known = {bet.intent.intent_id for bet, _ in unclear}
        self._asked = {intent_id: at for intent_id, at in self._asked.items() if intent_id in known}
        for bet, _ in unclear:
            first = self.since(bet) if bet.state is OrderState.UNKNOWN else now
            self._asked.setdefault(bet.intent.intent_id, first)
        return [
            Waiting(bet.intent.intent_id, doubtful, self._asked[bet.intent.intent_id])
            for bet, doubtful in unclear
        ]

    async def note_query(self, bet: Order) -> None:
        """Note that the venue is about to be asked for the bet."""
        self._asked[bet.intent.intent_id] = self._context.clock.now()
        if bet.state is OrderState.UNKNOWN:
            await note_query(self._context.bus, bet.intent.intent_id)

    async def watch(self, open_orders: Sequence[Order]) -> None:
        """Raise an alert while an outcome has been UNKNOWN for too long."""
        now, limit = self._context.clock.now(), self._context.settings.router.unknown_alert_s
        unknown = [bet for bet in open_orders if bet.state is OrderState.UNKNOWN]
        old = [bet for bet in unknown if (now - self.since(bet)).total_seconds() >= limit]
        self._context.heart.gauge("unknown", len(unknown))
        if not old:
            await self._alarms.clear(AlertKind.UNKNOWN_BETS, now)
            return
        stake = sum(bet.standing_minor or bet.intent.stake_minor for bet in old)
        detail = (
            f"{len(old)} bets UNKNOWN, {self._context.settings.mode.account_currency}"
            f" {money_text(stake)} at risk."
        )
        await self._alarms.raise_(AlertKind.UNKNOWN_BETS, detail, min(map(self.since, old)))

    def _knows(self, bet: Order) -> bool:
        entered = self._entered.get(bet.intent.intent_id)
        return entered is not None and entered[0] is bet.state


@dataclass(slots=True)
class _Denied:
    since: datetime
    count: int


class NotFound:
    """How often, and since when, the venue has denied each bet in a row.

    It is forgotten with the process, which then asks again.
    """

    def __init__(self, router: RouterSettings) -> None:
        self._router = router
        self._denied: dict[str, _Denied] = {}

    def note(self, intent_id: str, at: datetime) -> int:
        """Note one more denial and return how many there are in a row."""
        denied = self._denied.setdefault(intent_id, _Denied(at, 0))
        denied.count += 1
        return denied.count

    def forget(self, intent_id: str) -> None:
        """Forget the denials of a bet that the venue knows, or that is final."""
        self._denied.pop(intent_id, None)

    def believed(
        self, intent_id: str, *, unknown_since: datetime, answered: bool, at: datetime
    ) -> bool:
        """Return whether the bet may be taken for never placed.

        ``answered`` says that the placement was answered, if only with an error.
        """
        denied = self._denied.get(intent_id)
        if denied is None or denied.count < LEAST_DENIALS:
            return False
        limit_s = self._router.unknown_error_s if answered else self._router.unknown_absent_s
        return (at - unknown_since).total_seconds() >= limit_s and denied.since < at
