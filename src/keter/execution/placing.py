"""Places one approved signal, with at most one call to the venue.

The order of the steps is the promise:

1. What a closed router turns away makes no intent.
2. The intent is committed before the venue is asked for anything.
3. SENDING is committed before the call, and the call is made once.
4. From then on only the ledger is written until it holds the outcome.

A step that fails between intent and SENDING ends in SKIPPED. After SENDING, whatever is not a clear
answer is UNKNOWN. Death between any two steps leaves a state that the next owner's takeover ends
the same way.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from keter.bus.errors import (
    BusRefusedError,
    ConnectionLostError,
    LeaseLostError,
    PoisonedPayloadError,
)
from keter.clock import Clock, Ids
from keter.domain.order_calls import OrderRequest, PlaceAnswer, PlaceResult
from keter.domain.order_states import OrderState
from keter.domain.orders import Intent, Order
from keter.domain.signals import ApprovedSignal, check_age
from keter.domain.verdicts import Reason, Verdict, reject
from keter.errors import IllegalTransitionError
from keter.execution.intents import (
    Owner,
    Step,
    answer_evidence,
    make_intent,
    refusal_reason,
    sending_evidence,
    step_after,
)
from keter.execution.placement_checks import PlacementFacts, PlacementLimits, recheck
from keter.execution.price_choice import Plan
from keter.execution.quoting import Quoting
from keter.ledger import (
    DuplicateDecisionError,
    Ledger,
    OrderChanges,
    SelectionOpenError,
    UnstorableRowError,
)
from keter.venues.base import Bookmaker

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Exposures(Protocol):
    """What a placement uses of the risk book; see ``keter.bus.state.risk.RiskBook``."""

    async def convert(self, decision_id: str, *, day: str | None = None) -> bool:
        """Turn the reservation into a bet; False when it has expired."""
        ...


class ReadsConditions(Protocol):
    """What a placement uses of ``keter.execution.conditions.Conditions``."""

    def halted(self) -> bool: ...

    async def read(self, *, lock_left_s: float, call_s: float) -> PlacementFacts: ...


class HeldLock(Protocol):
    """The lock on the selection; see ``keter.execution.selection_lock.SelectionLock``."""

    async def left_s(self) -> float:
        """Return for how many seconds the lock is surely ours, as Redis sees it; 0 if it is not."""
        ...

    def left_by_clock_s(self) -> float:
        """Return the same by our own clock alone, which needs no question.

        The clock goes on while the process is frozen.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlacementResult:
    """What became of an approval.

    ``bet`` is None when no intent was made. ``sent`` says that the venue has, or may have, the bet.
    """

    verdict: Verdict
    bet: Order | None
    # While money is or may be at the venue; also for a duplicate, whose first bet decides.
    keeps_exposure: bool
    sent: bool = False


class Placer:
    """Places one signal after another for one owner.

    ``observe`` takes the name and the seconds of each timed step.
    """

    def __init__(
        self,
        owner: Owner,
        venue: Bookmaker,
        ledger: Ledger,
        exposures: Exposures,
        conditions: ReadsConditions,
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
        self._conditions = conditions
        self._limits = limits
        self._clock = clock
        self._ids = ids
        self._observe = observe

    async def place(self, approved: ApprovedSignal, lock: HeldLock) -> PlacementResult:
        """Take the signal to the end of what the router may do with it.

        Raises PoisonedPayloadError when the ledger refuses the intent.
        Raises the bus's errors; the intent is SKIPPED then.
        Raises FencedError when another router owns the account, and LedgerUnavailableError: then a
        new takeover must come before the next placement.
        """
        verdict = await self._recheck(approved, lock)
        # The venue was not asked for anything: this is a decision in the audit and no bet.
        if not verdict.accepted:
            return PlacementResult(verdict, None, keeps_exposure=False)
        capability = self._venue.capability
        intent = make_intent(approved, self._owner, capability, self._ids(), self._clock.now())
        refusal = await self._commit(intent)
        if refusal is not None:
            return refusal
        verdict, plan = await self._prepared(approved, intent, lock)
        if plan is None:
            step = Step(OrderState.SKIPPED, verdict.reason.value, verdict.reason.value)
            bet = await self._move(intent, step, dict(verdict.numbers), fenced=True)
            return PlacementResult(verdict, bet, keeps_exposure=False)
        return await self._send(approved, intent, plan, verdict, lock)

    async def _commit(self, intent: Intent) -> PlacementResult | None:
        """Write the intent into the ledger; the result is one that forbids it."""
        creation = self._ledger.orders.create(intent, worker=self._owner.worker)
        try:
            await self._timed("intent_commit", creation)
        except DuplicateDecisionError as e:
            duplicate = reject(Reason.DUPLICATE_DECISION, state=e.state)
            return PlacementResult(duplicate, None, keeps_exposure=True)
        except SelectionOpenError as e:
            is_open = reject(Reason.SELECTION_OPEN, intent_id=e.intent_id)
            return PlacementResult(is_open, None, keeps_exposure=False)
        except UnstorableRowError as e:
            # Nothing was sent, and no repetition of it could be stored.
            raise PoisonedPayloadError(str(e)) from e
        return None

    async def _prepared(
        self, approved: ApprovedSignal, intent: Intent, lock: HeldLock
    ) -> tuple[Verdict, Plan | None]:
        """Prepare the call; an intent whose Redis is lost meanwhile is SKIPPED."""
        try:
            return await self._prepare(approved, intent, lock)
        except (ConnectionLostError, BusRefusedError, LeaseLostError):
            step = Step(OrderState.SKIPPED, "redis_lost", "redis_lost")
            await self._move(intent, step, {}, fenced=True)
            raise

    async def _prepare(
        self, approved: ApprovedSignal, intent: Intent, lock: HeldLock
    ) -> tuple[Verdict, Plan | None]:
        """Ask for prices, check again, and turn the reservation into a bet.

        Return no plan where the verdict is a rejection.
        """
        quoted = await self._timed("quote", Quoting(self._venue, approved, self._limits).find())
        if quoted.plan is None:
            return quoted.verdict, None
        evidence = {"quotes": quoted.answers, **quoted.verdict.numbers}
        await self._move(intent, Step(OrderState.QUOTED, "quoted"), evidence, fenced=True)
        verdict = await self._recheck(approved, lock)
        if not verdict.accepted:
            return verdict, None
        if not await self._exposures.convert(
            approved.decision_id, day=self._ledger.day_of(self._clock.now())
        ):
            return reject(Reason.SIGNAL_STALE, cause="the reservation has expired"), None
        return quoted.verdict, quoted.plan

    async def _recheck(self, approved: ApprovedSignal, lock: HeldLock) -> Verdict:
        lock_left_s, call_s = await lock.left_s(), self._owner.call_s
        facts = await self._conditions.read(lock_left_s=lock_left_s, call_s=call_s)
        return recheck(approved, facts, self._limits)

    async def _send(
        self,
        approved: ApprovedSignal,
        intent: Intent,
        plan: Plan,
        verdict: Verdict,
        lock: HeldLock,
    ) -> PlacementResult:
        order = OrderRequest(
            approved.signal.update.ref,
            intent.market,
            intent.outcome,
            plan.prices,
            plan.stake_minor,
            intent.reference,
        )
        age_s = (self._clock.now() - approved.approved_at).total_seconds()
        self._observe("decision_to_call", age_s)
        evidence = sending_evidence(plan, age_s)
        await self._move(intent, Step(OrderState.SENDING, "sending"), evidence, fenced=True)
        stop = self._last_stop(approved, lock)
        placement = (
            PlaceAnswer(PlaceResult.NOT_SENT, stop) if stop is not None else await self._call(order)
        )
        return await self._record(intent, placement, verdict)

    def _last_stop(self, approved: ApprovedSignal, lock: HeldLock) -> str | None:
        """Return what happened while SENDING was written, or None.

        That is a stop by hand, or so long a pause that the lock or the price may be lost.
        """
        if self._conditions.halted():
            return Reason.HALT_FILE.value
        if lock.left_by_clock_s() < self._owner.call_s:
            return Reason.LOCK_LOST.value
        # The wall clock counts through a machine's sleep; the lock's own clock may not.
        max_age_s = self._limits.router.max_signal_age_s
        age = check_age(approved.signal, self._clock.now(), max_age_s)
        return None if age.accepted else Reason.SIGNAL_STALE.value

    async def _call(self, order: OrderRequest) -> PlaceAnswer:
        """Make the one call. Whatever goes wrong in it, the outcome is a value."""
        try:
            return await self._timed("place_call", self._venue.place(order))
        except Exception as e:
            log.exception("place_raised", reference=order.reference)
            return PlaceAnswer(PlaceResult.UNKNOWN, f"raised_{type(e).__name__}", str(e)[:200])

    async def _record(
        self, intent: Intent, placement: PlaceAnswer, verdict: Verdict
    ) -> PlacementResult:
        """Write the answer of the call into the ledger."""
        step = step_after(placement)
        try:
            bet = await self._move(intent, step, answer_evidence(placement))
        except IllegalTransitionError as e:
            # The tracker has found the ticket already; what it found stays.
            log.info("outcome_known_already", intent_id=intent.intent_id, error=str(e))
            bet = await self._ledger.orders.get(intent.intent_id)
            return PlacementResult(verdict, bet, keeps_exposure=True, sent=True)
        if step.target is not OrderState.REFUSED:
            return PlacementResult(verdict, bet, keeps_exposure=True, sent=True)
        refusal = reject(refusal_reason(placement), kind=placement.kind, code=placement.code)
        sent = placement.result is PlaceResult.REFUSED
        return PlacementResult(refusal, bet, keeps_exposure=False, sent=sent)

    async def _timed(self, name: str, work: Awaitable[T]) -> T:
        started = self._clock.monotonic()
        try:
            return await work
        finally:
            self._observe(name, self._clock.monotonic() - started)

    async def _move(
        self, intent: Intent, step: Step, evidence: Mapping[str, object], *, fenced: bool = False
    ) -> Order:
        """Write one step of the bet; a fenced one only while this owner's fence is the newest."""
        return await self._ledger.orders.transition(
            intent.intent_id,
            step.target,
            at=self._clock.now(),
            cause=step.cause,
            worker=self._owner.worker,
            evidence=evidence,
            changes=OrderChanges(reason=step.reason),
            fence=self._owner.fence if fenced else None,
        )
