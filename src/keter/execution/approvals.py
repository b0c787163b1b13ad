"""Takes approved signals to bets, for one ownership of an account.

An ownership begins with a takeover and opens after the tracker has compared ledger and venue. Each
approval is placed under its selection's lock. What follows from the outcome is done here too:
exposure released, cooldowns, the decision for the audit.
"""

from collections.abc import Awaitable, Callable

from keter.bus.locks import Locks
from keter.bus.state.cooldowns import cool_down
from keter.bus.state.reconciliation import ask_for_pass
from keter.bus.state.risk import RiskBook
from keter.context import Context
from keter.domain.order_calls import PLACEMENT_MARGIN_S
from keter.domain.order_states import NEVER_PLACED
from keter.domain.signals import ApprovedSignal, Decision, details_of
from keter.domain.verdicts import Reason, reject
from keter.execution.conditions import Conditions, Sources
from keter.execution.intents import Owner
from keter.execution.placement_checks import PlacementLimits
from keter.execution.placing import PlacementResult, Placer
from keter.execution.selection_lock import lock_selection
from keter.ledger import Ledger, Takeover
from keter.venues.base import Bookmaker

STAGE = "router"
PASS_POLL_S = 0.25
WATCH_EVERY_S = 1.0
# Refusals that say nothing about the selection: it may be tried again as soon as they pass.
NOT_ABOUT_THE_SELECTION = frozenset(
    {
        Reason.HALT_FILE,
        Reason.TRADING_NOT_ACTIVE,
        Reason.RAISES_EXPOSURE,
        Reason.NOT_ARMED,
        Reason.RECONCILING,
        Reason.SIGNAL_STALE,
        Reason.OTHER_RUN,
        Reason.FENCED,
        Reason.EXPOSURE_BET,
        Reason.EXPOSURE_EVENT,
        Reason.EXPOSURE_LEAGUE,
        Reason.EXPOSURE_DAY,
        Reason.EXPOSURE_TOTAL,
        Reason.COMMON_EXPOSURE_EVENT,
        Reason.COMMON_EXPOSURE_LEAGUE,
        Reason.COMMON_EXPOSURE_TOTAL,
    }
)


class ApprovalHandler:
    """One ownership of the account, from the takeover to its loss."""

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        venue: Bookmaker,
        account: str,
        limits: PlacementLimits,
        sources: Sources,
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._venue = venue
        self._account = account
        self._limits = limits
        settings = context.settings
        self._risk = RiskBook(
            context.bus,
            account,
            clock=context.clock,
            zone=settings.mode.zone,
            event_cooldown_s=settings.risk.cooldown_event_sec,
            reservation_s=settings.risk.reservation_ttl_s,
            run=context.run.mark.text,
        )
        self._locks = Locks(context.bus, owner=context.worker, ids=context.ids)
        self._token = context.ids()
        self._watch_due = context.clock.monotonic()
        self._placer: Placer | None = None
        self.conditions = Conditions(context, account, self._token, sources)

    async def take_over(self) -> Owner:
        """Fence off earlier owners, end what they left half done, and ask for a reconciliation.

        Return the new owner. Raises FencedError, LedgerUnavailableError and the bus's errors, as
        everything here does.
        """
        found = await self._ledger.orders.takeover(
            self._account,
            self._context.account.mode,
            at=self._context.clock.now(),
            worker=self._context.worker,
        )
        await self._after_takeover(found)
        owner = self._owner(found.fence)
        self._placer = self._make_placer(owner)
        await ask_for_pass(self._context.bus, self._account, self._token)
        return owner

    async def _after_takeover(self, found: Takeover) -> None:
        if found.skipped or found.unknown:
            self._context.log.warning(
                "recovered",
                skipped=len(found.skipped),
                unknown=len(found.unknown),
                fence=found.fence,
            )
        self._context.heart.gauge("fence", found.fence)
        for bet in found.skipped:
            await self._risk.release(bet.intent.decision_id)

    def _owner(self, fence: int) -> Owner:
        settings = self._context.settings
        return Owner(
            account=self._account,
            mode=self._context.account.mode,
            worker=self._context.worker,
            fence=fence,
            call_s=settings.venue.placement_timeout_s + PLACEMENT_MARGIN_S,
        )

    def _make_placer(self, owner: Owner) -> Placer:
        return Placer(
            owner,
            self._venue,
            self._ledger,
            self._risk,
            self.conditions,
            self._limits,
            clock=self._context.clock,
            ids=self._context.ids,
            observe=self._context.heart.observe,
        )

    async def until_reconciled(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """Ask the tracker for a pass and wait until it is complete, or until asked to stop.

        ``meanwhile`` is done again and again: what a closed router does all the same.
        """
        self._context.heart.gauge("open", 0)
        while not self._context.stop.is_set() and not await self.conditions.reconciled():
            await meanwhile()
            await self.watch_trading()
            # Asked again each time: Redis may have forgotten the question.
            await ask_for_pass(self._context.bus, self._account, self._token)
            await self._context.pause(PASS_POLL_S)
        self._context.heart.gauge("open", 1)

    async def watch_trading(self) -> None:
        """Read the trading state every second.

        A command is acknowledged that way while there is nothing to bet.
        """
        now = self._context.clock.monotonic()
        if now >= self._watch_due:
            self._watch_due = now + WATCH_EVERY_S
            await self.conditions.trading()

    async def handle(self, approved: ApprovedSignal) -> tuple[PlacementResult, Decision]:
        """Place one approval and do what follows; return the outcome and its audit record.

        A decision that has an intent already is reported and not placed again.
        """
        known = await self._ledger.orders.by_decision(approved.decision_id)
        if known is not None:
            verdict = reject(Reason.DUPLICATE_DECISION, state=known.state.value)
            at_risk = known.state not in NEVER_PLACED
            result = PlacementResult(verdict, known, keeps_exposure=at_risk)
        else:
            result = await self._place_locked(approved)
        await self._after_placement(approved, result)
        return result, self._decision(approved, result)

    async def _place_locked(self, approved: ApprovedSignal) -> PlacementResult:
        """Place the approval under its selection's lock."""
        if self._placer is None:
            raise RuntimeError("the router serves before it has taken over")
        signal, ttl_s = approved.signal, self._context.settings.router.exec_lock_ttl_s
        key = self._context.bus.keys.exec_lock(signal.event_uid, signal.selection_id, self._account)
        lock = await lock_selection(self._locks, key, ttl_s, self._context.clock)
        if lock is None:
            verdict = reject(Reason.LOCK_LOST, holder=await self._locks.owner(key))
            return PlacementResult(verdict, None, keeps_exposure=False)
        async with lock:
            return await self._placer.place(approved, lock)

    async def _after_placement(self, approved: ApprovedSignal, result: PlacementResult) -> None:
        """Write what others must know: the throttle, cooldowns, exposure that is free again.

        A death before the end of it is made good by the tracker, which compares risk book and
        ledger.
        """
        reason = result.verdict.reason
        if reason is Reason.DUPLICATE_DECISION:
            # Its reservation may have outlived it, when Redis was away at its end. The guard keeps
            # refreshing what it finds there, and its room would never be free again.
            if not result.keeps_exposure:
                await self._risk.release(approved.decision_id)
            return
        risk = self._context.settings.risk
        if result.sent:
            await self._risk.note_bet(approved.decision_id)
            await self._cool_down(approved, reason, risk.cooldown_event_sec, whole_event=True)
        if not result.keeps_exposure:
            await self._risk.release(approved.decision_id)
        if not result.verdict.accepted and reason not in NOT_ABOUT_THE_SELECTION:
            await self._cool_down(approved, reason, risk.cooldown_selection_sec, whole_event=False)

    async def _cool_down(
        self, approved: ApprovedSignal, reason: Reason, seconds: float, *, whole_event: bool
    ) -> None:
        signal = approved.signal
        await cool_down(
            self._context.bus,
            self._account,
            event_uid=signal.event_uid,
            selection_id=None if whole_event else signal.selection_id,
            seconds=seconds,
            reason=reason.value,
        )

    def _decision(self, approved: ApprovedSignal, result: PlacementResult) -> Decision:
        bet, verdict = result.bet, result.verdict
        state = bet.state.value if bet is not None else None
        self._context.log.info("routed", reason=verdict.reason.value, state=state)
        details: dict[str, object] = {**details_of(approved.signal.update, None), "state": state}
        if bet is not None:
            details |= {"intent_id": bet.intent.intent_id, "reference": bet.intent.reference}
        return Decision(
            trace_id=approved.signal.trace_id,
            stage=STAGE,
            worker=self._context.worker,
            event_uid=approved.signal.event_uid,
            selection_id=approved.signal.selection_id,
            verdict=verdict,
            at=self._context.clock.now(),
            details=details,
            decision_id=approved.decision_id,
            account=self._account,
        )
