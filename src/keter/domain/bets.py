"""The life of a bet: its states, the transitions between them, and what is known of one bet."""

import re
from datetime import datetime
from enum import StrEnum

import msgspec

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.trading import ExecutionMode
from keter.errors import IllegalTransitionError


class BetState(StrEnum):
    """The states of a bet, as the ledger holds them; see TRANSITIONS."""

    INTENDED = "INTENDED"
    QUOTED = "QUOTED"
    SENDING = "SENDING"
    PENDING = "PENDING"
    RUNNING = "RUNNING"
    UNKNOWN = "UNKNOWN"
    SKIPPED = "SKIPPED"
    REFUSED = "REFUSED"
    WON = "WON"
    LOST = "LOST"
    HALF_WON = "HALF_WON"
    HALF_LOST = "HALF_LOST"
    PUSHED = "PUSHED"
    VOID = "VOID"


_S = BetState
SETTLED = frozenset({_S.WON, _S.LOST, _S.HALF_WON, _S.HALF_LOST, _S.PUSHED, _S.VOID})
FINAL = SETTLED | {_S.SKIPPED, _S.REFUSED}
OPEN = frozenset(BetState) - FINAL
# Final without a bet at the venue: nothing of the stake is at risk.
NEVER_PLACED = FINAL - SETTLED
# The venue has not been asked to take the bet.
NOT_SENT = frozenset({_S.INTENDED, _S.QUOTED})

# A bookmaker may regrade a settled bet; a later regrade replaces the earlier result.
TRANSITIONS: dict[BetState, frozenset[BetState]] = {
    _S.INTENDED: frozenset({_S.QUOTED, _S.SKIPPED}),
    _S.QUOTED: frozenset({_S.SENDING, _S.SKIPPED}),
    _S.SENDING: frozenset({_S.PENDING, _S.RUNNING, _S.REFUSED, _S.UNKNOWN}),
    _S.PENDING: frozenset({_S.RUNNING, _S.REFUSED, _S.UNKNOWN}) | SETTLED,
    _S.UNKNOWN: frozenset({_S.PENDING, _S.RUNNING, _S.REFUSED}) | SETTLED,
    _S.RUNNING: frozenset({_S.REFUSED}) | SETTLED,
    _S.SKIPPED: frozenset(),
    _S.REFUSED: frozenset(),
    **{state: SETTLED - {state} for state in SETTLED},
}


def check_transition(current: BetState, target: BetState) -> None:
    """Raise IllegalTransitionError unless ``target`` may follow ``current``."""
    if target not in TRANSITIONS[current]:
        raise IllegalTransitionError(f"a {current} bet cannot become {target}")


class Intent(msgspec.Struct, frozen=True):
    """The durable decision to place one bet, written before the venue is called.

    * ``reference`` is sent to the venue (PlaceBetId); it is derived from ``intent_id``.
    * ``fence`` is the fencing number of the lock under which the intent was written.
    * ``signal`` is the approved signal as JSON.
    """

    intent_id: str
    decision_id: str
    trace_id: str
    account: str
    mode: ExecutionMode
    venue: str
    venue_key: str
    event_uid: str
    league: str
    home: str
    away: str
    kickoff: datetime
    market: Market
    side: Outcome
    stake_minor: int
    asked_odds: str
    fair_odds: float
    ev_pct: float
    book: str
    reference: str
    fence: int
    created_at: datetime
    signal: bytes = b""

    @property
    def selection_id(self) -> str:
        return self.market.selection_id(self.side)

    @property
    def names(self) -> dict[str, str]:
        """Return the ids that log lines about this intent carry."""
        return {
            "intent_id": self.intent_id,
            "trace_id": self.trace_id,
            "event_uid": self.event_uid,
            "selection_id": self.selection_id,
        }


class Bet(msgspec.Struct, frozen=True):
    """An intent and what came of it.

    Amounts are what the venue booked, zero while it has booked nothing. ``odds`` is the venue's
    text.
    """

    intent: Intent
    state: BetState
    updated_at: datetime
    placed_stake_minor: int = 0
    odds: str | None = None
    book: str | None = None
    ticket_id: str | None = None
    pnl_minor: int | None = None
    reason: str | None = None
    score_at_bet: tuple[int, int] | None = None
    settled_at: datetime | None = None
    closing_fair_odds: float | None = None


class Transition(msgspec.Struct, frozen=True):
    """One change of a bet's state: when, why, by whom, and on what evidence (JSON values)."""

    intent_id: str
    source: BetState | None
    target: BetState
    at: datetime
    cause: str
    worker: str
    evidence: dict[str, object] = {}


_REFERENCE = re.compile(r"kt[0-9a-f]{32}")


def made_by_keter(reference: str) -> bool:
    """Return whether a venue reference has the form that ``reference_of`` makes.

    Its intent may be in another ledger.
    """
    return _REFERENCE.fullmatch(reference) is not None


def reference_of(intent_id: str) -> str:
    """Return the venue reference of an intent: at most 40 characters, always the same.

    Raises ValueError for an intent id that is too long.
    """
    reference = f"kt{intent_id}"
    if len(reference) > 40:
        raise ValueError(f"intent id too long for a venue reference: {intent_id!r}")
    return reference
