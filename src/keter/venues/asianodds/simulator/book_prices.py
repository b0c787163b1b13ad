"""How each book prices: its margin, how late it sees the truth, its own small error. Pure."""

import random
from dataclasses import dataclass
from functools import lru_cache

from keter.venues.asianodds.simulator.board import Offer, Slot
from keter.venues.asianodds.simulator.config import SHARP_BOOKS, MarketConfig
from keter.venues.asianodds.simulator.wording import Prices
from keter.venues.simulation import chance

_HALF_SHARE = 0.46  # of a match's goals fall in the first half
# Outside these probabilities a book offers no two-way market.
_QUOTABLE = (0.04, 0.96)
_SLACK = 0.12  # from an even bet, before a main line is replaced


@dataclass(frozen=True, slots=True)
class Style:
    """How a book prices in general.

    It has a margin on two-way and on three-way markets. ``error_goals`` is the standard deviation
    of its own error. ``side_lines``: whether it quotes lines beside the main one.
    """

    margin_two: float
    margin_three: float
    error_goals: float
    side_lines: bool


STYLES = {
    "PIN": Style(0.020, 0.026, 0.006, True),
    "ISN": Style(0.026, 0.034, 0.008, True),
    "SBO": Style(0.028, 0.036, 0.008, True),
    "SIN": Style(0.028, 0.038, 0.010, False),
    "IBC": Style(0.034, 0.050, 0.015, True),
    "GA": Style(0.040, 0.056, 0.015, True),
    "3ET": Style(0.038, 0.054, 0.015, False),
    "P88": Style(0.030, 0.042, 0.010, False),
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """One book's opinion of one fixture: the truth ``lag_ms`` ago, plus its own error in goals."""

    book: str
    style: Style
    lag_ms: int
    error: tuple[float, float]


def draw_opinions(rng: random.Random, config: MarketConfig) -> tuple[Opinion, ...]:
    """Draw how every book sees a new fixture."""
    drawn = []
    for book, style in STYLES.items():
        low, high = config.sharp_lag_s if book in SHARP_BOOKS else config.soft_lag_s
        error = (rng.gauss(0, style.error_goals), rng.gauss(0, style.error_goals))
        drawn.append(Opinion(book, style, round(rng.uniform(low, high) * 1000), error))
    return tuple(drawn)


@dataclass(frozen=True, slots=True)
class Situation:
    """A match as one book sees it now.

    Expected goals are those still to fall, in hundredths, in the match and in its first half.
    ``half_centi`` None: the first half is over.
    """

    home_centi: int
    away_centi: int
    half_centi: tuple[int, int] | None
    score: tuple[int, int]

    @property
    def goals_centi(self) -> int:
        return self.home_centi + self.away_centi

    def half(self) -> "Situation | None":
        """Return the rest of the first half, seen as a match; None if it is over."""
        return None if self.half_centi is None else Situation(*self.half_centi, None, self.score)


def situation(
    opinion: Opinion,
    intensities: tuple[float, float],
    remaining: float,
    half_left: float,
    score: tuple[int, int],
) -> Situation:
    """Return the match as a book of this opinion sees it.

    ``remaining`` is the share of the match still to play, ``half_left`` that of the first half (0:
    it is over).
    """
    home = max(intensities[0] + opinion.error[0], 0.1)
    away = max(intensities[1] + opinion.error[1], 0.1)
    half = half_left * _HALF_SHARE
    return Situation(
        round(100 * home * remaining),
        round(100 * away * remaining),
        (round(100 * home * half), round(100 * away * half)) if half_left > 0 else None,
        score,
    )


def _handicap(seen: Situation, line_q: int, style: Style) -> Prices | None:
    """Return home and away at a home line, goals counted from now; None if it is lopsided."""
    return _two(chance.home_covers(seen.home_centi, seen.away_centi, line_q), style)


def _total(seen: Situation, line_q: int, style: Style) -> Prices | None:
    """Return over and under of the whole period's goals; None if the line is lopsided."""
    return _two(chance.goes_over(seen.goals_centi, line_q - 4 * sum(seen.score)), style)


def _two(probability: float, style: Style) -> Prices | None:
    if not _QUOTABLE[0] <= probability <= _QUOTABLE[1]:
        return None
    return chance.two_way(probability, style.margin_two)


def _one_x_two(seen: Situation, style: Style) -> Prices:
    """Return home, away and draw."""
    lead = seen.score[0] - seen.score[1]
    return tuple(
        chance.price(p, style.margin_three)
        for p in chance.three_way(seen.home_centi, seen.away_centi, lead)
    )


@dataclass(frozen=True, slots=True)
class Lines:
    """The main lines of a fixture, in quarter goals."""

    handicap_q: int
    total_q: int
    half_handicap_q: int
    half_total_q: int


def main_lines(seen: Situation) -> Lines:
    """Return the lines nearest to an even bet."""
    half = seen.half() or seen
    return Lines(_even_handicap(seen), _even_total(seen), _even_handicap(half), _even_total(half))


def lines_hold(seen: Situation, lines: Lines) -> bool:
    """Return False if a full-time main line is lopsided and another would be more even."""
    home = chance.home_covers(seen.home_centi, seen.away_centi, lines.handicap_q)
    if abs(home - 0.5) > _SLACK and _even_handicap(seen) != lines.handicap_q:
        return False
    over = chance.goes_over(seen.goals_centi, lines.total_q - 4 * sum(seen.score))
    return abs(over - 0.5) <= _SLACK or _even_total(seen) == lines.total_q


def _even_handicap(seen: Situation) -> int:
    return chance.even_handicap(seen.home_centi, seen.away_centi)


def _even_total(seen: Situation) -> int:
    return 4 * sum(seen.score) + chance.even_total(seen.goals_centi)


def offers(
    views: list[tuple[Opinion, Situation]], wanted: dict[Slot, int | None], *, side_line: bool
) -> dict[Slot, Offer]:
    """Return what every book offers for the ``wanted`` markets of one row.

    A side line is quoted by some books only.
    """
    found: dict[Slot, Offer] = {}
    for slot, line_q in wanted.items():
        prices: dict[str, Prices] = {}
        for opinion, seen in views:
            legs = _legs(slot, line_q, seen, opinion.style)
            if legs is not None and (opinion.style.side_lines or not side_line):
                prices[opinion.book] = legs
        if prices:
            found[slot] = Offer(line_q, prices)
    return found


@lru_cache(maxsize=8192)
def _legs(slot: Slot, line_q: int | None, seen: Situation, style: Style) -> Prices | None:
    kind, full = slot
    part = seen if full else seen.half()
    if part is None:
        return None
    if line_q is None:
        return _one_x_two(part, style)
    return _handicap(part, line_q, style) if kind == "H" else _total(part, line_q, style)
