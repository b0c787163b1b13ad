"""Conversion between rows and structs of bets and transitions."""

from typing import Any

from sqlalchemy.engine import Row

from keter.domain.market_kinds import Outcome
from keter.domain.markets import stored_market
from keter.domain.order_states import OrderState
from keter.domain.orders import Intent, Order, Transition
from keter.domain.trading import ExecutionMode

_INTENT_PLAIN = (
    "intent_id",
    "decision_id",
    "trace_id",
    "account",
    "venue",
    "venue_key",
    "event_uid",
    "league",
    "home",
    "away",
    "kickoff",
    "stake_minor",
    "asked_odds",
    "fair_odds",
    "ev_pct",
    "reference",
    "fence",
    "created_at",
    "signal",
)
_BET_PLAIN = (
    "updated_at",
    "placed_stake_minor",
    "odds",
    "book",
    "ticket_id",
    "pnl_minor",
    "reason",
    "settled_at",
    "closing_fair_odds",
)


def pair(first: int | None, second: int | None) -> tuple[int, int] | None:
    """Return both numbers of a score, or None unless both are known."""
    return None if first is None or second is None else (first, second)


def to_order(row: Row[Any]) -> Order:
    values = row._mapping
    intent = Intent(
        **{name: values[name] for name in _INTENT_PLAIN},
        mode=ExecutionMode(row.mode),
        market=stored_market(row.event_uid, row.market_id),
        outcome=Outcome(row.outcome),
        book=row.asked_book,
    )
    return Order(
        intent=intent,
        state=OrderState(row.state),
        score_at_bet=pair(row.score_home, row.score_away),
        **{name: values[name] for name in _BET_PLAIN},
    )


def from_order(bet: Order) -> dict[str, Any]:
    intent = bet.intent
    score = bet.score_at_bet or (None, None)
    return {
        **{name: getattr(intent, name) for name in _INTENT_PLAIN},
        **{name: getattr(bet, name) for name in _BET_PLAIN},
        "mode": intent.mode.value,
        "market_id": intent.market.market_id,
        "side": intent.outcome.value,
        "selection_id": intent.selection_id,
        "asked_book": intent.book,
        "state": bet.state.value,
        "score_home": score[0],
        "score_away": score[1],
    }


def to_transition(row: Row[Any]) -> Transition:
    source = None if row.source is None else OrderState(row.source)
    return Transition(
        row.intent_id, source, OrderState(row.target), row.at, row.cause, row.worker, row.evidence
    )


def from_transition(step: Transition) -> dict[str, Any]:
    return {
        "intent_id": step.intent_id,
        "source": None if step.source is None else step.source.value,
        "target": step.target.value,
        "at": step.at,
        "cause": step.cause,
        "worker": step.worker,
        "evidence": step.evidence,
    }
