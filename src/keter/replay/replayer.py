"""Replay of recorded answers through the live gates: validation, edge, risk.

It is deterministic: the clock is the recording's, ids are counted, nothing is drawn. The same files
and settings give the same decisions, byte for byte. Bets are filled at the offered price. A replay
therefore shows what would have been decided, without the refusals and the drift of the paper venue.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from keter.domain.feed import CapturedAnswer, FeedUpdate, MarketPrices
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market, Phase
from keter.domain.quotes import BookPrices, MarketUpdate
from keter.domain.signals import ConfirmedSignal, Decision, ValidatedMarket
from keter.domain.verdicts import AWAITED, COOLING_DOWN, Verdict
from keter.replay.simulated_book import SimulatedBook
from keter.risk.gate import assess, best_first
from keter.settings import Settings
from keter.strategies.value.confirmation import AUDITED
from keter.strategies.value.consensus_inputs import wanted_others
from keter.strategies.value.edge import Judgement, evaluate, evidence, first_seen
from keter.strategies.value.validation import validate
from keter.venues.base import VenueError


class Decoder(Protocol):
    """Turns a venue's recorded answers into updates of its feed."""

    def update(self, captured: CapturedAnswer) -> FeedUpdate | None:
        """Return the update, or None if the answer is none. Raises VenueError."""


class Replayer:
    """One pass over a recording.

    ``counts`` are verdicts by ``stage:reason``. ``broken`` counts unreadable answers by kind.
    ``closing`` holds the last fair probability before kick-off by (event, selection).
    """

    def __init__(self, settings: Settings, decoder: Decoder) -> None:
        self._settings, self._decoder = settings, decoder
        self.book = SimulatedBook(settings)
        self.counts: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.closing: dict[tuple[str, str], float] = {}
        self.answers = self.updates = 0
        self._markets: dict[tuple[str, Market], MarketPrices] = {}
        self._confirmed: dict[Phase, datetime] = {}
        self._seen_since: dict[tuple[str, Market], dict[Outcome, datetime]] = {}
        self._due_at: dict[tuple[str, Market], datetime] = {}
        self._neighbours: dict[tuple[str, Market], ValidatedMarket | None] = {}
        self._account = ""

    def run(self, answers: Iterable[CapturedAnswer]) -> Iterator[Decision]:
        """Replay the answers and yield the decisions that the live system records.

        They are the values that the edge gate finds, and every verdict of the risk gate.
        """
        for captured in answers:
            self.answers += 1
            self._account = captured.account
            try:
                update = self._decoder.update(captured)
            except VenueError as e:
                self.broken[e.kind] += 1
                continue
            if update is not None:
                yield from self._take(update)

    def _take(self, update: FeedUpdate) -> Iterator[Decision]:
        now = update.received_at
        self._confirmed[update.phase] = now
        for event_uid, market in update.removed:
            self._markets.pop((event_uid, market), None)
            self._seen_since.pop((event_uid, market), None)
            self._due_at.pop((event_uid, market), None)
        due = self._due(now)
        changed = {(prices.event.event_uid, prices.market): prices for prices in update.changed}
        self._markets.update(changed)
        self._neighbours.clear()
        signals: list[ConfirmedSignal] = []
        for key in [*changed, *(key for key in due if key not in changed)]:
            yield from self._judge(key, now, signals)
        for place in best_first(signals, {one.account: self.book.limits for one in signals}):
            yield self._risk(signals[place], now)
        for score in update.scores:
            self.counts["settled"] += self.book.settle(score, now)

    def _due(self, now: datetime) -> list[tuple[str, Market]]:
        """Return the markets that are to be judged again at ``now``, changed or not."""
        return [key for key, at in self._due_at.items() if at <= now]

    def _judge(
        self, key: tuple[str, Market], now: datetime, signals: list[ConfirmedSignal]
    ) -> Iterator[Decision]:
        """Yield the edge gate's decisions and append its signals to ``signals``."""
        self._due_at.pop(key, None)
        market = self._validated(key, now)
        if market is None:
            self._seen_since.pop(key, None)
            return
        before = self._seen_since.pop(key, {})
        others = self._others(market, now)
        judgements = evaluate(market, self._settings.edge, now, before, others)
        self._note_close(market, judgements)
        self._note_waits(key, judgements, before, now)
        for outcome, verdict, _, signal in judgements:
            self.counts[f"edge:{verdict.reason.value}"] += 1
            if verdict.reason in AUDITED:
                details = _details(signal) or {
                    "evidence": evidence(market, self._settings.edge, now, outcome, others)
                }
                yield self._decision("edge", market.update, outcome, verdict, now, details)
            if signal is not None:
                signals.append(signal)

    def _note_waits(
        self,
        key: tuple[str, Market],
        judgements: list[Judgement],
        before: dict[Outcome, datetime],
        now: datetime,
    ) -> None:
        """Store since when values are seen, and when the market is to be judged again."""
        if self._settings.edge.confirmation_window_sec and (
            seen := first_seen(judgements, before, now)
        ):
            self._seen_since[key] = seen
        waits_s = [
            float(one.verdict.numbers["wait_s"] or 0)
            for one in judgements
            if one.verdict.reason in AWAITED
        ]
        if waits_s:
            self._due_at[key] = now + timedelta(seconds=min(waits_s))

    def _risk(self, signal: ConfirmedSignal, now: datetime) -> Decision:
        made = assess(signal, self.book.context(signal, now), self.book.limits)
        verdict = made.verdict
        self.counts[f"guard:{verdict.reason.value}"] += 1
        if verdict.accepted:
            self.book.place(signal, made.stake_minor, now)
        elif verdict.reason in COOLING_DOWN:
            self._due_at[signal.event_uid, signal.update.market] = self.book.cooldown_ends(
                signal, verdict.reason, now
            )
        return self._decision("guard", signal.update, signal.outcome, verdict, now, {})

    def _validated(self, key: tuple[str, Market], now: datetime) -> ValidatedMarket | None:
        prices = self._markets.get(key)
        if prices is None:
            return None
        self.updates += 1
        verdict, market = validate(self._update(prices, now), self._settings.validation, now)
        self.counts[f"validator:{verdict.reason.value}"] += 1
        return market

    def _update(self, prices: MarketPrices, now: datetime) -> MarketUpdate:
        """Return the market as ingest would push it.

        The last good answer of its phase confirms each price.
        """
        confirmed = self._confirmed.get(prices.phase, now)
        books = tuple([_confirm(book, confirmed) for book in prices.books])
        trace_id = f"{self.updates:032x}"
        return MarketUpdate(
            trace_id,
            self._account,
            prices.event,
            prices.market,
            prices.phase,
            prices.ref,
            books,
            prices.active,
            now,
            prices.score,
        )

    def _others(self, market: ValidatedMarket, now: datetime) -> tuple[ValidatedMarket, ...]:
        """Return the event's markets that pricing this one needs, as of this answer."""
        event_uid = market.update.event.event_uid
        wanted = wanted_others(market, self._settings.edge, now)
        found = [self._neighbour((event_uid, other), now) for other in wanted]
        return tuple([one for one in found if one is not None])

    def _neighbour(self, key: tuple[str, Market], now: datetime) -> ValidatedMarket | None:
        """Return another market of the event, validated at most once for each answer."""
        if key not in self._neighbours:
            prices = self._markets.get(key)
            self._neighbours[key] = (
                validate(self._update(prices, now), self._settings.validation, now)[1]
                if prices is not None
                else None
            )
        return self._neighbours[key]

    def _note_close(self, market: ValidatedMarket, judgements: list[Judgement]) -> None:
        """Store the fair prices of each own line: the last ones before kick-off are the close."""
        update = market.update
        if update.phase is Phase.LIVE:
            return
        for one in judgements:
            if one.fair is not None and not one.fair.steps_moved:
                selection_id = update.market.selection_id(one.outcome)
                self.closing[update.event.event_uid, selection_id] = 1 / one.fair.odds

    def _decision(
        self,
        stage: str,
        update: MarketUpdate,
        outcome: Outcome,
        verdict: Verdict,
        now: datetime,
        details: dict[str, object],
    ) -> Decision:
        selection_id = update.market.selection_id(outcome)
        return Decision(
            update.trace_id,
            stage,
            "replay",
            update.event.event_uid,
            selection_id,
            verdict,
            now,
            details,
        )


def _details(signal: ConfirmedSignal | None) -> dict[str, object]:
    if signal is None:
        return {}
    return {"offers": msgspec.to_builtins(signal.offers), "fair": msgspec.to_builtins(signal.fair)}


def _confirm(book: BookPrices, at: datetime) -> BookPrices:
    return BookPrices(book.book, book.odds, book.texts, book.changed_at, max(book.confirmed_at, at))
