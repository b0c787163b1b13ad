"""The life of a bet, from the venue's answer to the settlement, as rows. Pure."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from keter.dashboard.models import OrderTrail, TrailStep
from keter.dashboard.views import order_row, reason_text, shown_numbers
from keter.domain.money import money_text
from keter.domain.order_states import FINAL, SETTLED, OrderState
from keter.domain.orders import Order, Transition
from keter.domain.signals import ConfirmedSignal, Decision, approved_signal

BAD = frozenset({OrderState.UNKNOWN, OrderState.REFUSED, OrderState.SKIPPED})
# What a step means where its evidence says nothing.
MEANINGS = {
    "intent": "Written into the ledger before the venue is asked.",
    "quoted": "The venue told its prices and limits.",
    "sending": "The one call begins; whatever happens now, it is not made again.",
    "sent": "The venue took it; whether the book does is not known yet.",
    "closing_price": "Fair price shortly before the kick-off seen: the closing line.",
}
LABELS = {
    "ev_pct": "edge",
    "min_ev_pct": "least edge",
    "fair_odds": "fair",
    "approved_odds": "approved at",
    "total": "in all",
}
MOST_FIGURES = 7


def trail(
    bet: Order,
    decisions: Sequence[Decision],
    transitions: Sequence[Transition],
    neighbours: tuple[str | None, str | None],
    clean: Callable[[Any], Any],
) -> OrderTrail:
    """Return the steps in order of time, each with its delay after the one before.

    ``clean`` takes secrets out of what is shown: a venue may quote what it was sent.
    """
    steps = [
        *_priced(bet),
        *(_decision_step(decision) for decision in decisions if _concerns(decision, bet)),
        *(_transition_step(step) for step in transitions),
    ]
    steps.sort(key=lambda step: step.at)
    befores = [None, *(step.at for step in steps)]
    rows = [
        step.model_copy(update={
            "delta_s": None if before is None else (step.at - before).total_seconds(),
            "text": clean(step.text),
            "raw": clean(step.raw),
        })
        for step, before in zip(steps, befores, strict=False)
    ]  # fmt: skip
    return OrderTrail(order=order_row(bet), steps=rows, previous=neighbours[0], next=neighbours[1])


def _step(
    at: datetime, stage: str, worker: str, outcome: str, ok: bool, text: str, raw: dict[str, Any]
) -> TrailStep:
    return TrailStep(
        at=at, delta_s=None, stage=stage, worker=worker, outcome=outcome, ok=ok, text=text, raw=raw
    )


def _priced(bet: Order) -> list[TrailStep]:
    """Return the venue's answer and its validation, as the intent's signal keeps them.

    Nothing for an intent without a signal.
    """
    try:
        approved = approved_signal(bet.intent.signal)
    except msgspec.MsgspecError:
        # Written by another version. What followed is shown all the same.
        return []
    if approved is None:
        return []
    return [_received(approved.signal), *_validated(approved.signal)]


def _received(signal: ConfirmedSignal) -> TrailStep:
    update, index = signal.update, signal.update.market.outcomes.index(signal.outcome)
    wanted = (
        [signal.offers[0].book, *signal.fair.sharps] if signal.offers else list(signal.fair.sharps)
    )
    prices = {book.book: book for book in update.books}
    parts = [
        f"{name} {prices[name].texts[index]}" for name in dict.fromkeys(wanted) if name in prices
    ]
    ages = [(update.received_at - book.confirmed_at).total_seconds() for book in update.books]
    oldest = f", the oldest price {max(ages):.1f} s old" if ages else ""
    text = f"{update.phase.value} feed, {len(update.books)} books{oldest}: {', '.join(parts)}"
    return _step(
        update.received_at, "feed", "ingest", "received", True, text, msgspec.to_builtins(update)
    )


def _validated(signal: ConfirmedSignal) -> list[TrailStep]:
    at, dropped = signal.validated_at, signal.dropped
    if at is None:
        return []  # written by a version that did not say when
    # The edge worker validates again what has waited, at the time of its own verdict.
    worker = "edge" if at == signal.confirmed_at else "validator"
    left_out = ", ".join(
        f"{book} ({why.replace('_', ' ')})" for book, why in sorted(dropped.items())
    )
    text = (
        f"left out: {left_out}" if dropped else f"all {len(signal.update.books)} books may be used"
    )
    return [_step(at, "validator", worker, "passed", True, text, {"dropped": dropped})]


def _concerns(decision: Decision, bet: Order) -> bool:
    """Return whether a decision is about this bet.

    A trace is that of a market: decisions on its other selections belong to other bets.
    """
    return decision.selection_id in {bet.intent.selection_id, bet.intent.market.market_id, ""}


def _decision_step(decision: Decision) -> TrailStep:
    verdict = decision.verdict
    outcome = "passed" if verdict.accepted else "rejected"
    figures = figures_text(verdict.numbers)
    text = figures if verdict.accepted else f"{verdict.reason.description} {figures}".rstrip()
    raw = {
        "numbers": dict(verdict.numbers),
        "reason": verdict.reason.value,
        "details": decision.details,
    }
    return _step(decision.at, decision.stage, decision.worker, outcome, verdict.accepted, text, raw)


def figures_text(numbers: Mapping[str, Any]) -> str:
    """Return the first few known numbers, as ``odds 2.037, edge 5.32 %, fair 1.934``.

    Of limits the tightest comes first.
    """
    known = {
        name: value for name, value in shown_numbers(dict(numbers)).items() if value is not None
    }
    tightest = [known.pop(name, None) for name in ("tightest", "tightest_left", "tightest_limit")]
    parts = [_figure(name, value) for name, value in list(known.items())[:MOST_FIGURES]]
    if None not in tightest:
        parts.insert(0, "tightest limit: {}, {} left of {}".format(*tightest))
    return ", ".join(parts)


def _figure(name: str, value: object) -> str:
    label, unit = name, ""
    for suffix, sign in (("_pct", " %"), ("_s", " s")):
        if name.endswith(suffix):
            label, unit = name.removesuffix(suffix), sign
    text = f"{value:.2f}" if unit == " %" and isinstance(value, float | int) else _short(value)
    return f"{LABELS.get(name, label.replace('_', ' '))} {text}{unit}"


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return value.replace(",", ", ") if isinstance(value, str) else str(value)


def _transition_step(step: Transition) -> TrailStep:
    raw = {"from": step.source, "to": step.target, "cause": step.cause, "evidence": step.evidence}
    stage = "settlement" if step.target in FINAL and step.target in SETTLED else "bet"
    outcome = step.target.value if step.source is not step.target else "corrected"
    if step.cause == "closing_price":
        stage, outcome = "closing line", "seen"
    return _step(
        step.at, stage, step.worker, outcome, step.target not in BAD, _evidence_text(step), raw
    )


def _evidence_text(step: Transition) -> str:
    """Return what the evidence says in words; without any, what the step means."""
    evidence = step.evidence
    parts = [
        *(_ticket(ticket) for ticket in _rows(evidence, "tickets")),
        *(_quote(quote) for quote in _rows(evidence, "quotes")),
    ]
    if step.target is OrderState.SENDING and isinstance(
        prices := evidence.get("prices"), list | tuple
    ):
        parts.append(
            f"{_money(evidence.get('stake_minor'))} at"
            f" {', '.join(f'{book} {price}' for book, price in prices)}"
        )
    message = evidence.get("message")
    reason = (
        (MEANINGS.get(step.cause) or reason_text(step.cause) or "")
        if not parts or step.target in BAD
        else ""
    )
    return " ".join(
        part
        for part in (reason, f"{message}" if message else "", "; ".join(parts))
        if part and part != "venue"
    )


def _rows(evidence: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = evidence.get(name)
    return (
        [row for row in found if isinstance(row, Mapping)]
        if isinstance(found, list | tuple)
        else []
    )


def _ticket(ticket: Mapping[str, Any]) -> str:
    said = f": {ticket['message']}" if ticket.get("message") else ""
    result = f" {ticket['result']}".lower().replace("_", " ") if ticket.get("result") else ""
    stake, odds, book = _money(ticket.get("stake_minor")), ticket.get("odds"), ticket.get("book")
    return (
        f"ticket {str(ticket.get('ticket_id', ''))[:8]} {ticket.get('status')}{result}, {stake} at"
        f" {book} {odds}{said}"
    )


def _quote(quote: Mapping[str, Any]) -> str:
    if quote.get("rejected"):
        return (
            f"{quote.get('book')} quotes"
            f" nothing{': ' + str(quote['message']) if quote.get('message') else ''}"
        )
    limits = f"{_money(quote.get('minimum_minor'))} to {_money(quote.get('maximum_minor'))}"
    return f"{quote.get('book')} {quote.get('price')} for {limits}"


def _money(minor: object) -> str:
    return money_text(minor) if isinstance(minor, int) else "?"
