"""The guard: nothing becomes a bet without passing here. One process is active, others stand by.

Signals that arrive together are ranked: few of them get through a match's cooldown and the
throttle, so the one worth most goes first.
"""

import msgspec
from cachetools import FIFOCache

from keter.bus.codec import decode, encode
from keter.bus.locks import Lease
from keter.bus.queue import Item, Output, QueueName, approved_for
from keter.context import Context
from keter.domain.signals import ConfirmedSignal, Decision, details_of
from keter.domain.verdicts import Reason
from keter.ledger import Ledger
from keter.opening.stores import open_settings_ledger
from keter.processes.handling import Gather
from keter.processes.leader import run_as_leader
from keter.processes.serving import serve
from keter.processes.turns import Handled, traced
from keter.redis_server.probe import server_life
from keter.risk.approvals import Ruling
from keter.risk.every_account import EveryAccount
from keter.risk.revisits import Revisits

STAGE = "guard"
BATCH = 64
# How often a signal is decided on while the risk book changes under the decision.
TRIES = 3
WATCH_EVERY_S = 1.0
# Selections whose last verdict is remembered.
MEMORY = 20_000


async def run(context: Context) -> None:
    """Serve the confirmed queue while holding the guard's lease, until asked to stop."""
    ledger = await open_settings_ledger(context.settings, clock=context.clock)
    try:

        async def body(lease: Lease) -> None:
            guard = Guard(context, ledger, lease)
            await guard.start()
            gather = Gather(context.settings.risk.gather_signals_sec, guard.accounts.rank)
            pipe = context.pipe(QueueName.CONFIRMED)
            await serve(context, pipe, guard.handle, batch=BATCH, tick=guard.tick, gather=gather)

        await run_as_leader(context, "guard", body)
    finally:
        await ledger.aclose()


class Guard:
    """Take signals from the queue, approve or refuse them, record each verdict."""

    def __init__(self, context: Context, ledger: Ledger, lease: Lease) -> None:
        self._context = context
        self.accounts = EveryAccount(context, ledger, lease, server_life)
        self._revisits = Revisits(context, self.accounts.keeper.books)
        self._last: FIFOCache[str, Reason] = FIFOCache(MEMORY)
        self._watch_due = context.clock.monotonic()

    async def start(self) -> None:
        """Restore what Redis has lost, before the first decision."""
        await self.accounts.keeper.start()

    async def tick(self) -> Handled:
        """Watch the brakes of the day and return markets to judge again, once a second."""
        now = self._context.clock.monotonic()
        if now < self._watch_due:
            return Handled()
        self._watch_due = now + WATCH_EVERY_S
        await self.accounts.watch()
        again = await self._revisits.due()
        return Handled(again, {f"{STAGE}:looked_again": len(again)} if again else {})

    async def handle(self, item: Item) -> Handled:
        """Decide on the signal in ``item``.

        Raises PoisonedPayloadError if there is none, LeaseLostError without the guard's lease.
        """
        signal = decode(ConfirmedSignal, item.payload)
        with traced(signal.update, signal.selection_id):
            for _ in range(TRIES):
                ruling = await self.accounts.decide(signal)
                if ruling is not None:
                    return self._record(signal, ruling)
        # The book changes faster than we decide: the signal goes to the end of its own queue,
        # unless a newer one waits there.
        back = Output(QueueName.CONFIRMED, item.key, item.payload, returned=True)
        name = self._context.count_name(STAGE, "contended", signal.account)
        return Handled([back], {name: 1})

    def _record(self, signal: ConfirmedSignal, ruling: Ruling) -> Handled:
        verdict, approved, refreshed = ruling
        what = "refreshed" if refreshed else verdict.reason.value
        name = self._context.count_name(STAGE, what, signal.account)
        outputs = []
        if approved is not None:
            outputs = [Output(approved_for(signal.account), approved.queue_key, encode(approved))]
        # A selection that is refused for the same reason at every price change is audited once.
        news = self._last.get(signal.queue_key) is not verdict.reason or (
            approved is not None and not refreshed
        )
        self._last[signal.queue_key] = verdict.reason
        self._revisits.note(signal, verdict)
        if news:
            stake = approved.stake_minor if approved is not None else 0
            self._context.log.info("guarded", reason=verdict.reason.value, stake_minor=stake)
        return Handled(outputs, {name: 1}, [encode(self._decision(signal, ruling))] if news else [])

    def _decision(self, signal: ConfirmedSignal, ruling: Ruling) -> Decision:
        details = details_of(signal.update, None)
        details["offers"] = msgspec.to_builtins(signal.offers)
        return Decision(
            trace_id=signal.trace_id,
            stage=STAGE,
            worker=self._context.worker,
            event_uid=signal.event_uid,
            selection_id=signal.selection_id,
            verdict=ruling.verdict,
            at=self._context.clock.now(),
            details=details,
            decision_id=ruling.approved.decision_id if ruling.approved is not None else None,
            account=signal.account,
        )
