"""How a listed fixture's rows come on the board: its lines, every book's prices, its mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keter.venues.asianodds.simulator import book_prices
from keter.venues.asianodds.simulator.board import Board, MarketType, Numbers, Offer, Row, Slot
from keter.venues.asianodds.simulator.book_prices import Lines, Opinion, Situation
from keter.venues.asianodds.simulator.listing import Listing
from keter.venues.asianodds.simulator.wording import Prices, in_game_minutes

_MISTAKEN_FACTOR = 1.6

# The markets of one row, each with its line in quarters.
Markets = dict[Slot, int | None]


@dataclass(frozen=True, slots=True)
class Corrupt:
    """A mistaken price: one leg of one book's market is far too high until ``until_ms``."""

    match_id: int
    slot: Slot
    book: str
    until_ms: int


class Publisher:
    """Puts rows on the board. ``suspended_ms`` is how long a match is suspended after a goal."""

    def __init__(self, board: Board, numbers: Numbers, suspended_ms: float) -> None:
        self._board, self._numbers, self._suspended_ms = board, numbers, suspended_ms

    def publish(self, listing: Listing, corrupt: Sequence[Corrupt], now_ms: int) -> None:
        """Bring the fixture's rows up to date; nothing is done when nothing has changed."""
        views = _views(listing, now_ms)
        quickest = views[0][1]
        lines = listing.lines
        if lines is None or not book_prices.lines_hold(quickest, lines):
            lines = book_prices.main_lines(quickest)
            self._new_rows(listing, lines, now_ms)
        live = listing.market_type is MarketType.LIVE
        minutes = in_game_minutes(listing.play.clock, now_ms) if live else 0
        goal_ms = listing.play.last_goal_ms
        suspended = goal_ms is not None and now_ms - goal_ms < self._suspended_ms
        wrong = tuple(one for one in corrupt if one.match_id == listing.fixture.match_id)
        seen = tuple(situation for _, situation in views)
        signature = (seen, listing.rows, listing.market_type, minutes, suspended, wrong)
        if signature == listing.signature:
            return
        listing.signature = signature
        wanted = markets_of_rows(lines, live=live)
        for index, (game_id, markets) in enumerate(zip(listing.rows, wanted, strict=True)):
            offers = book_prices.offers(views, markets, side_line=index > 0 and not live)
            if index == 0:
                offers = _with_mistakes(offers, wrong)
            self._board.put(_row(listing, game_id, offers, minutes, active=not suspended), now_ms)

    def _new_rows(self, listing: Listing, lines: Lines, now_ms: int) -> None:
        for game_id in listing.rows:
            self._board.close(game_id, now_ms)
        count = len(markets_of_rows(lines, live=listing.market_type is MarketType.LIVE))
        listing.lines, listing.rows = lines, tuple(self._numbers.take() for _ in range(count))


def _row(
    listing: Listing, game_id: int, offers: dict[Slot, Offer], minutes: int, *, active: bool
) -> Row:
    return Row(
        game_id,
        listing.fixture,
        listing.market_type,
        offers,
        listing.fixture.score,
        minutes=minutes,
        active=active,
    )


def _views(listing: Listing, now_ms: int) -> list[tuple[Opinion, Situation]]:
    """Return how every book sees the fixture, the quickest first."""
    play, first_min = listing.play, listing.play.clock.first_min
    half_left = 0.0
    if play.half_time is None:
        half_left = max(1 - play.clock.played(now_ms) / first_min, 0.0)
    remaining = play.remaining(now_ms)
    return [
        (
            opinion,
            book_prices.situation(
                opinion,
                play.truth.at(now_ms - opinion.lag_ms),
                remaining,
                half_left,
                listing.fixture.score,
            ),
        )
        for opinion in listing.opinions
    ]


def markets_of_rows(lines: Lines, *, live: bool) -> tuple[Markets, ...]:
    """Return the markets of each row of a fixture.

    Before kick-off the main lines come with the only 1X2, then a row of lines to either side. In
    play handicaps and totals are on separate rows.
    """
    if live:
        return (
            {("H", True): lines.handicap_q, ("X", True): None},
            {
                ("O", True): lines.total_q,
                ("H", False): lines.half_handicap_q,
                ("O", False): lines.half_total_q,
            },
        )
    main: Markets = {
        ("H", True): lines.handicap_q,
        ("O", True): lines.total_q,
        ("X", True): None,
        ("H", False): lines.half_handicap_q,
        ("O", False): lines.half_total_q,
        ("X", False): None,
    }
    return (
        main,
        {("H", True): lines.handicap_q - 1, ("O", True): lines.total_q + 1},
        {("H", True): lines.handicap_q + 1, ("O", True): lines.total_q - 1},
    )


def _with_mistakes(offers: dict[Slot, Offer], wrong: tuple[Corrupt, ...]) -> dict[Slot, Offer]:
    for mistake in wrong:
        offer = offers.get(mistake.slot)
        if offer is not None and (legs := offer.prices.get(mistake.book)) is not None:
            prices = {**offer.prices, mistake.book: _too_high(legs)}
            offers = {**offers, mistake.slot: replace(offer, prices=prices)}
    return offers


def _too_high(legs: Prices) -> Prices:
    """Return the legs with the shortest price raised, which leaves a booksum under one."""
    shortest = min(leg for leg in legs if leg is not None)
    return tuple(
        round(leg * _MISTAKEN_FACTOR) if leg == shortest else leg for leg in legs if leg is not None
    )
