"""The router: approved signals to bets, one at a time, by the one process that owns the account.

It opens only after the tracker has compared ledger and venue. What it does to a signal is in
``keter.execution``; here are the queue around it, and what follows from each outcome: exposure
given back, cooldowns, counters, the audit.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from keter.bus.codec import decode, encode
from keter.bus.errors import LeaseLostError, PoisonedPayloadError
from keter.bus.locks import Lease, Locks
from keter.bus.queue import Item, Pipe, QueueName
from keter.bus.state.cooldowns import cool_down
from keter.bus.state.reconciliation import ask_for_pass
from keter.bus.state.risk import RiskBook
from keter.context import Context
from keter.domain.signals import ApprovedSignal, Decision
from keter.domain.verdicts import Reason, reject
from keter.execution.conditions import Conditions
from keter.execution.placement_checks import PlacementLimits
from keter.execution.placing import Owner, PlacementResult, Placer
from keter.execution.selection_lock import lock_selection
from keter.ledger import FencedError, Ledger, LedgerUnavailableError, Takeover, open_settings_ledger
from keter.processes.edge import details_of
from keter.processes.leader import run_as_leader
from keter.processes.runtime import REDIS_TROUBLE, Waits
from keter.processes.serving import Handled, serve, traced
from keter.system.tasks import end_tasks
from keter.venues.base import BetVenue
from keter.venues.registry import open_bet_venue

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
    }
)
PLACEMENT_MARGIN_S = 10.0  # the HTTP deadline of a placement beyond PLACEMENT_TIMEOUT_S


async def run(context: Context) -> None:
    """Routes until asked to stop."""
    ledger = await open_settings_ledger(context.settings, clock=context.clock)
    venue = open_bet_venue(context.settings, context.bus, ledger, context.clock)
    try:
        await route(context, ledger, venue)
    finally:
        await venue.aclose()
        await ledger.aclose()


async def route(context: Context, ledger: Ledger, venue: BetVenue) -> None:
    """Owns the account whenever it can, and begins anew after each doubt about ownership or
    ledger.
    """
    account = context.settings.venue.ao_user
    waits = Waits()

    async def body(lease: Lease) -> None:
        while not context.stop.is_set():
            try:
                await Router(context, ledger, venue, account, leading=lease.valid).run()
            except FencedError as e:
                raise LeaseLostError(str(e)) from e
            except LedgerUnavailableError as e:
                context.heart.error(str(e))
                context.log.error("ledger_unavailable", error=str(e))  # noqa: TRY400 - an outage, not a bug
                await context.pause(waits.next())

    await run_as_leader(context, f"router:{account}", body)


class Router:
    """One ownership of the account: from takeover to the loss of it."""

    def __init__(
        self,
        context: Context,
        ledger: Ledger,
        venue: BetVenue,
        account: str,
        *,
        leading: Callable[[], Awaitable[bool]],
    ) -> None:
        self._context = context
        self._ledger = ledger
        self._venue = venue
        self._account = account
        rest_s, life_s = (
            context.settings.risk.cooldown_event_sec,
            context.settings.risk.reservation_ttl_s,
        )
        zone, run = context.settings.mode.zone, context.run.mark.text
        self._risk = RiskBook(
            context.bus,
            clock=context.clock,
            zone=zone,
            event_cooldown_s=rest_s,
            reservation_s=life_s,
            run=run,
        )
        self._locks = Locks(context.bus, owner=context.worker, ids=context.ids)
        self._token = context.ids()
        self._watch_due = context.clock.monotonic()
        self._pipe: Pipe | None = None
        self._placer: Placer | None = None
        self._world = Conditions(
            context.bus, context.settings, context.clock, context.heart,
            account=account, token=self._token, run=context.run.mark, leading=leading,
            last_command=ledger.commands.last_trading,
        )  # fmt: skip

    async def run(self) -> None:
        """Take over, waits for the reconciliation, then serves the queue until asked to stop.

        Raises FencedError, LedgerUnavailableError and the bus's errors.
        """
        await self.take_over()
        await self._until_reconciled()
        self._pipe = self._context.pipe(QueueName.APPROVED)
        await serve(self._context, self._pipe, self.handle, batch=1, tick=self.tick)

    async def tick(self) -> Handled:
        """Look at the trading state every second, so that a command is acknowledged while there is
        nothing to bet.
        """
        now = self._context.clock.monotonic()
        if now >= self._watch_due:
            self._watch_due = now + WATCH_EVERY_S
            await self._world.trading()
        return Handled()

    async def take_over(self) -> None:
        """Shuts earlier owners out, ends what they left half done, and asks for a
        reconciliation.
        """
        found = await self._ledger.intents.takeover(
            self._account,
            self._context.settings.mode.execution_mode,
            at=self._context.clock.now(),
            worker=self._context.worker,
        )
        await self._after_takeover(found)
        self._placer = self._make_placer(found.fence)
        await ask_for_pass(self._context.bus, self._account, self._token)

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

    async def _until_reconciled(self) -> None:
        """Asks the tracker for a pass and waits for it.

        Asks again each time: Redis may have forgotten the question.
        """
        self._context.heart.gauge("open", 0)
        while not self._context.stop.is_set() and not await self._world.reconciled():
            await self.tick()
            await ask_for_pass(self._context.bus, self._account, self._token)
            await self._context.pause(PASS_POLL_S)
        self._context.heart.gauge("open", 1)

    def _make_placer(self, fence: int) -> Placer:
        settings = self._context.settings
        owner = Owner(
            account=self._account,
            mode=settings.mode.execution_mode,
            worker=self._context.worker,
            fence=fence,
            call_s=settings.venue.placement_timeout_s + PLACEMENT_MARGIN_S,
        )
        limits = PlacementLimits(
            settings.router, settings.edge, settings.stake, settings.validation.in_play
        )
        return Placer(
            owner, self._venue, self._ledger, self._risk, self._world, limits,
            clock=self._context.clock, ids=self._context.ids, observe=self._context.heart.observe,
        )  # fmt: skip

    async def handle(self, item: Item) -> Handled:
        """One approval. Raises PoisonedPayloadError for what is none, or is another account's."""
        approved = decode(ApprovedSignal, item.payload)
        if approved.signal.update.account != self._account:
            raise PoisonedPayloadError(
                f"approved for account {approved.signal.update.account}, not for {self._account}"
            )
        with traced(approved.signal.update, approved.signal.selection_id):
            async with self._keeping_the_item():
                outcome = await self._locked(approved)
                await self._after_placement(approved, outcome)
            return self._record(approved, outcome)

    @contextlib.asynccontextmanager
    async def _keeping_the_item(self) -> AsyncIterator[None]:
        """Renews the pipe's lease while a placement takes its time."""
        keeper = asyncio.create_task(self._touch(), name="pipe lease")
        try:
            yield
        finally:
            await end_tasks(keeper)

    async def _touch(self) -> None:
        period_s = self._context.settings.process.worker_lease_ttl_s / 3
        # The pipe's next step meets the same trouble and acts on it.
        with contextlib.suppress(*REDIS_TROUBLE):
            while self._pipe is not None:
                await asyncio.sleep(period_s)
                await self._pipe.touch()

    async def _locked(self, approved: ApprovedSignal) -> PlacementResult:
        """A decision that has an intent is only told of; else it is placed under the selection's
        lock.
        """
        if self._placer is None:
            raise RuntimeError("the router serves before it has taken over")
        known = await self._ledger.intents.by_decision(approved.decision_id)
        if known is not None:
            return PlacementResult(
                reject(Reason.DUPLICATE_DECISION, state=known.state.value),
                known,
                keeps_exposure=True,
            )
        signal, ttl_s = approved.signal, self._context.settings.router.exec_lock_ttl_s
        key = self._context.bus.keys.exec_lock(signal.event_uid, signal.selection_id)
        lock = await lock_selection(self._locks, key, ttl_s, self._context.clock)
        if lock is None:
            holder = await self._locks.owner(key)
            return PlacementResult(
                reject(Reason.LOCK_LOST, holder=holder), None, keeps_exposure=False
            )
        async with lock:
            return await self._placer.place(approved, lock)

    async def _after_placement(self, approved: ApprovedSignal, outcome: PlacementResult) -> None:
        """What others must know.

        A death before its end is made good by the tracker, which compares risk book and ledger.
        """
        signal, risk = approved.signal, self._context.settings.risk
        bus, reason = self._context.bus, outcome.verdict.reason
        if reason is Reason.DUPLICATE_DECISION:
            return
        if outcome.sent:
            await self._risk.note_bet(approved.decision_id)
            await cool_down(
                bus,
                event_uid=signal.event_uid,
                seconds=risk.cooldown_event_sec,
                reason=reason.value,
            )
        if not outcome.keeps_exposure:
            await self._risk.release(approved.decision_id)
        if not outcome.verdict.accepted and reason not in NOT_ABOUT_THE_SELECTION:
            await cool_down(
                bus,
                event_uid=signal.event_uid,
                selection_id=signal.selection_id,
                seconds=risk.cooldown_selection_sec,
                reason=reason.value,
            )

    def _record(self, approved: ApprovedSignal, outcome: PlacementResult) -> Handled:
        bet, verdict = outcome.bet, outcome.verdict
        state = bet.state.value if bet is not None else None
        self._context.log.info("routed", reason=verdict.reason.value, state=state)
        details: dict[str, object] = {**details_of(approved.signal.update, None), "state": state}
        if bet is not None:
            details |= {"intent_id": bet.intent.intent_id, "reference": bet.intent.reference}
        decision = Decision(
            trace_id=approved.signal.trace_id,
            stage=STAGE,
            worker=self._context.worker,
            event_uid=approved.signal.event_uid,
            selection_id=approved.signal.selection_id,
            verdict=verdict,
            at=self._context.clock.now(),
            details=details,
            decision_id=approved.decision_id,
        )
        return Handled(counts={f"{STAGE}:{verdict.reason.value}": 1}, audit=[encode(decision)])
