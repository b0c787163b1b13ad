"""The edge process: takes markets that may be priced, gives selections with value.

Rejections are counted by reason. Only values are audited, with all that is needed to compute them
again. A market that has waited in the queue is validated anew first, because its prices may have
grown stale meanwhile.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from keter.bus.codec import decode, encode
from keter.bus.errors import PoisonedPayloadError
from keter.bus.queue import Item, Output, QueueName
from keter.bus.state.markets import read_market
from keter.bus.telemetry.alerts import clear_alert, raise_alert
from keter.context import Context
from keter.domain.alerts import AlertKind
from keter.domain.markets import Market
from keter.domain.quotes import MarketUpdate
from keter.domain.signals import ConfirmedSignal, ValidatedMarket
from keter.processes.serving import serve
from keter.processes.turns import Handled, together, traced
from keter.strategies.value.confirmation import Confirmation
from keter.strategies.value.dry_spell import DrySpell
from keter.strategies.value.edge import STAGE, Judgement, decision_on, evaluate
from keter.strategies.value.neighbour_markets import NeighbourMarkets
from keter.strategies.value.validation import validate

REVALIDATE_AFTER = timedelta(seconds=1)
# Values of one answer are due at once, and the turn must end before the lease does.
LOOKS_PER_TURN = 50


async def run(context: Context) -> None:
    """Serve the validated queue until asked to stop."""
    worker = EdgeWorker(context)
    await serve(context, context.pipe(QueueName.VALIDATED), worker.handle, tick=worker.tick)


class EdgeWorker:
    """Judge one market after another, with the memory that confirmation and neighbours need."""

    def __init__(self, context: Context) -> None:
        self._context = context
        settings = context.settings
        self._settings = settings.edge
        self._confirmation = Confirmation(settings.edge.confirmation_window_sec)
        self._neighbours = NeighbourMarkets(self._read, settings.edge, settings.validation)
        self._spell = DrySpell(
            context.clock.now(),
            least_minutes=settings.alerts.alert_low_ev_min,
            least_markets=settings.alerts.alert_low_ev_streak,
        )

    async def handle(self, item: Item) -> Handled:
        """Judge the market in ``item``. Raises PoisonedPayloadError if there is none."""
        market = decode(ValidatedMarket, item.payload)
        now = self._context.clock.now()
        if now - market.validated_at <= REVALIDATE_AFTER:
            return await self._judge(market, now)
        return await self._validated_again(market.update, now)

    async def tick(self) -> Handled:
        """Judge the values again whose time has come, at most LOOKS_PER_TURN of them."""
        now = self._context.clock.now()
        due = self._confirmation.due(now)[:LOOKS_PER_TURN]
        return together([await self._look_again(key, now) for key in due])

    async def _read(self, account: str, event_uid: str, market: Market) -> MarketUpdate | None:
        return await read_market(self._context.bus, account, event_uid, market)

    async def _look_again(self, key: str, now: datetime) -> Handled:
        update = self._confirmation.take_due(key)
        try:
            latest = await self._read(update.account, update.event.event_uid, update.market)
            if latest is not None:
                return await self._validated_again(latest, now)
        except PoisonedPayloadError as e:
            # The next price change writes the market anew.
            self._context.log.warning("market_unreadable", key=key, error=str(e))
        self._confirmation.forget_value(key)
        return Handled()

    async def _validated_again(self, update: MarketUpdate, now: datetime) -> Handled:
        verdict, market = validate(update, self._context.settings.validation, now)
        if market is None:
            self._confirmation.forget_value(update.queue_key)
            return Handled(counts={f"{STAGE}:{verdict.reason.value}": 1})
        return await self._judge(market, now)

    async def _judge(self, market: ValidatedMarket, now: datetime) -> Handled:
        worker = self._context.worker
        with traced(market.update):
            known = self._confirmation.take(market.queue_key)
            self._neighbours.note(market, now)
            others = await self._neighbours.others(market, now)
            judgements = evaluate(market, self._settings, now, known.seen, others)
            self._confirmation.note(market.update, judgements, known, now)
            await self._watch_low_values(market.queue_key, judgements, now)
            signals = [one.signal for one in judgements if one.signal is not None]
            self._log(signals)
            return Handled(
                outputs=[
                    Output(QueueName.CONFIRMED, one.queue_key, encode(one)) for one in signals
                ],
                counts=Counter(f"{STAGE}:{one.verdict.reason.value}" for one in judgements),
                audit=[
                    encode(decision_on(market, one, self._settings, now, others, worker))
                    for one in judgements
                    if known.is_news(one)
                ],
            )

    def _log(self, signals: Sequence[ConfirmedSignal]) -> None:
        for signal in signals:
            best = signal.offers[0]
            self._context.log.info(
                "value_found",
                selection_id=signal.selection_id,
                book=best.book,
                odds=best.text,
                ev_pct=round(best.ev_pct, 2),
            )

    async def _watch_low_values(
        self, market: str, judgements: Sequence[Judgement], now: datetime
    ) -> None:
        kind, about = AlertKind.LOW_EV_STREAK, self._context.worker
        spell, bus = self._spell, self._context.bus
        change = spell.note(market, judgements, now)
        self._context.heart.gauge("low_ev_streak", spell.markets)
        if change == "raise":
            least = f"MIN_EV_PCT ({self._settings.min_ev_pct:g} %)"
            detail = (
                f"For {spell.minutes(now)} minutes nothing in {spell.markets} markets was worth"
                f" {least}."
            )
            await raise_alert(bus, kind.alert(detail, now, about=about))
            spell.note_alert(raised=True)
        elif change == "clear":
            await clear_alert(bus, kind.alert_id(about))
            spell.note_alert(raised=False)
