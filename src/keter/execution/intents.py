"""What a placement writes into the ledger: the intent, and the step that an answer leads to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from keter.bus.codec import encode
from keter.domain.order_calls import PlaceAnswer, PlaceResult
from keter.domain.order_states import OrderState
from keter.domain.orders import Intent
from keter.domain.references import make_reference
from keter.domain.signals import ApprovedSignal
from keter.domain.trading import ExecutionMode
from keter.domain.verdicts import Reason
from keter.execution.price_choice import Plan
from keter.venues.base import Capability

# Our own reasons not to make a call that was already prepared.
_OWN_STOPS: Mapping[str, Reason] = {
    reason.value: reason for reason in (Reason.HALT_FILE, Reason.LOCK_LOST, Reason.SIGNAL_STALE)
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Who places, and under which of the ledger's fencing numbers.

    ``call_s`` is the longest that a placement may take.
    """

    account: str
    mode: ExecutionMode
    worker: str
    fence: int
    call_s: float


@dataclass(frozen=True, slots=True)
class Step:
    """A transition of the bet: its new state, the cause, and the reason kept with the bet."""

    target: OrderState
    cause: str
    reason: str | None = None


def make_intent(
    approved: ApprovedSignal, owner: Owner, capability: Capability, intent_id: str, at: datetime
) -> Intent:
    """Return the durable decision to place ``approved``, made ``at``.

    The venue's reference follows from ``intent_id``, so that a bet can be found without the ledger.
    """
    signal = approved.signal
    update, best = signal.update, signal.offers[0]
    return Intent(
        intent_id=intent_id,
        decision_id=approved.decision_id,
        trace_id=signal.trace_id,
        account=owner.account,
        mode=owner.mode,
        venue=capability.venue,
        venue_key=update.ref.key,
        event_uid=signal.event_uid,
        league=update.event.league,
        home=update.event.home,
        away=update.event.away,
        kickoff=update.event.kickoff,
        market=update.market,
        outcome=signal.outcome,
        stake_minor=approved.stake_minor,
        asked_odds=best.text,
        fair_odds=signal.fair.fair_odds,
        ev_pct=best.ev_pct,
        book=best.book,
        reference=make_reference(intent_id, capability.reference_form),
        fence=owner.fence,
        created_at=at,
        signal=encode(approved),
    )


def sending_evidence(plan: Plan, age_s: float) -> dict[str, object]:
    """Return what is kept of a call before it is made; ``age_s`` counts from the approval."""
    prices = [list(price) for price in plan.prices]
    return {"prices": prices, "stake_minor": plan.stake_minor, "age_s": age_s}


def step_after(placement: PlaceAnswer) -> Step:
    """Return the step that the venue's answer leads to. What is no clear answer is UNKNOWN."""
    if placement.result is PlaceResult.ACCEPTED:
        return Step(OrderState.OPEN, "sent")
    if placement.result is PlaceResult.UNKNOWN:
        return Step(OrderState.UNKNOWN, placement.kind, placement.kind)
    return Step(OrderState.REFUSED, placement.cause, placement.cause)


def answer_evidence(placement: PlaceAnswer) -> dict[str, object]:
    """Return what is kept of the venue's answer."""
    message = placement.message[:500]
    return {"kind": placement.kind, "message": message, "code": placement.code}


def refusal_reason(placement: PlaceAnswer) -> Reason:
    """Return the reason code of a placement that was refused or not sent."""
    if placement.result is PlaceResult.REFUSED:
        return Reason.VENUE_REFUSED
    return _OWN_STOPS.get(placement.kind, Reason.VENUE_UNAVAILABLE)
