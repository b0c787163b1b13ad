"""The worst case of one event with many bets: the new model against today's, named the baseline.

Run: python -m benchmarks.event_worst_case [--fills 50] [--rounds 300]

Figures are processor time of one thread, the median of the rounds. Both see the same back bets.
``cold`` empties the caches before each call, ``another bet`` brings unseen odds with
each call, as the guard does: it judges a signal against what is held.
"""

import argparse
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from statistics import median

from keter.domain import commitments, exposure, outcome_space
from keter.domain.commitments import Commitment
from keter.domain.exposure import Exposure, ExposureStatus
from keter.domain.markets import SIDES, Market, MarketKind, Outcome, Period
from keter.domain.outcome_space import BASKETBALL, FOOTBALL
from keter.domain.positions import worst_case

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)
Bet = tuple[Market, Outcome, int, str]
CACHES = (
    commitments.amounts,
    outcome_space.results_along,
    outcome_space.totals_with,
    outcome_space._starts,
    exposure._lost_halves,
)


def drawn(rng: random.Random, handicaps: tuple[int, int], totals: tuple[int, int]) -> Bet:
    """Draw a bet of a full-time market."""
    kind = rng.choice((MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER, MarketKind.MONEY_LINE))
    lines = {MarketKind.ASIAN_HANDICAP: handicaps, MarketKind.OVER_UNDER: totals}.get(kind)
    market = Market(Period.FULL_TIME, kind, rng.randint(*lines) if lines else None)
    odds = f"{rng.uniform(1.6, 2.4):.2f}"
    return market, rng.choice(SIDES[kind]), rng.randint(100, 9999), odds


def as_today(bet: Bet) -> Exposure:
    """Return the bet as today's model takes it."""
    return Exposure("d", "e", "L", *bet, ExposureStatus.BET, NOW)


def as_commitment(bet: Bet, *, filled: bool, commission: str = "0") -> Commitment:
    """Return the bet as the new model takes it."""
    market, outcome, stake, odds = bet
    return Commitment(
        event_uid="e",
        league="L",
        day="2026-02-21",
        strategy="value",
        account="v:a",
        market=market,
        outcome=outcome,
        stake_minor=stake,
        odds=odds,
        filled=filled,
        commission=commission,
    )


def median_us(call: Callable[[], object], rounds: int, *, cold: bool = False) -> float:
    """Return the median microseconds of processor time that a call takes."""
    taken = []
    for _ in range(rounds):
        if cold:
            for cache in CACHES:
                cache.cache_clear()
        began = time.process_time_ns()
        call()
        taken.append((time.process_time_ns() - began) / 1000)
    return median(taken)


def table(title: str, bets: Sequence[Bet], rounds: int, space: outcome_space.Space) -> None:
    """Print one table."""
    today = [as_today(bet) for bet in bets]
    numbers = count(1)

    def next_bet() -> Bet:
        line_q = next(numbers) % 4000  # a line that nobody holds cuts new cells
        market = Market(Period.FULL_TIME, MarketKind.OVER_UNDER, line_q)
        return market, Outcome.OVER, 1000, f"2.{line_q:06d}"

    def new(*, filled: bool, commission: str = "0") -> list[Commitment]:
        return [as_commitment(bet, filled=filled, commission=commission) for bet in bets]

    fills, orders, taxed = new(filled=True), new(filled=False), new(filled=True, commission="0.02")
    rows: list[tuple[str, Callable[[], object], bool]] = [
        ("today's worst_case (baseline)", lambda: exposure.worst_case(today), False),
        ("fills", lambda: worst_case(fills, space), False),
        ("open orders", lambda: worst_case(orders, space), False),
        ("fills, 2 % commission", lambda: worst_case(taxed, space), False),
        (
            "fills, another bet",
            lambda: worst_case([*fills, as_commitment(next_bet(), filled=False)], space),
            False,
        ),
        ("today's worst_case, cold", lambda: exposure.worst_case(today), True),
        ("fills, cold", lambda: worst_case(fills, space), True),
    ]
    print(f"{title}: {len(bets)} bets, {len({bet[0] for bet in bets})} markets")
    baseline = median_us(rows[0][1], rounds)
    for name, call, cold in rows:
        call()
        taken = median_us(call, max(5, rounds // 10) if cold else rounds, cold=cold)
        print(f"  {name:<32} {taken:9.0f} us   {taken / baseline:6.2f} of the baseline")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fills", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    rng = random.Random(20260221)
    football = [drawn(rng, (-8, 8), (4, 20)) for _ in range(options.fills)]
    table("football", football, options.rounds, FOOTBALL)
    hall = [drawn(rng, (-60, 60), (800, 960)) for _ in range(options.fills)]
    table("basketball, nearly every line another", hall, options.rounds, BASKETBALL)


if __name__ == "__main__":
    main()
