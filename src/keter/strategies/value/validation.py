"""The first gate: may this market be priced at all, and with which of its books? Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from keter.domain.markets import Event, Market, Phase
from keter.domain.quotes import BookPrices, MarketUpdate, Score
from keter.domain.signals import FUTURE_TOLERANCE_S, ValidatedMarket
from keter.domain.sports import FOOTBALL, HALF_TIME, find_sport, not_modelled
from keter.domain.verdicts import Number, Reason, Verdict, accept, reject
from keter.strategies.value.settings import ValidationSettings

LONGEST_ODDS = 1001.0
HALF_TIME_MINUTE = 45
_ROUNDING = 1e-9


class Dropped(StrEnum):
    """Why one book's prices were left out of a market that passed."""

    STALE = "stale"
    FROM_FUTURE = "from_future"
    INCOMPLETE = "incomplete"
    IMPLAUSIBLE = "implausible"
    UNDERROUND = "underround"
    REPEATED = "repeated"


def validate(
    update: MarketUpdate, settings: ValidationSettings, now: datetime
) -> tuple[Verdict, ValidatedMarket | None]:
    """Return the verdict on ``update`` at ``now``, with the market if it passes.

    The market has only the books that may be used. Ages count from the last confirmation of a
    price. Never raises.
    """
    refusal = market_refusal(update, settings, now)
    if refusal is not None:
        return refusal, None
    books, dropped = _usable_books(update, max_age_s(update.phase, settings), now)
    numbers: dict[str, Number] = {"books": len(books), "dropped": len(dropped)}
    if not books:
        stale = bool(dropped) and set(dropped.values()) <= {Dropped.STALE, Dropped.FROM_FUTURE}
        return reject(Reason.QUOTE_STALE if stale else Reason.NO_COMPLETE_BOOK, **numbers), None
    reasons = {book: why.value for book, why in dropped.items()}
    return accept(**numbers), ValidatedMarket(
        update=update, books=books, dropped=reasons, validated_at=now
    )


def max_age_s(phase: Phase, settings: ValidationSettings) -> float:
    """Return how old a confirmation may be, in seconds: in play prices move faster."""
    return settings.max_quote_age_live_s if phase is Phase.LIVE else settings.max_quote_age_s


def market_refusal(
    update: MarketUpdate, settings: ValidationSettings, now: datetime
) -> Verdict | None:
    """Return why the market as a whole is not traded, or None."""
    # Cheap checks first.
    market, event = update.market, update.event
    if event.sport != market.sport:
        # A market has only modelled sports, so this event's is none of them, or another one.
        return reject(Reason.SPORT_NOT_MODELLED, sport=event.sport, why=_why_not(event, market))
    if not update.active:
        return reject(Reason.MARKET_CLOSED)
    if forbidden_kind(market, settings.market_type_blacklist):
        return reject(Reason.MARKET_TYPE_BLACKLISTED, market=market.market_id)
    league = blacklisted_league(event.league, settings.league_blacklist)
    if league is not None:
        return reject(Reason.LEAGUE_BLACKLISTED, league=event.league, pattern=league)
    if market.of.is_noise(event.league, event.home, event.away):
        return reject(Reason.NOISE_EVENT, league=event.league, home=event.home)
    return _wrong_time(update, settings, now)


def _why_not(event: Event, market: Market) -> str:
    if find_sport(event.sport) is None:
        return not_modelled(event.sport)
    return f"The event is of {event.sport}, its market {market.market_id} of {market.sport}."


def _wrong_time(
    update: MarketUpdate, settings: ValidationSettings, now: datetime
) -> Verdict | None:
    kickoff = update.event.kickoff
    if kickoff - now > timedelta(hours=settings.horizon_h):
        return reject(Reason.EVENT_TOO_FAR, hours=round((kickoff - now).total_seconds() / 3600, 1))
    if update.phase is not Phase.LIVE:
        # The venue has not moved the row to the live feed yet. A price from before kick-off is
        # worthless after it, whatever the settings.
        return (
            reject(Reason.EVENT_STARTED, since_s=(now - kickoff).total_seconds())
            if now >= kickoff
            else None
        )
    if not settings.in_play or not playable(update.market, update.score):
        return reject(Reason.EVENT_STARTED, in_play=settings.in_play)
    return None


def playable(market: Market, score: Score | None) -> bool:
    """Return True if we know enough to settle a market in play.

    In football that is the score, and for the first half also the minute. In other sports every
    market counts the whole match, and of a shorter period nobody says whether it is over.
    """
    if market.of is not FOOTBALL:
        return market.period == market.of.periods[0].code
    if score is None:
        return False
    if market.period == HALF_TIME:
        return score.minute is not None and score.minute < HALF_TIME_MINUTE
    return True


def forbidden_kind(market: Market, blacklist: tuple[str, ...]) -> bool:
    """Return True if the kind (``ah``), the period (``ht``) or both (``ht.ah``) are in the list.

    ``ah`` forbids the handicaps of every sport, also those in sets and in games.
    """
    names = {
        market.kind,
        market.family.value,
        market.period,
        f"{market.period}.{market.kind}",
        f"{market.period}.{market.family}",
    }
    return any(word.lower() in names for word in blacklist)


def blacklisted_league(league: str, blacklist: tuple[str, ...]) -> str | None:
    """Return the entry of the list that ``league`` contains, ignoring case, or None."""
    lower = league.lower()
    return next((word for word in blacklist if word.lower() in lower), None)


def _usable_books(
    update: MarketUpdate, age_limit_s: float, now: datetime
) -> tuple[tuple[BookPrices, ...], Mapping[str, Dropped]]:
    """Return the books that may be used, and by book why the others were dropped."""
    kept: dict[str, BookPrices] = {}
    dropped: dict[str, Dropped] = {}
    legs = len(update.market.outcomes)
    for prices in update.books:
        fault = (
            Dropped.REPEATED if prices.book in kept else book_fault(prices, legs, age_limit_s, now)
        )
        if fault is None:
            kept[prices.book] = prices
        else:
            dropped.setdefault(prices.book, fault)
    return tuple(kept.values()), dropped


def book_fault(prices: BookPrices, legs: int, age_limit_s: float, now: datetime) -> Dropped | None:
    """Return what is wrong with one book's prices of a market with ``legs`` sides, or None."""
    age_s = (now - prices.confirmed_at).total_seconds()
    if age_s < -FUTURE_TOLERANCE_S:
        return Dropped.FROM_FUTURE
    if age_s > age_limit_s:
        return Dropped.STALE
    odds = [value for value in prices.odds if value is not None]
    if len(odds) != legs or len(prices.odds) != legs:
        return Dropped.INCOMPLETE
    # Written so that NaN fails too.
    if not all(1 < value <= LONGEST_ODDS for value in odds):
        return Dropped.IMPLAUSIBLE
    return Dropped.UNDERROUND if sum([1 / value for value in odds]) < 1 - _ROUNDING else None
