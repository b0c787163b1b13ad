"""Since when each open bet stands where it stands, and when the venue was last asked for it.

A correction (a closing price, a stake as booked) moves a bet's last update but no bet: patience
counts from the step into its state, which the ledger's trail has. When a bet was last asked for is
kept in Redis too. A tracker that starts anew then goes on where the last one stopped, instead of
asking for the same few again.
"""

from collections.abc import Sequence
from datetime import datetime

from keter.bus.state.reconciliation import note_query, read_doubt
from keter.context import Context
from keter.domain.bets import Bet, BetState
from keter.domain.money import money_text
from keter.execution.reconcile.alarms import Alarms
from keter.execution.reconcile.query_order import Waiting
from keter.ledger import Ledger

ALERT = "unknown-bets"


class Doubts:
    """What one tracker knows of it."""

    def __init__(self, context: Context, ledger: Ledger, calls: Alarms) -> None:
        self._context = context
        self._ledger = ledger
        self._calls = calls
        self._entered: dict[str, tuple[BetState, datetime]] = {}
        self._asked: dict[str, datetime] = {}  # or since when it waits for its first question

    async def learn(self, open_bets: Sequence[Bet]) -> None:
        """Read what is new of the bets that are open, and forgets the others."""
        news = {bet.intent.intent_id: bet for bet in open_bets if not self._knows(bet)}
        steps = await self._ledger.intents.entered(sorted(news))
        for intent_id, bet in news.items():
            self._entered[intent_id] = bet.state, steps.get(intent_id, bet.updated_at)
            if bet.state is BetState.UNKNOWN and intent_id not in self._asked:
                last_at = (await read_doubt(self._context.bus, intent_id)).last_at
                if last_at is not None:
                    self._asked[intent_id] = last_at
        known = {bet.intent.intent_id for bet in open_bets}
        self._entered = {
            intent_id: seen for intent_id, seen in self._entered.items() if intent_id in known
        }

    def since(self, bet: Bet) -> datetime:
        """When the bet came to its state; one that has just moved did so with its last update."""
        return self._entered[bet.intent.intent_id][1] if self._knows(bet) else bet.updated_at

    def waiting(self, unclear: Sequence[tuple[Bet, bool]]) -> list[Waiting]:
        """What to ask for, of bets and whether each is doubtful.

        One waits since it was last asked for.

        Before its first question an unknown bet waits since it became unknown, another since the
        list ceased to explain it.
        """
        now = self._context.clock.now()
        known = {bet.intent.intent_id for bet, _ in unclear}
        self._asked = {intent_id: at for intent_id, at in self._asked.items() if intent_id in known}
        for bet, _ in unclear:
            first = self.since(bet) if bet.state is BetState.UNKNOWN else now
            self._asked.setdefault(bet.intent.intent_id, first)
        return [
            Waiting(bet.intent.intent_id, doubtful, self._asked[bet.intent.intent_id])
            for bet, doubtful in unclear
        ]

    async def note(self, bet: Bet) -> None:
        """The venue is about to be asked for the bet."""
        self._asked[bet.intent.intent_id] = self._context.clock.now()
        if bet.state is BetState.UNKNOWN:
            await note_query(self._context.bus, bet.intent.intent_id)

    async def watch(self, open_bets: Sequence[Bet]) -> None:
        """Call for help while an outcome has been unknown for too long."""
        now, limit = self._context.clock.now(), self._context.settings.router.unknown_alert_s
        unknown = [bet for bet in open_bets if bet.state is BetState.UNKNOWN]
        old = [bet for bet in unknown if (now - self.since(bet)).total_seconds() >= limit]
        self._context.heart.gauge("unknown", len(unknown))
        if not old:
            await self._calls.clear(ALERT, now)
            return
        stake = sum(bet.placed_stake_minor or bet.intent.stake_minor for bet in old)
        detail = (
            f"{len(old)} bets UNKNOWN, {self._context.settings.mode.account_currency}"
            f" {money_text(stake)} at risk."
        )
        action = "The tracker asks the venue again and again; nothing is sent twice."
        await self._calls.raise_(
            ALERT, "page", "Bets with unknown outcome", detail, action, min(map(self.since, old))
        )

    def _knows(self, bet: Bet) -> bool:
        entered = self._entered.get(bet.intent.intent_id)
        return entered is not None and entered[0] is bet.state
