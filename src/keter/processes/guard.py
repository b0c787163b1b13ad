"""The guard: nothing becomes a bet without passing here.

One active process, others stand by.

It decides on the risk book as read at one revision and reserves the exposure under that revision
and its own lease; when either has moved, it looks and decides again. A newer signal for a selection
whose approval still waits refreshes the price and keeps the reservation, so one decision stays one
decision.

Signals that arrive together are weighed together: few of them get through a match's rest and the
throttle, so the one worth most goes first. What a rest or the throttle refused is looked at again
when that ends.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import msgspec

from keter.bus.codec import decode, encode
from keter.bus.errors import PoisonedPayloadError
from keter.bus.locks import Lease
from keter.bus.queue import Item, Output, QueueName
from keter.bus.state.accounts import read_accounts
from keter.bus.state.cooldowns import cooling
from keter.bus.state.risk_state import RiskState
from keter.context import Context
from keter.domain.bets import SETTLED
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus, open_stake
from keter.domain.signals import ApprovedSignal, ConfirmedSignal, Decision
from keter.domain.verdicts import Reason, Verdict, reject
from keter.execution.placement_checks import check_age
from keter.ledger import BetFilter, Ledger, open_settings_ledger
from keter.processes.edge import details_of
from keter.processes.leader import run_as_leader
from keter.processes.serving import Gather, Handled, serve, traced
from keter.risk.book_keeper import RiskKeeper
from keter.risk.gate import RiskContext, assess, best_first, score_at_bet
from keter.risk.permission import Permission
from keter.risk.revisits import Revisits
from keter.system.text_files import is_present

STAGE = "guard"
BATCH = 64
TRIES = 3
WATCH_EVERY_S = 1.0
ACCOUNT_FRESH = timedelta(minutes=5)
MEMORY = 20_000


async def run(context: Context) -> None:
    """Serve the confirmed queue while holding the guard's lease, until asked to stop."""
    ledger = await open_settings_ledger(context.settings, clock=context.clock)
    try:

        async def body(lease: Lease) -> None:
            guard = Guard(context, ledger, lease)
            await guard.start()
            gather = Gather(context.settings.risk.gather_signals_sec, guard.rank)
            pipe = context.pipe(QueueName.CONFIRMED)
            await serve(context, pipe, guard.handle, batch=BATCH, tick=guard.tick, gather=gather)

        await run_as_leader(context, "guard", body)
    finally:
        await ledger.aclose()


class Guard:
    """One signal after another: look, assess, reserve."""

    def __init__(self, context: Context, ledger: Ledger, lease: Lease) -> None:
        settings = context.settings
        self._context = context
        self._ledger = ledger
        self._account = settings.venue.ao_user
        self._keeper = RiskKeeper(context, ledger, lease)
        self._permission = Permission(
            context.bus, settings, context.clock, self._account, context.run.mark
        )
        self._revisits = Revisits(context, self._keeper.book)
        self._last: dict[str, Reason] = {}
        self._watch_due = context.clock.monotonic()

    async def start(self) -> None:
        """Restores what Redis has lost before the first decision."""
        await self._keeper.start()

    async def tick(self) -> Handled:
        """Watches the brakes of the day and the ends of rests, every second."""
        now = self._context.clock.monotonic()
        if now < self._watch_due:
            return Handled()
        self._watch_due = now + WATCH_EVERY_S
        await self._keeper.watch()
        again = await self._revisits.due()
        return Handled(again, {f"{STAGE}:looked_again": len(again)} if again else {})

    async def rank(self, items: Sequence[Item]) -> list[int]:
        """The places of ``items``, the signal worth most first; what is no signal comes before all,
        to be put away.
        """
        limits = await self._keeper.current_limits()
        signals = [_signal_or_none(item) for item in items]
        spoilt = [i for i, signal in enumerate(signals) if signal is None]
        known = [(i, signal) for i, signal in enumerate(signals) if signal is not None]
        order = best_first([signal for _, signal in known], limits)
        return spoilt + [known[place][0] for place in order]

    async def handle(self, item: Item) -> Handled:
        """Raise PoisonedPayloadError for what is no confirmed signal, LeaseLostError without our
        lease.
        """
        signal = decode(ConfirmedSignal, item.payload)
        with traced(signal.update, signal.selection_id):
            for _ in range(TRIES):
                handled = await self._decide(signal)
                if handled is not None:
                    return handled
        # The book moves faster than we decide: the signal goes to the end of its own queue, unless
        # a newer one waits there.
        back = Output(QueueName.CONFIRMED, item.key, item.payload, returned=True)
        return Handled([back], {f"{STAGE}:contended": 1})

    async def _decide(self, signal: ConfirmedSignal) -> Handled | None:
        """None when the picture changed before the reservation was made."""
        refusal = self._refused_at_once(signal)
        if refusal is not None:
            return self._record(signal, refusal, None)
        state = await self._keeper.state()
        own = _own_reservation(signal, state)
        limits = await self._keeper.current_limits(own.stake_minor if own else None)
        context = await self._look(signal, state, own)
        verdict, stake = assess(signal, context, limits)
        if not verdict.accepted:
            return self._record(signal, verdict, None)
        decision_id = (
            await self._reserve(signal, stake, state) if own is None else await self._refresh(own)
        )
        if decision_id is None:
            return None
        now, run = self._context.clock.now(), self._context.run.mark
        approved = ApprovedSignal(signal, decision_id, stake, now, context.reducing, run)
        return self._record(signal, verdict, approved, refreshed=own is not None)

    def _refused_at_once(self, signal: ConfirmedSignal) -> Verdict | None:
        settings = self._context.settings.router
        age = check_age(signal, self._context.clock.now(), settings)
        if not age.accepted:
            return age
        return reject(Reason.HALT_FILE) if is_present(settings.halt_file) else None

    async def _look(
        self, signal: ConfirmedSignal, state: RiskState, own: Exposure | None
    ) -> RiskContext:
        others = tuple(exposure for exposure in state.exposures if exposure is not own)
        view, missing, settled, sent, rest, balance = await asyncio.gather(
            self._keeper.trading(),
            self._permission.missing(),
            self._settled_on(signal.event_uid),
            self._keeper.book.bets_in_window(self._context.settings.risk.throttle_window_s),
            self._cooling(signal, others),
            self._balance(others),
        )
        now = self._context.clock.now()
        return RiskContext(
            trading=view.may_bet(now),
            permitted=missing is None,
            exposures=others,
            day=state.day or DayRisk(self._context.day()),
            bets_on_event=settled
            + sum(exposure.event_uid == signal.event_uid for exposure in others),
            bets_in_window=sent + sum(_reserved(exposure) for exposure in others),
            cooling=rest,
            balance_minor=balance,
            reducing=view.reducing(now),
        )

    async def _settled_on(self, event_uid: str) -> int:
        limit = self._context.settings.risk.max_bets_per_event
        mode = self._context.settings.mode.execution_mode
        return len(
            await self._ledger.intents.list_bets(
                BetFilter(mode=mode, event_uid=event_uid, states=SETTLED), limit=limit
            )
        )

    async def _cooling(
        self, signal: ConfirmedSignal, exposures: tuple[Exposure, ...]
    ) -> Reason | None:
        """A reservation is an attempt about to be made: its event rests from here on, not only from
        the attempt.
        """
        rest = self._context.settings.risk.cooldown_event_sec > 0
        if rest and any(
            _reserved(exposure) and exposure.event_uid == signal.event_uid for exposure in exposures
        ):
            return Reason.COOLDOWN_EVENT
        return await cooling(self._context.bus, signal.event_uid, signal.selection_id)

    async def _balance(self, exposures: tuple[Exposure, ...]) -> int | None:
        """Credit less bets that the venue does not count yet; None when nobody asked the venue
        lately.
        """
        accounts = await read_accounts(self._context.bus)
        known = next((one for one in accounts if one.account == self._account), None)
        # Either way: a time in the future was told before a clock was set back.
        if known is None or abs(self._context.clock.now() - known.fetched_at) > ACCOUNT_FRESH:
            return None
        placed = open_stake(exposure for exposure in exposures if not _reserved(exposure))
        return known.credit_minor - max(placed - known.outstanding_minor, 0)

    async def _reserve(self, signal: ConfirmedSignal, stake: int, state: RiskState) -> str | None:
        now = self._context.clock.now()
        exposure = Exposure(
            decision_id=self._context.ids(),
            event_uid=signal.event_uid,
            league=signal.update.event.league,
            market=signal.update.market,
            side=signal.side,
            stake_minor=stake,
            odds=signal.offers[0].text,
            status=ExposureStatus.RESERVED,
            made_at=now,
            expires_at=now + timedelta(seconds=self._context.settings.risk.reservation_ttl_s),
            score_at_bet=score_at_bet(signal),
        )
        made = await self._keeper.book.reserve(
            exposure, revision=state.revision, lease=self._keeper.held
        )
        return exposure.decision_id if made else None

    async def _refresh(self, own: Exposure) -> str | None:
        expires_at = self._context.clock.now() + timedelta(
            seconds=self._context.settings.risk.reservation_ttl_s
        )
        return (
            own.decision_id
            if await self._keeper.book.refresh(own.decision_id, expires_at)
            else None
        )

    def _record(
        self,
        signal: ConfirmedSignal,
        verdict: Verdict,
        approved: ApprovedSignal | None,
        *,
        refreshed: bool = False,
    ) -> Handled:
        name = f"{STAGE}:{'refreshed' if refreshed else verdict.reason.value}"
        outputs = (
            [Output(QueueName.APPROVED, approved.queue_key, encode(approved))]
            if approved is not None
            else []
        )
        news = self._last.get(signal.queue_key) is not verdict.reason or (
            approved is not None and not refreshed
        )
        self._remember(signal.queue_key, verdict.reason)
        self._revisits.note(signal, verdict)
        if news:
            stake = approved.stake_minor if approved is not None else 0
            self._context.log.info("guarded", reason=verdict.reason.value, stake_minor=stake)
        return Handled(
            outputs, {name: 1}, [encode(self._decision(signal, verdict, approved))] if news else []
        )

    def _remember(self, key: str, reason: Reason) -> None:
        """A selection that is refused for the same reason at every price change is audited once."""
        self._last.pop(key, None)
        self._last[key] = reason
        while len(self._last) > MEMORY:
            del self._last[next(iter(self._last))]

    def _decision(
        self, signal: ConfirmedSignal, verdict: Verdict, approved: ApprovedSignal | None
    ) -> Decision:
        details = details_of(signal.update, None)
        details["offers"] = msgspec.to_builtins(signal.offers)
        return Decision(
            trace_id=signal.trace_id,
            stage=STAGE,
            worker=self._context.worker,
            event_uid=signal.event_uid,
            selection_id=signal.selection_id,
            verdict=verdict,
            at=self._context.clock.now(),
            details=details,
            decision_id=approved.decision_id if approved is not None else None,
        )


def _signal_or_none(item: Item) -> ConfirmedSignal | None:
    try:
        return decode(ConfirmedSignal, item.payload)
    except PoisonedPayloadError:  # its own turn says so and puts it away
        return None


def _own_reservation(signal: ConfirmedSignal, state: RiskState) -> Exposure | None:
    for exposure in state.exposures:
        if _reserved(exposure) and (exposure.event_uid, exposure.selection_id) == (
            signal.event_uid,
            signal.selection_id,
        ):
            return exposure
    return None


def _reserved(exposure: Exposure) -> bool:
    return exposure.status is ExposureStatus.RESERVED
