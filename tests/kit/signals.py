"""Made-up markets and signals for the gates' tests."""

from datetime import UTC, datetime, timedelta

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Event, Market, Phase, event_uid
from keter.domain.quotes import BookPrices, MarketUpdate, Score, VenueRef
from keter.domain.signals import ConfirmedSignal, FairPrice, Offer
from keter.domain.sports import FULL_TIME

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)
ACCOUNT = "asianodds:demo"  # that of the workbench's settings too
RESULT = Market(FULL_TIME, MarketKind.ONE_X_TWO, None)


def an_event(
    home: str = "Alpha FC",
    away: str = "Beta FC",
    league: str = "*DEMO LEAGUE",
    kickoff: datetime = NOW + timedelta(hours=3),
) -> Event:
    return Event(event_uid("fb", kickoff, home, away), "fb", league, home, away, kickoff)


def prices(
    book: str, *odds: float | None, confirmed_at: datetime = NOW, stood_s: float = 0
) -> BookPrices:
    """Return a book's prices.

    ``stood_s`` is how long they were unchanged when they were confirmed.
    """
    texts = tuple("" if value is None else f"{value:.3f}" for value in odds)
    return BookPrices(book, odds, texts, confirmed_at - timedelta(seconds=stood_s), confirmed_at)


def an_update(
    *books: BookPrices,
    event: Event | None = None,
    market: Market = RESULT,
    phase: Phase = Phase.TODAY,
    active: bool = True,
    score: Score | None = None,
    account: str = ACCOUNT,
) -> MarketUpdate:
    return MarketUpdate(
        trace_id="trace",
        account=account,
        event=event or an_event(),
        market=market,
        phase=phase,
        ref=VenueRef("v", "1"),
        books=books,
        active=active,
        received_at=NOW,
        score=score,
    )


def a_signal(
    *,
    event: Event | None = None,
    market: Market = RESULT,
    outcome: Outcome = Outcome.HOME,
    odds: float = 2.2,
    effective_p: float = 0.5,
    update: MarketUpdate | None = None,
) -> ConfirmedSignal:
    ev_pct = 100 * (effective_p * odds - 1)
    return ConfirmedSignal(
        update=update or an_update(event=event, market=market),
        outcome=outcome,
        offers=(Offer("SIN", odds, f"{odds:.3f}", 0.0, ev_pct),),
        fair=FairPrice(
            effective_p,
            effective_p,
            1 - effective_p,
            1 / effective_p,
            0.5,
            "power",
            ("PIN", "ISN"),
            {},
        ),
        confirmed_at=NOW,
    )
