"""One approved signal, at most one call to the venue.

The order of the steps is the promise: the intent is committed before anybody is asked for anything,
SENDING is committed before the call, the call is made once, and from then on nothing but the ledger
is written until its outcome stands there. What a closed router turns away makes no intent. A step
that fails between intent and SENDING ends in SKIPPED; after it, whatever is not a clear answer is
UNKNOWN. Death between any two steps leaves a state that the next owner's takeover ends the same
way.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from keter.bus.codec import encode
from keter.bus.errors import (
    BusRefusedError,
    ConnectionLostError,
    LeaseLostError,
    PoisonedPayloadError,
)
from keter.clock import Clock, Ids
from keter.domain.bets import Bet, BetState, Intent, reference_of
from keter.domain.orders import Placement, PlaceOrder, PlaceOutcome
from keter.domain.signals import ApprovedSignal, check_age
from keter.domain.trading import ExecutionMode
from keter.domain.verdicts import Reason, Verdict, reject
from keter.errors import IllegalTransitionError
from keter.execution.placement_checks import (
    PlacementLimits,
    PlacementWorld,
    Plan,
    recheck,
)
from keter.execution.quoting import Quoting
from keter.ledger import (
    BetChanges,
    DuplicateDecisionError,
    Ledger,
    SelectionOpenError,
    UnstorableRowError,
)
from keter.venues.base import BetVenue

T = TypeVar("T")
log = structlog.get_logger(__name__)
NOT_SENT = "not_sent"  # begins the cause of a refusal that the venue never heard of


class Exposures(Protocol):
    """What of the risk book a placement uses; see ``keter.bus.state.risk.RiskBook``."""

    async def convert(self, decision_id: str, *, day: str | None = None) -> bool: ...


class Conditions(Protocol):
    """How the world is looked at; see ``keter.execution.conditions.World``."""

    def halted(self) -> bool: ...

    async def look(self, *, lock_left_s: float, call_s: float) -> PlacementWorld: ...


class Guarded(Protocol):
    """The lock on the selection; see ``keter.execution.selection_lock.SelectionLock``."""

    async def left_s(self) -> float: ...

    def left_by_clock_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Owner:
    """Who places, and under which of the ledger's fencing numbers.

    ``call_s`` is the longest a placement may take.
    """

    account: str
    mode: ExecutionMode
    worker: str
    fence: int
    call_s: float


@dataclass(frozen=True, slots=True)
class PlacementResult:
    """What became of an approval.

    ``bet`` is None when no intent was made.

    ``keeps_exposure`` is True while money is or may be at the venue, and for a duplicate, whose own
    bet decides.
    """

    verdict: Verdict
    bet: Bet | None
    keeps_exposure: bool
    sent: bool = False


class Placer:
    """Places one signal after another for one owner."""

    def __init__(
        self,
        owner: Owner,
        venue: BetVenue,
        ledger: Ledger,
        exposures: Exposures,
        eyes: Conditions,
        limits: PlacementLimits,
        *,
        clock: Clock,
        ids: Ids,
        observe: Callable[[str, float], None] = lambda _name, _seconds: None,
    ) -> None:
        self._owner = owner
        self._venue = venue
        self._ledger = ledger
        self._exposures = exposures
        self._eyes = eyes
        self._limits = limits
        self._clock = clock
        self._ids = ids
        self._observe = observe

    async def place(self, approved: ApprovedSignal, lock: Guarded) -> PlacementResult:
        """Take the signal to the end of what the router may do with it.

        Raises PoisonedPayloadError when the ledger refuses the intent. Raises FencedError when
        another router owns the account and LedgerUnavailableError: then a new takeover must come
        before the next placement. Raises the bus's errors, the intent then being SKIPPED.
        """
        verdict = await self._look(approved, lock)
        # Nobody was asked for anything: it is a decision in the audit and no bet.
        if not verdict.accepted:
            return PlacementResult(verdict, None, keeps_exposure=False)
        intent = self._intent(approved)
        try:
            await self._timed(
                "intent_commit", self._ledger.intents.create(intent, worker=self._owner.worker)
            )
        except DuplicateDecisionError as e:
            return PlacementResult(
                reject(Reason.DUPLICATE_DECISION, state=e.state), None, keeps_exposure=True
            )
        except SelectionOpenError as e:
            return PlacementResult(
                reject(Reason.SELECTION_OPEN, intent_id=e.intent_id), None, keeps_exposure=False
            )
        except UnstorableRowError as e:  # nothing was sent, and no repetition of it can be
            raise PoisonedPayloadError(str(e)) from e
        try:
            verdict, plan = await self._prepare(approved, intent, lock)
        except (ConnectionLostError, BusRefusedError, LeaseLostError):
            await self._step(
                intent, BetState.SKIPPED, "redis_lost", {}, reason="redis_lost", fenced=True
            )
            raise
        if plan is None:
            reason = verdict.reason.value
            bet = await self._step(
                intent, BetState.SKIPPED, reason, dict(verdict.numbers), reason=reason, fenced=True
            )
            return PlacementResult(verdict, bet, keeps_exposure=False)
        return await self._send(approved, intent, plan, verdict, lock)

    async def _prepare(
        self, approved: ApprovedSignal, intent: Intent, lock: Guarded
    ) -> tuple[Verdict, Plan | None]:
        """Ask for prices, look again, and make the reservation a bet.

        No plan: the verdict says why not.
        """
        quoted = await self._timed("quote", Quoting(self._venue, approved, self._limits).find())
        if quoted.plan is None:
            return quoted.verdict, None
        evidence = {"quotes": quoted.answers, **quoted.verdict.numbers}
        await self._step(intent, BetState.QUOTED, "quoted", evidence, fenced=True)
        verdict = await self._look(approved, lock)
        if not verdict.accepted:
            return verdict, None
        if not await self._exposures.convert(
            approved.decision_id, day=self._ledger.day_of(self._clock.now())
        ):
            return reject(Reason.SIGNAL_STALE, cause="the reservation has expired"), None
        return quoted.verdict, quoted.plan

    async def _look(self, approved: ApprovedSignal, lock: Guarded) -> Verdict:
        world = await self._eyes.look(lock_left_s=await lock.left_s(), call_s=self._owner.call_s)
        return recheck(approved, world, self._limits)

    async def _send(
        self, approved: ApprovedSignal, intent: Intent, plan: Plan, verdict: Verdict, lock: Guarded
    ) -> PlacementResult:
        order = PlaceOrder(
            approved.signal.update.ref,
            intent.market,
            intent.side,
            plan.prices,
            plan.stake_minor,
            intent.reference,
        )
        age_s = (self._clock.now() - approved.approved_at).total_seconds()
        facts = {
            "prices": [list(price) for price in plan.prices],
            "stake_minor": plan.stake_minor,
            "age_s": age_s,
        }
        self._observe("decision_to_call", age_s)
        await self._step(intent, BetState.SENDING, "sending", facts, fenced=True)
        stop = self._last_stop(approved, lock)
        placement = (
            Placement(PlaceOutcome.NOT_SENT, stop) if stop is not None else await self._call(order)
        )
        return await self._record(intent, placement, verdict)

    def _last_stop(self, approved: ApprovedSignal, lock: Guarded) -> str | None:
        """What happened while SENDING was written: a stop by hand, or so long a pause that the lock
        may be another's or the price of the past.

        The wall clock counts through a machine's sleep, the lock's own clock may not.
        """
        if self._eyes.halted():
            return Reason.HALT_FILE.value
        if lock.left_by_clock_s() < self._owner.call_s:
            return Reason.LOCK_LOST.value
        max_age_s = self._limits.router.max_signal_age_s
        age = check_age(approved.signal, self._clock.now(), max_age_s)
        return None if age.accepted else Reason.SIGNAL_STALE.value

    async def _call(self, order: PlaceOrder) -> Placement:
        """The one call. Whatever goes wrong in it, the outcome is a value."""
        try:
            return await self._timed("place_call", self._venue.place(order))
        except Exception as e:
            log.exception("place_raised", reference=order.reference)
            return Placement(PlaceOutcome.UNKNOWN, f"raised_{type(e).__name__}", str(e)[:200])

    async def _record(
        self, intent: Intent, placement: Placement, verdict: Verdict
    ) -> PlacementResult:
        """Write down what the call told.

        The tracker may have found the ticket already: then what it found stands.
        """
        facts = {"kind": placement.kind, "message": placement.message[:500], "code": placement.code}
        target, cause, reason = _meaning(placement)
        try:
            bet = await self._step(intent, target, cause, facts, reason=reason)
        except IllegalTransitionError as e:
            log.info("outcome_known_already", intent_id=intent.intent_id, error=str(e))
            return PlacementResult(
                verdict,
                await self._ledger.intents.get(intent.intent_id),
                keeps_exposure=True,
                sent=True,
            )
        if target is not BetState.REFUSED:
            return PlacementResult(verdict, bet, keeps_exposure=True, sent=True)
        refusal = reject(_refusal_reason(placement), kind=placement.kind, code=placement.code)
        sent = placement.outcome is PlaceOutcome.REFUSED
        return PlacementResult(refusal, bet, keeps_exposure=False, sent=sent)

    async def _timed(self, name: str, work: Awaitable[T]) -> T:
        started = self._clock.monotonic()
        try:
            return await work
        finally:
            self._observe(name, self._clock.monotonic() - started)

    def _intent(self, approved: ApprovedSignal) -> Intent:
        signal, intent_id = approved.signal, self._ids()
        update, best = signal.update, signal.offers[0]
        return Intent(
            intent_id=intent_id,
            decision_id=approved.decision_id,
            trace_id=signal.trace_id,
            account=self._owner.account,
            mode=self._owner.mode,
            venue=self._venue.capability.venue,
            venue_key=update.ref.key,
            event_uid=signal.event_uid,
            league=update.event.league,
            home=update.event.home,
            away=update.event.away,
            kickoff=update.event.kickoff,
            market=update.market,
            side=signal.side,
            stake_minor=approved.stake_minor,
            asked_odds=best.text,
            fair_odds=signal.fair.fair_odds,
            ev_pct=best.ev_pct,
            book=best.book,
            reference=reference_of(intent_id),
            fence=self._owner.fence,
            created_at=self._clock.now(),
            signal=encode(approved),
        )

    async def _step(
        self,
        intent: Intent,
        target: BetState,
        cause: str,
        evidence: Mapping[str, object],
        *,
        reason: str | None = None,
        fenced: bool = False,
    ) -> Bet:
        return await self._ledger.intents.transition(
            intent.intent_id,
            target,
            at=self._clock.now(),
            cause=cause,
            worker=self._owner.worker,
            evidence=evidence,
            changes=BetChanges(reason=reason),
            fence=self._owner.fence if fenced else None,
        )


def _meaning(placement: Placement) -> tuple[BetState, str, str | None]:
    """The state that an answer leads to, its cause, and the reason kept with the bet."""
    if placement.outcome is PlaceOutcome.SENT:
        return BetState.PENDING, "sent", None
    if placement.outcome is PlaceOutcome.UNKNOWN:
        return BetState.UNKNOWN, placement.kind, placement.kind
    cause = (
        placement.kind
        if placement.outcome is PlaceOutcome.REFUSED
        else f"{NOT_SENT}:{placement.kind}"
    )
    return BetState.REFUSED, cause, cause


def _refusal_reason(placement: Placement) -> Reason:
    if placement.outcome is PlaceOutcome.REFUSED:
        return Reason.VENUE_REFUSED
    own = {
        reason.value: reason for reason in (Reason.HALT_FILE, Reason.LOCK_LOST, Reason.SIGNAL_STALE)
    }
    return own.get(placement.kind, Reason.VENUE_UNAVAILABLE)
