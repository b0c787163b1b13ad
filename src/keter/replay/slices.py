"""Bets grouped by league, market, odds, book, or time before the start."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from keter.replay.records import BetRecord


class Slice(msgspec.Struct, frozen=True):
    """The sums of one group of bets; money in minor units.

    ``clv`` is the mean closing line value of the ``n_clv`` bets with a close, None without any.
    """

    name: str
    n: int
    turnover_minor: int
    pnl_minor: int
    yield_: float
    clv: float | None
    n_clv: int


def slices_by_dimension(
    records: Sequence[BetRecord], bets: Sequence[BetRecord]
) -> dict[str, tuple[Slice, ...]]:
    """Return the slices of ``bets``, the settled ones of ``records``, for each dimension.

    A backtest has no times of its own, so its time to the start is left out.
    """
    timeless = any(record.mode == "BACKTEST" for record in records)
    return {
        name: slices(bets, name_of)
        for name, name_of in DIMENSIONS.items()
        if not (timeless and name_of is time_to_start)
    }


def slices(bets: Iterable[BetRecord], name_of: Callable[[BetRecord], str]) -> tuple[Slice, ...]:
    """Return one slice for each name, the largest turnover first."""
    groups: dict[str, list[BetRecord]] = defaultdict(list)
    for bet in bets:
        groups[name_of(bet)].append(bet)
    found = [_slice(name, group) for name, group in groups.items()]
    return tuple(sorted(found, key=lambda one: (-one.turnover_minor, one.name)))


def odds_band(bet: BetRecord) -> str:
    """Return the band of the odds, such as ``1.50-2.00``; the lower bound belongs to it."""
    return _band(
        bet.odds,
        (1.5, 2.0, 3.0, 5.0),
        ("under 1.50", "1.50-2.00", "2.00-3.00", "3.00-5.00", "5.00 and over"),
    )


def time_to_start(bet: BetRecord) -> str:
    """Return the band of the time between the bet and kick-off."""
    hours = (bet.kickoff - bet.placed_at).total_seconds() / 3600
    return _band(
        hours, (0.0, 1.0, 6.0, 24.0), ("in play", "under 1 h", "1-6 h", "6-24 h", "24 h and over")
    )


DIMENSIONS: dict[str, Callable[[BetRecord], str]] = {
    "league": lambda bet: bet.league,
    "market": lambda bet: bet.kind,
    "odds": odds_band,
    "book": lambda bet: bet.book,
    "time to start": time_to_start,
}


def turnover(bets: Iterable[BetRecord]) -> int:
    """Return the sum of the stakes in minor units."""
    return sum(bet.stake_minor for bet in bets)


def profit(bets: Iterable[BetRecord]) -> int:
    """Return the sum of the profits in minor units; unsettled bets count as zero."""
    return sum(bet.pnl_minor or 0 for bet in bets)


def _band(value: float, edges: tuple[float, ...], names: tuple[str, ...]) -> str:
    return names[bisect_right(edges, value)]


def _slice(name: str, bets: Sequence[BetRecord]) -> Slice:
    values = [bet.clv for bet in bets if bet.clv is not None]
    staked, pnl = turnover(bets), profit(bets)
    clv = sum(values) / len(values) if values else None
    return Slice(name, len(bets), staked, pnl, pnl / staked if staked else 0.0, clv, len(values))
