"""The worst case of one event with many bets, against settlement at every score of a grid.

Run: python -m benchmarks.event_worst_case [--fills 50] [--rounds 300]

Figures are processor time of one thread, the median of the rounds. The baseline settles every bet
at every score around the held lines, each time anew. ``cold`` empties the caches before each call,
``another bet`` brings unseen odds with each call, as the guard does: it judges a signal against
what is held.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from statistics import median

from keter.domain import commitments, exposure, outcome_space
from keter.domain.exposure import Exposure, ExposureStatus, Terms, worst_case
from keter.domain.market_kinds import OUTCOMES, MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.order_states import Side
from keter.domain.settlement import result_halves

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)
Bet = tuple[Market, Outcome, int, str]
Scores = Sequence[tuple[int, int]]
TAXED = Terms(commission="0.02")
CACHES = (
    commitments.amounts,
    outcome_space.results_along,
    outcome_space.totals_with,
    outcome_space._starts,
    exposure._worst_case,
)

PLAIN = Terms()  # no commission, and the currency of the sum


def drawn(rng: random.Random, home: Market, handicaps: Sequence[int], totals: Sequence[int]) -> Bet:
    """Draw a bet on a market of the sport and period of ``home``."""
    kind = rng.choice((MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER, MarketKind.MONEY_LINE))
    lines = {MarketKind.ASIAN_HANDICAP: handicaps, MarketKind.OVER_UNDER: totals}.get(kind)
    market = Market(home.period, kind, rng.choice(lines) if lines else None, home.sport)
    odds = f"{rng.uniform(1.6, 2.4):.2f}"
    return market, rng.choice(OUTCOMES[kind]), rng.randint(100, 9999), odds


def as_exposure(bet: Bet, *, filled: bool, terms: Terms = PLAIN) -> Exposure:
    """Return the bet as the risk book holds it."""
    fills = ((bet[2], bet[3]),) if filled else ()
    return Exposure("d", "e", "L", *bet, ExposureStatus.BET, NOW, fills=fills, terms=terms)


def by_settlement(bets: Sequence[Bet], scores: Scores) -> int:
    """Return the largest loss by settling every bet at every score."""
    return max(0, -min(sum(_profit(bet, *score) for bet in bets) for score in scores))


def _profit(bet: Bet, home: int, away: int) -> int:
    market, outcome, stake, odds = bet
    halves = result_halves(market, outcome, home, away)
    return commitments.amounts(Side.BACK, odds, stake)[halves + 2]


def median_us(call: Callable[[], object], rounds: int, *, cold: bool = False) -> float:
    """Return the median microseconds of processor time that a call takes."""
    taken = []
    for _ in range(rounds):
        exposure._worst_case.cache_clear()
        if cold:
            for cache in CACHES:
                cache.cache_clear()
        began = time.process_time_ns()
        call()
        taken.append((time.process_time_ns() - began) / 1000)
    return median(taken)


def table(title: str, bets: Sequence[Bet], scores: Scores, rounds: int) -> None:
    """Print one table."""
    numbers = count(1)

    def next_bet() -> Exposure:
        line_q = next(numbers) % 4000  # a line that nobody holds cuts new cells
        market = Market(bets[0][0].period, MarketKind.OVER_UNDER, line_q, bets[0][0].sport)
        return as_exposure((market, Outcome.OVER, 1000, f"2.{line_q:06d}"), filled=False)

    fills = [as_exposure(bet, filled=True) for bet in bets]
    orders = [as_exposure(bet, filled=False) for bet in bets]
    taxed = [as_exposure(bet, filled=True, terms=TAXED) for bet in bets]
    if worst_case(fills) != by_settlement(bets, scores):
        raise SystemExit(f"{title}: the grid is too small, or the model is wrong")
    rows: list[tuple[str, Callable[[], object], bool]] = [
        ("fills", lambda: worst_case(fills), False),
        ("open orders", lambda: worst_case(orders), False),
        ("fills, 2 % commission", lambda: worst_case(taxed), False),
        ("fills, another bet", lambda: worst_case([*fills, next_bet()]), False),
        ("fills, cold", lambda: worst_case(fills), True),
    ]
    markets = len({bet[0] for bet in bets})
    print(f"{title}: {len(bets)} bets, {markets} markets, {len(scores)} scores")
    baseline = median_us(lambda: by_settlement(bets, scores), max(3, rounds // 100))
    print(f"  {'settlement at every score':<32} {baseline:9.0f} us   (baseline)")
    for name, call, cold in rows:
        call()
        taken = median_us(call, max(5, rounds // 10) if cold else rounds, cold=cold)
        print(f"  {name:<32} {taken:9.0f} us   {taken / baseline:8.5f} of the baseline")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    rng = random.Random(20260221)
    goals = Market("ft", "ml", None)
    football = [drawn(rng, goals, range(-8, 9), range(4, 21)) for _ in range(options.fills)]
    grid = [(home, away) for home in range(10) for away in range(10)]
    table("football", football, grid, options.rounds)
    points = Market("ot", "ml", None, "bb")
    hall = [drawn(rng, points, range(-60, 61), range(800, 961)) for _ in range(options.fills)]
    arena = [(home, away) for home in range(85, 140) for away in range(85, 140)]
    table("basketball, nearly every line another", hall, arena, options.rounds)


if __name__ == "__main__":
    main()
