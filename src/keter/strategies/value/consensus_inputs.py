"""What the sharp books quote for a market: the inputs of its consensus. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from msgspec.structs import replace

from keter.domain.market_kinds import LINED, MarketKind
from keter.domain.markets import Market, Phase
from keter.domain.quotes import BookPrices, MarketUpdate
from keter.domain.signals import ValidatedMarket
from keter.domain.sports import LineModel
from keter.pricing.lines import MOST_STEPS
from keter.pricing.selection import PoolInputs, SharpQuote, usable
from keter.strategies.value.settings import EdgeSettings

_HOUR = timedelta(hours=1)


def half_life_s(validated: ValidatedMarket, settings: EdgeSettings, now: datetime) -> float:
    """Return the seconds after which a sharp price has half of its weight.

    SHARP_HALF_LIFE_S more than an hour before kick-off, a fifth of it within the hour, a hundredth
    in play.
    """
    if validated.update.phase is Phase.LIVE:
        return settings.sharp_half_life_s / 100
    within_the_hour = validated.update.event.kickoff - now <= _HOUR
    return settings.sharp_half_life_s / 5 if within_the_hour else settings.sharp_half_life_s


@lru_cache(maxsize=64)
def upper_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of books in capitals, each once, in the order given."""
    return tuple(dict.fromkeys(name.upper() for name in names))


def age_s(book: BookPrices, now: datetime) -> float:
    """Return the seconds since the book's prices were last confirmed, never negative."""
    return max((now - book.confirmed_at).total_seconds(), 0.0)


def pool_inputs(
    validated: ValidatedMarket, settings: EdgeSettings, now: datetime, half_life: float
) -> PoolInputs:
    """Return the quotes that may enter a consensus, in the order of SHARP_WHITELIST.

    They are of whitelisted books that price every side.
    """
    by_name = {book.book.upper(): book for book in validated.books}
    quotes = []
    for name in upper_names(settings.sharp_whitelist):
        book = by_name.get(name)
        if book is None:
            continue
        odds = tuple([price for price in book.odds if price is not None])
        if len(odds) == len(book.odds):
            quotes.append(SharpQuote(name, odds, age_s(book, now)))
    method = settings.devig_method(validated.update.market.family)
    return PoolInputs(
        method, settings.sharp_anchor.upper(), half_life, usable(quotes, method, half_life)
    )


def anchor_wait_s(validated: ValidatedMarket, settings: EdgeSettings) -> float:
    """Return the seconds until SHARP_ANCHOR's own price may be bet; 0 if it may be now.

    The price must not change for ANCHOR_SETTLE_SEC. The time counts from its last change to the
    last confirmation of the other sharp book that was confirmed least recently.
    """
    allowed = upper_names(settings.sharp_whitelist)
    sharps = {book.book.upper(): book for book in validated.books if book.book.upper() in allowed}
    own = sharps.pop(settings.sharp_anchor.upper(), None)
    if own is None:
        return 0.0
    # Without another sharp book nothing can have followed the change: the whole time is left.
    if not sharps:
        return settings.anchor_settle_sec
    seen_at = min(book.confirmed_at for book in sharps.values())
    return max(settings.anchor_settle_sec - (seen_at - own.changed_at).total_seconds(), 0.0)


def wanted_others(
    validated: ValidatedMarket, settings: EdgeSettings, now: datetime
) -> tuple[Market, ...]:
    """Return the event's other markets that pricing this one needs, the nearest line first.

    Live and replay read these. One is the 1X2, if its draw gives the probability of a push. The
    others are the lines within reach, if this line has too few sharp books without one of them.
    """
    market = validated.update.market
    result = result_beside(validated.update)
    wanted = [] if result is None else [result]
    if market.line_q is not None and _movable(validated.update):
        pool = pool_inputs(validated, settings, now, half_life_s(validated, settings, now))
        if len(pool.quotes) <= settings.min_sharp_sources:
            steps = [
                step for distance in range(1, MOST_STEPS + 1) for step in (-distance, distance)
            ]
            wanted += [replace(market, line_q=market.line_q + step) for step in steps]
    return tuple(wanted)


def result_beside(update: MarketUpdate) -> Market | None:
    """Return the 1X2 whose draw gives the probability that this market pushes, or None."""
    market = update.market
    if market.of.line_model is LineModel.EXACT_LINE_ONLY:
        return None
    if market.family not in {MarketKind.ASIAN_HANDICAP, MarketKind.MONEY_LINE}:
        return None
    # In play a handicap counts from the present score and the 1X2 from 0-0. They agree only while
    # the score is level.
    if market.family is MarketKind.ASIAN_HANDICAP and update.phase is Phase.LIVE:
        score = update.score
        if score is None or score.home != score.away:
            return None
    return Market(market.period, MarketKind.ONE_X_TWO, None, market.sport)


def one_x_two_inputs(
    validated: ValidatedMarket,
    settings: EdgeSettings,
    now: datetime,
    others: Sequence[ValidatedMarket],
    half_life: float,
) -> PoolInputs | None:
    """Return the sharp quotes of ``result_beside``; None if there are none among ``others``."""
    wanted = result_beside(validated.update)
    for other in others:
        if (
            other.update.market == wanted
            and other.update.event.event_uid == validated.update.event.event_uid
        ):
            pool = pool_inputs(other, settings, now, half_life)
            return pool if pool.quotes else None
    return None


def _movable(update: MarketUpdate) -> bool:
    """Return True if quotes of neighbouring lines may be moved to this one.

    Not in play, where lines and score change at the same time, and not without a line model.
    """
    market = update.market
    if market.of.line_model is LineModel.EXACT_LINE_ONLY:
        return False
    return market.family in LINED and update.phase is not Phase.LIVE


def line_from_score(validated: ValidatedMarket) -> int | None:
    """Return the line that the rest of the match must reach, in quarter steps.

    A totals line in play is less by the goals scored, where a model of the rest needs it. None for
    a market without a line, and for such a total if the score is unknown.
    """
    update = validated.update
    line_q, score = update.market.line_q, update.score
    if (
        line_q is None
        or update.phase is not Phase.LIVE
        or update.market.family is not MarketKind.OVER_UNDER
        or update.market.of.line_model is LineModel.EXACT_LINE_ONLY
    ):
        return line_q
    return None if score is None else line_q - 4 * (score.home + score.away)


def neighbours(
    validated: ValidatedMarket,
    settings: EdgeSettings,
    now: datetime,
    others: Sequence[ValidatedMarket],
    half_life: float,
) -> tuple[SharpQuote, ...]:
    """Return the sharp quotes of other lines within reach: for each book its nearest line."""
    update = validated.update
    market = update.market
    if market.line_q is None or not _movable(update):
        return ()
    own_q = market.line_q
    near = [one for one in others if _is_near(one.update, update)]
    near.sort(key=lambda one: (abs((one.update.market.line_q or 0) - own_q), one.queue_key))
    found: dict[str, SharpQuote] = {}
    for other in near:
        line_q = other.update.market.line_q
        for quote in pool_inputs(other, settings, now, half_life).quotes:
            found.setdefault(quote.book, SharpQuote(quote.book, quote.odds, quote.age_s, line_q))
    return tuple(found.values())


def _is_near(other: MarketUpdate, update: MarketUpdate) -> bool:
    """Return True if ``other`` is another line of the same market, at most MOST_STEPS away."""
    theirs, own = other.market, update.market
    return (
        (theirs.sport, theirs.period, theirs.kind) == (own.sport, own.period, own.kind)
        and other.event.event_uid == update.event.event_uid
        and theirs.line_q is not None
        and own.line_q is not None
        and 0 < abs(theirs.line_q - own.line_q) <= MOST_STEPS
    )
