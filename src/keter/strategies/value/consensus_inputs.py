"""What the sharp books quote for a market: the inputs of its consensus.

Half-life of a sharp price's weight: SHARP_HALF_LIFE_S more than an hour before kick-off, a fifth of
it within the hour, a hundredth in play.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from keter.domain.markets import LINED, Market, MarketKind, Phase
from keter.domain.quotes import BookPrices, MarketUpdate
from keter.domain.signals import ValidatedMarket
from keter.pricing.lines import MOST_STEPS
from keter.pricing.selection import PoolInputs, SharpQuote, usable
from keter.strategies.value.settings import EdgeSettings

_HOUR = timedelta(hours=1)


def half_life_s(validated: ValidatedMarket, settings: EdgeSettings, now: datetime) -> float:
    """Seconds after which a sharp price counts half as much, by time to kick-off."""
    if validated.update.phase is Phase.LIVE:
        return settings.sharp_half_life_s / 100
    within_the_hour = validated.update.event.kickoff - now <= _HOUR
    return settings.sharp_half_life_s / 5 if within_the_hour else settings.sharp_half_life_s


@lru_cache(maxsize=64)
def upper_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Books as they are compared: in capitals, each once, in the order given."""
    return tuple(dict.fromkeys(name.upper() for name in names))


def age_s(book: BookPrices, now: datetime) -> float:
    return max((now - book.confirmed_at).total_seconds(), 0.0)


def pool_inputs(
    validated: ValidatedMarket, settings: EdgeSettings, now: datetime, half_life: float
) -> PoolInputs:
    """The quotes of whitelisted books that price every side and may enter a consensus, in the order
    of the whitelist.
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
    method = settings.devig_method(validated.update.market.kind)
    return PoolInputs(
        method, settings.sharp_anchor.upper(), half_life, usable(quotes, method, half_life)
    )


def anchor_wait_s(validated: ValidatedMarket, settings: EdgeSettings) -> float:
    """Seconds that the anchor's price must still stand before it may be bet; 0 when it may be.

    It is measured between its last change and the last confirmation of the sharp book that was seen
    least recently. Where no other sharp book prices the market, nothing has been seen to follow:
    the whole time is left.
    """
    allowed = upper_names(settings.sharp_whitelist)
    sharps = {book.book.upper(): book for book in validated.books if book.book.upper() in allowed}
    own = sharps.pop(settings.sharp_anchor.upper(), None)
    if own is None:
        return 0.0
    if not sharps:
        return settings.anchor_settle_sec
    seen_at = min(book.confirmed_at for book in sharps.values())
    return max(settings.anchor_settle_sec - (seen_at - own.changed_at).total_seconds(), 0.0)


def wanted_others(
    validated: ValidatedMarket, settings: EdgeSettings, now: datetime
) -> tuple[Market, ...]:
    """The event's other markets that pricing this one needs, the nearest line first: live and
    replay look for these.

    The 1X2 where its draw tells how often this market pushes; the lines within reach where the
    sharp books that quote this one would be too few with one of them left out.
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
            wanted += [Market(market.period, market.kind, market.line_q + step) for step in steps]
    return tuple(wanted)


def result_beside(update: MarketUpdate) -> Market | None:
    """The 1X2 whose draw tells how often this market pushes, None where it says nothing.

    In play a handicap counts from the present score and the 1X2 from 0-0: they agree while the
    score is level.
    """
    if update.market.kind not in {MarketKind.ASIAN_HANDICAP, MarketKind.MONEY_LINE}:
        return None
    if update.market.kind is MarketKind.ASIAN_HANDICAP and update.phase is Phase.LIVE:
        score = update.score
        if score is None or score.home != score.away:
            return None
    return Market(update.market.period, MarketKind.ONE_X_TWO)


def one_x_two_inputs(
    validated: ValidatedMarket,
    settings: EdgeSettings,
    now: datetime,
    others: Sequence[ValidatedMarket],
    half_life: float,
) -> PoolInputs | None:
    """The sharp quotes of ``result_beside``, where it is among the others."""
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
    """Whether a line may borrow from its neighbours; not in play, where lines and score move at
    once.
    """
    return update.market.kind in LINED and update.phase is not Phase.LIVE


def line_from_score(validated: ValidatedMarket) -> int | None:
    """The line as the rest of the match sees it: totals in play have the goals scored behind
    them.
    """
    update = validated.update
    line_q, score = update.market.line_q, update.score
    if (
        line_q is None
        or update.phase is not Phase.LIVE
        or update.market.kind is not MarketKind.OVER_UNDER
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
    """Sharp quotes of the nearest other lines within reach, one a book."""
    update = validated.update
    market = update.market
    if market.line_q is None or not _movable(update):
        return ()
    found: dict[str, SharpQuote] = {}
    for other in sorted(
        others,
        key=lambda one: (
            abs((one.update.market.line_q or 0) - (market.line_q or 0)),
            one.queue_key,
        ),
    ):
        theirs = other.update.market
        alike = (theirs.period, theirs.kind) == (market.period, market.kind)
        same_event = other.update.event.event_uid == update.event.event_uid
        if (
            not alike
            or not same_event
            or theirs.line_q is None
            or not 0 < abs(theirs.line_q - market.line_q) <= MOST_STEPS
        ):
            continue
        for quote in pool_inputs(other, settings, now, half_life).quotes:
            found.setdefault(
                quote.book, SharpQuote(quote.book, quote.odds, quote.age_s, theirs.line_q)
            )
    return tuple(found.values())
