"""Probabilities from goal intensities, and a bookmaker's prices from probabilities. Pure.

Goals are independent Poisson variables. This arithmetic is not Keter's own (``keter.pricing``), so
that what checks Keter does not share its mistakes.

Intensities are whole hundredths of a goal ("centi"), so that results can be cached. Prices are
whole thousandths of decimal odds ("milli": 1970 is 1.970), rounded down. A booksum is therefore
never below what the margin says, except where the lowest price is reached.
"""

import math
from functools import lru_cache

MAX_MILLI = 101_000
MIN_MILLI = 1_005


@lru_cache(maxsize=4096)
def _poisson(centi: int) -> tuple[float, ...]:
    mean = centi / 100
    size = 12 + int(mean * 2)
    term = math.exp(-mean)
    masses = [term]
    for n in range(1, size):
        term *= mean / n
        masses.append(term)
    return tuple(masses)


@lru_cache(maxsize=2048)
def _difference(home_centi: int, away_centi: int) -> tuple[int, tuple[float, ...]]:
    """Return the distribution of home minus away goals: (smallest difference, masses)."""
    home, away = _poisson(home_centi), _poisson(away_centi)
    offset = len(away) - 1
    masses = [0.0] * (len(home) + offset)
    for h, p in enumerate(home):
        for a, q in enumerate(away, -h - offset):
            masses[-a] += p * q
    return -offset, tuple(masses)


@lru_cache(maxsize=16_384)
def home_covers(home_centi: int, away_centi: int, line_q: int) -> float:
    """Return the probability that home wins at a home line in quarter goals.

    Goals count from now. Pushes are left out, so that both sides sum to 1.
    """
    return _effective(*_difference(home_centi, away_centi), line_q)


@lru_cache(maxsize=16_384)
def goes_over(centi: int, line_q: int) -> float:
    """Return the probability, pushes left out, that more goals than the line still fall."""
    return _effective(0, _poisson(centi), -line_q)


def _effective(low: int, masses: tuple[float, ...], line_q: int) -> float:
    """Return the share of won stakes among decided ones; 0.5 if none is decided."""
    # A quarter line is two half stakes, a quarter goal to each side.
    legs = (line_q,) if line_q % 2 == 0 else (line_q - 1, line_q + 1)
    won = lost = 0.0
    for leg in legs:
        first_win = min(max(-leg // 4 + 1 - low, 0), len(masses))
        last_loss = min(max(-(leg // 4) - low, 0), len(masses))
        won += sum(masses[first_win:])
        lost += sum(masses[:last_loss])
    return won / (won + lost) if won + lost else 0.5


@lru_cache(maxsize=8192)
def three_way(home_centi: int, away_centi: int, lead: int = 0) -> tuple[float, float, float]:
    """Return the probabilities of home, away and draw when home leads by ``lead`` now."""
    low, masses = _difference(home_centi, away_centi)
    level = -lead - low
    home = sum(masses[max(level + 1, 0) :])
    draw = masses[level] if 0 <= level < len(masses) else 0.0
    return home, max(1 - home - draw, 0.0), draw


@lru_cache(maxsize=8192)
def even_handicap(home_centi: int, away_centi: int) -> int:
    """Return the home line, in quarters, nearest to an even bet."""
    guess = round((away_centi - home_centi) / 25)
    lines = range(guess - 6, guess + 7)
    return min(
        lines,
        key=lambda line_q: (abs(home_covers(home_centi, away_centi, line_q) - 0.5), abs(line_q)),
    )


@lru_cache(maxsize=8192)
def even_total(centi: int) -> int:
    """Return the goal line nearest to an even bet, in quarters, at least half a goal."""
    guess = max(round(centi / 25), 2)
    return min(
        range(max(guess - 6, 2), guess + 7),
        key=lambda line_q: (abs(goes_over(centi, line_q) - 0.5), line_q),
    )


def price(probability: float, margin: float) -> int:
    """Return thousandths of decimal odds for a probability loaded with ``margin``."""
    loaded = max(probability, 1e-6) * (1 + margin)
    return min(max(math.floor(1000 / loaded), MIN_MILLI), MAX_MILLI)


def two_way(probability: float, margin: float) -> tuple[int, int]:
    """Return the prices of an outcome and its opposite."""
    return price(probability, margin), price(1 - probability, margin)
