"""The edge worker: markets that may be priced in, selections with value out.

Rejections are counted by reason; only values seen are audited, with all that is needed to compute
them again. A market that has waited is validated anew first: what was fresh may have grown stale in
the queue. A value that only time is wanting for (CONFIRMATION_WINDOW_SEC, ANCHOR_SETTLE_SEC) is
looked at again through ``odds:latest`` when that time has passed, whether or not the market changed
meanwhile.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from keter.bus.codec import decode, encode
from keter.bus.errors import PoisonedPayloadError
from keter.bus.queue import Item, Output, QueueName
from keter.bus.telemetry.alerts import Alert, clear_alert, raise_alert
from keter.context import Context
from keter.domain.markets import Outcome
from keter.domain.quotes import MarketUpdate
from keter.domain.signals import Decision, ValidatedMarket, details_of
from keter.domain.verdicts import AWAITED, Reason, Verdict
from keter.processes.serving import Handled, serve, together, traced
from keter.strategies.value.dry_spell import DrySpell
from keter.strategies.value.edge import Judgement, evaluate, evidence, first_seen
from keter.strategies.value.markets_view import read_market
from keter.strategies.value.neighbour_markets import Neighbourhood
from keter.strategies.value.validation import validate

K = TypeVar("K")
V = TypeVar("V")
STAGE = "edge"
REVALIDATE_AFTER = timedelta(seconds=1)
MEMORY = 20_000  # values remembered at most
# Values of one answer are due at once, and the turn must end before the lease does.
LOOKS_PER_TURN = 50
AUDITED = frozenset(
    {Reason.OK, Reason.EV_TOO_HIGH, Reason.AWAITING_CONFIRMATION, Reason.ANCHOR_UNSETTLED}
)
# An anchor's price settles with the feed's next answer, which nobody can hurry.
SHORTEST_WAIT_S = 1.0


async def run(context: Context) -> None:
    """Serve the validated queue until asked to stop."""
    worker = EdgeWorker(context)
    await serve(context, context.pipe(QueueName.VALIDATED), worker.handle, tick=worker.tick)


class EdgeWorker:
    """One market after another through the gate, with the memory that confirmation and neighbouring
    markets need.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings.edge
        self._seen: dict[str, dict[Outcome, datetime]] = {}
        self._unsettled: dict[str, frozenset[Outcome]] = {}
        self._due: dict[str, tuple[datetime, MarketUpdate]] = {}
        self._beside = Neighbourhood(context.bus, context.settings)
        self._spell = DrySpell(context.clock.now())
        self._low_told: bool | None = None  # an alert of an earlier life may stand

    async def handle(self, item: Item) -> Handled:
        """Raise PoisonedPayloadError for what is no validated market."""
        market = decode(ValidatedMarket, item.payload)
        now = self._context.clock.now()
        if now - market.validated_at <= REVALIDATE_AFTER:
            return await self._judge(market, now)
        return await self._validated_again(market.update, now)

    async def tick(self) -> Handled:
        """Look again at values whose time has come, some in each turn."""
        now = self._context.clock.now()
        due = [key for key, (at, _) in self._due.items() if at <= now][:LOOKS_PER_TURN]
        return together([await self._look_again(key, now) for key in due])

    async def _look_again(self, key: str, now: datetime) -> Handled:
        _, update = self._due.pop(key)
        try:
            latest = await read_market(self._context.bus, update.event.event_uid, update.market)
            if latest is not None:
                return await self._validated_again(latest, now)
        except PoisonedPayloadError as e:  # its next price change writes it anew
            self._context.log.warning("market_unreadable", key=key, error=str(e))
        self._seen.pop(key, None)
        return Handled()

    async def _validated_again(self, update: MarketUpdate, now: datetime) -> Handled:
        verdict, market = validate(update, self._context.settings.validation, now)
        if market is None:
            self._seen.pop(update.queue_key, None)
            return Handled(counts={f"{STAGE}:{verdict.reason.value}": 1})
        return await self._judge(market, now)

    async def _judge(self, market: ValidatedMarket, now: datetime) -> Handled:
        with traced(market.update):
            return await self._traced(market, now)

    async def _traced(self, market: ValidatedMarket, now: datetime) -> Handled:
        key = market.queue_key
        seen, unsettled = self._seen.pop(key, {}), self._unsettled.pop(key, frozenset())
        self._beside.note(market, now)
        others = await self._beside.others(market, now)
        judgements = evaluate(market, self._settings, now, seen, others)
        self._remember(market, judgements, first_seen(judgements, seen, now), now)
        await self._watch_low_values(key, judgements, now)
        signals = [signal for _, _, signal in judgements if signal is not None]
        for signal in signals:
            best = signal.offers[0]
            self._context.log.info(
                "value_found",
                selection_id=signal.selection_id,
                book=best.book,
                odds=best.text,
                ev_pct=round(best.ev_pct, 2),
            )
        return Handled(
            outputs=[
                Output(QueueName.CONFIRMED, signal.queue_key, encode(signal)) for signal in signals
            ],
            counts=Counter(f"{STAGE}:{verdict.reason.value}" for _, verdict, _ in judgements),
            audit=[
                encode(self._decision(market, one, now, others))
                for one in judgements
                if _worth_a_row(one, seen, unsettled)
            ],
        )

    def _remember(
        self,
        market: ValidatedMarket,
        judgements: list[Judgement],
        seen: dict[Outcome, datetime],
        now: datetime,
    ) -> None:
        key = market.queue_key
        self._due.pop(key, None)
        if self._settings.confirmation_window_sec and seen:
            self._seen[key] = seen
            _bound(self._seen)
        if unsettled := frozenset(
            side for side, verdict, _ in judgements if verdict.reason is Reason.ANCHOR_UNSETTLED
        ):
            self._unsettled[key] = unsettled
            _bound(self._unsettled)
        waits_s = [_wait_s(verdict) for _, verdict, _ in judgements if verdict.reason in AWAITED]
        if waits_s:
            self._due[key] = (now + timedelta(seconds=min(waits_s)), market.update)
            _bound(self._due)

    async def _watch_low_values(
        self, market: str, judgements: list[Judgement], now: datetime
    ) -> None:
        alert_id = f"low_ev_streak:{self._context.worker}"
        limits, spell = self._context.settings.alerts, self._spell
        value = any(verdict.accepted for _, verdict, _ in judgements)
        if value:
            spell.value(now)
        elif any(verdict.reason is Reason.EV_TOO_LOW for _, verdict, _ in judgements):
            spell.none(market)
        self._context.heart.gauge("low_ev_streak", spell.markets)
        long = spell.long(
            now, least_minutes=limits.alert_low_ev_min, least_markets=limits.alert_low_ev_streak
        )
        if long and not self._low_told:
            least = f"MIN_EV_PCT ({self._settings.min_ev_pct:g} %)"
            detail = (
                f"For {spell.minutes(now)} minutes nothing in {spell.markets} markets was worth"
                f" {least}."
            )
            await raise_alert(
                self._context.bus, Alert(alert_id, "info", "No value for a long time", detail, now)
            )
            self._low_told = True
        elif value and self._low_told is not False:
            await clear_alert(self._context.bus, alert_id)
            self._low_told = False

    def _decision(
        self,
        market: ValidatedMarket,
        judgement: Judgement,
        now: datetime,
        others: Sequence[ValidatedMarket],
    ) -> Decision:
        side, verdict, signal = judgement
        update = market.update
        details = details_of(update, signal)
        if signal is None:
            details["evidence"] = evidence(market, self._settings, now, side, others)
        return Decision(
            trace_id=update.trace_id,
            stage=STAGE,
            worker=self._context.worker,
            event_uid=update.event.event_uid,
            selection_id=update.market.selection_id(side),
            verdict=verdict,
            at=now,
            details=details,
        )


def _wait_s(verdict: Verdict) -> float:
    wait_s = float(verdict.numbers["wait_s"] or 0)
    return max(wait_s, SHORTEST_WAIT_S) if verdict.reason is Reason.ANCHOR_UNSETTLED else wait_s


def _worth_a_row(
    judgement: Judgement, seen: Mapping[Outcome, datetime], unsettled: frozenset[Outcome]
) -> bool:
    """A value that waits has a row when it is first seen, not at every look."""
    side, verdict, _ = judgement
    if verdict.reason is Reason.AWAITING_CONFIRMATION:
        return side not in seen
    if verdict.reason is Reason.ANCHOR_UNSETTLED:
        return side not in unsettled
    return verdict.reason in AUDITED


def _bound(memory: dict[K, V]) -> None:
    while len(memory) > MEMORY:
        del memory[next(iter(memory))]
