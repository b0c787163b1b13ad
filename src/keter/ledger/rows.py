"""Conversion between rows and structs of orders, fills and transitions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from keter.domain.market_kinds import Outcome
from keter.domain.markets import stored_market
from keter.domain.order_events import Fill
from keter.domain.order_states import OrderState, Side
from keter.domain.orders import CancelRequest, Intent, Order, Transition
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
    "strategy",
)
_OUTCOME_PLAIN = (
    "updated_at",
    "pnl_minor",
    "reason",
    "settled_at",
    "closing_fair_odds",
    "venue_order_id",
    "matched_minor",
    "matched_average",
    "voided_minor",
    "cancelled_minor",
    "lapsed_minor",
)


def pair(first: int | None, second: int | None) -> tuple[int, int] | None:
    """Return both numbers of a score, or None unless both are known."""
    return None if first is None or second is None else (first, second)


def to_order(row: Row[Any], fills: Sequence[Row[Any]]) -> Order:
    """Return the order of a row of ``orders`` and its rows of ``fills``, by position."""
    values = row._mapping
    intent = Intent(
        **{name: values[name] for name in _INTENT_PLAIN},
        mode=ExecutionMode(row.mode),
        market=stored_market(row.event_uid, row.market_id),
        outcome=Outcome(row.outcome),
        book=row.asked_book,
        side=Side(row.side),
    )
    return Order(
        intent=intent,
        state=OrderState(row.state),
        fills=tuple(_to_fill(fill) for fill in fills),
        score_at_bet=pair(row.score_home, row.score_away),
        ended_as=None if row.ended_as is None else OrderState(row.ended_as),
        cancel=CancelRequest(row.cancel),
        **{name: values[name] for name in _OUTCOME_PLAIN},
    )


def from_order(order: Order) -> dict[str, Any]:
    """Return the row of ``orders``; ``from_fills`` returns those of ``fills``."""
    intent = order.intent
    return {
        **{name: getattr(intent, name) for name in _INTENT_PLAIN},
        "mode": intent.mode.value,
        "market_id": intent.market.market_id,
        "outcome": intent.outcome.value,
        "selection_id": intent.selection_id,
        "asked_book": intent.book,
        "side": intent.side.value,
        **outcome_columns(order),
    }


def outcome_columns(order: Order) -> dict[str, Any]:
    """Return what came of the intent, as the columns that change after the insert."""
    score = order.score_at_bet or (None, None)
    return {
        **{name: getattr(order, name) for name in _OUTCOME_PLAIN},
        "state": order.state.value,
        "placed_stake_minor": order.standing_minor,
        "odds": order.odds,
        "book": order.book,
        "ticket_id": order.ticket_id,
        "score_home": score[0],
        "score_away": score[1],
        "ended_as": None if order.ended_as is None else order.ended_as.value,
        "cancel": order.cancel.value,
    }


_FILL_PLAIN = Fill.__struct_fields__


def from_fills(order: Order) -> list[dict[str, Any]]:
    """Return the rows of ``fills`` of an order."""
    return [
        {
            "intent_id": order.intent.intent_id,
            "position": position,
            **{name: getattr(fill, name) for name in _FILL_PLAIN},
        }
        for position, fill in enumerate(order.fills)
    ]


def _to_fill(row: Row[Any]) -> Fill:
    return Fill(**{name: row._mapping[name] for name in _FILL_PLAIN})


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
