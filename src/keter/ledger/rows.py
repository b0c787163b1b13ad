"""Between rows and structs, both ways."""

from typing import Any

import msgspec
from sqlalchemy.engine import Row

from keter.domain.bets import Bet, BetState, Intent, Transition
from keter.domain.markets import Outcome, parse_market
from keter.domain.signals import Decision
from keter.domain.trading import CommandAction, ExecutionMode, OperatorCommand, TradingState
from keter.domain.verdicts import Reason, Verdict

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
    """A score, None unless both halves of it are known."""
    return None if first is None or second is None else (first, second)


def to_bet(row: Row[Any]) -> Bet:
    values = row._mapping
    intent = Intent(
        **{name: values[name] for name in _INTENT_PLAIN},
        mode=ExecutionMode(row.mode),
        market=parse_market(row.market_id),
        side=Outcome(row.side),
        book=row.asked_book,
    )
    return Bet(
        intent=intent,
        state=BetState(row.state),
        score_at_bet=pair(row.score_home, row.score_away),
        **{name: values[name] for name in _BET_PLAIN},
    )


def from_bet(bet: Bet) -> dict[str, Any]:
    intent = bet.intent
    score = bet.score_at_bet or (None, None)
    return {
        **{name: getattr(intent, name) for name in _INTENT_PLAIN},
        **{name: getattr(bet, name) for name in _BET_PLAIN},
        "mode": intent.mode.value,
        "market_id": intent.market.market_id,
        "side": intent.side.value,
        "selection_id": intent.selection_id,
        "asked_book": intent.book,
        "state": bet.state.value,
        "score_home": score[0],
        "score_away": score[1],
    }


def to_transition(row: Row[Any]) -> Transition:
    source = None if row.source is None else BetState(row.source)
    return Transition(
        row.intent_id, source, BetState(row.target), row.at, row.cause, row.worker, row.evidence
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


def to_decision(row: Row[Any]) -> Decision:
    verdict = Verdict(row.accepted, Reason(row.reason), row.numbers)  # type: ignore[call-arg]  # looked up by its code
    return Decision(
        row.trace_id,
        row.stage,
        row.worker,
        row.event_uid,
        row.selection_id,
        verdict,
        row.at,
        row.details,
        row.decision_id,
        row.v,
    )


def from_decision(decision: Decision) -> dict[str, Any]:
    return {
        "trace_id": decision.trace_id,
        "stage": decision.stage,
        "worker": decision.worker,
        "event_uid": decision.event_uid,
        "selection_id": decision.selection_id,
        "accepted": decision.verdict.accepted,
        "reason": decision.verdict.reason.value,
        "numbers": decision.verdict.numbers,
        "details": decision.details,
        "decision_id": decision.decision_id,
        "at": decision.at,
        "v": decision.v,
    }


def to_command(row: Row[Any]) -> OperatorCommand:
    before, after = (
        None if side is None else msgspec.convert(side, TradingState)
        for side in (row.before, row.after)
    )
    return OperatorCommand(
        row.command_id,
        CommandAction(row.action),
        row.actor,
        row.source,
        row.target,
        row.reason,
        row.at,
        row.accepted,
        row.result,
        before,
        after,
        row.value_before,
        row.value_after,
        row.v,
    )


def from_command(command: OperatorCommand) -> dict[str, Any]:
    values: dict[str, Any] = {name: getattr(command, name) for name in command.__struct_fields__}
    return {**values, "action": command.action.value}
