"""Margin removal against published implementations, one market's latency, and the edge gate on a
full snapshot.

Run: python -m benchmarks.pricing_devig [--markets 100000] [--oracle-markets 100000] [--matches
2000] [--rounds 15]

Figures are processor time, one thread, so that other work on the machine disturbs them less. Ours
are the fastest of the rounds; each oracle makes one pass over its markets, in a loop, as its
interface wants it. Ratios are of the time per market in this run. ``reference form`` is the fastest
numpy form of the reference page: one array per leg, blocks of 4096, buffers made beforehand, three
Newton steps and no check of its answer. Oracles come from requirements-oracles.lock in an
environment of their own; run this file with that environment's interpreter and src on the path.
Missing ones are named and left out.
"""

import argparse
import gc
import importlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from keter.domain.market_kinds import MarketKind
from keter.domain.markets import Event, Market, Phase
from keter.domain.quotes import BookPrices, MarketUpdate, VenueRef
from keter.domain.signals import ValidatedMarket
from keter.domain.sports import FULL_TIME, HALF_TIME
from keter.pricing.kernels import devig_array
from keter.pricing.margin import METHODS, fair
from keter.pricing.selection import Inputs, fair_once, price
from keter.strategies.value import edge
from keter.strategies.value.consensus_inputs import half_life_s, line_from_score, pool_inputs
from keter.strategies.value.edge import evaluate
from keter.strategies.value.settings import EdgeSettings

Array = NDArray[np.float64]
BOOKS = ("PIN", "SBO", "ISN", "SIN", "IBC", "GA", "3ET", "P88")
NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)


def markets(count: int, seed: int = 7) -> Array:
    """Three-way football prices: margins of 2 to 8 per cent, nothing longer than 35."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet((5, 3, 3), count).clip(0.03, 0.9)
    odds: Array = 1 / (p / p.sum(axis=1, keepdims=True) * rng.uniform(1.02, 1.08, (count, 1)))
    return np.round(odds, 3)


def fastest(work: Callable[[], object], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def each(one: Callable[[list[float]], object], rows: list[list[float]]) -> None:
    for row in rows:
        one(row)


def reference_form(odds: Array, block: int = 4096, steps: int = 3) -> Callable[[], Array]:
    """Run the reference page's fastest numpy power method.

    Leg arrays and buffers are ready before the clock starts.
    """
    legs = [np.ascontiguousarray(odds[:, i]) for i in range(odds.shape[1])]
    out = np.empty((len(legs), len(odds)))
    logs, powers = np.empty((len(legs), block)), np.empty((len(legs), block))
    f, d, k, t = (np.empty(block) for _ in range(4))

    def run() -> Array:
        for start in range(0, len(odds), block):
            n = min(block, len(odds) - start)
            for i, leg in enumerate(legs):
                np.negative(np.log(leg[start : start + n], out=logs[i, :n]), out=logs[i, :n])
                np.reciprocal(leg[start : start + n], out=powers[i, :n])
            k[:n] = 1
            for _ in range(steps):
                np.add(powers[0, :n], powers[1, :n], out=f[:n])
                np.multiply(powers[0, :n], logs[0, :n], out=d[:n])
                for i in range(1, len(legs)):
                    np.add(d[:n], np.multiply(powers[i, :n], logs[i, :n], out=t[:n]), out=d[:n])
                    if i > 1:
                        np.add(f[:n], powers[i, :n], out=f[:n])
                np.subtract(
                    k[:n], np.divide(np.subtract(f[:n], 1, out=f[:n]), d[:n], out=f[:n]), out=k[:n]
                )
                for i in range(len(legs)):
                    np.exp(np.multiply(logs[i, :n], k[:n], out=powers[i, :n]), out=powers[i, :n])
            out[:, start : start + n] = powers[:, :n]
        return out

    return run


def oracles() -> dict[str, Callable[[list[float]], object]]:
    """Return the published implementations that are installed, by the name shown.

    Those that are missing are reported.
    """
    found: dict[str, Callable[[list[float]], object]] = {}
    wanted: dict[str, Callable[[Any], dict[str, Callable[[list[float]], object]]]] = {
        "penaltyblog.implied": lambda m: {
            "penaltyblog power": lambda odds: m.calculate_implied(odds, method="power"),
            "penaltyblog shin": lambda odds: m.calculate_implied(odds, method="shin"),
        },
        "shin": lambda m: {"shin (Rust)": m.calculate_implied_probabilities},
        "goto_conversion": lambda m: {
            "goto_conversion": lambda odds: m.goto_conversion(
                odds, multiplicativeIfImprudentOdds=True
            )
        },
    }
    for module, functions in wanted.items():
        try:
            found |= functions(importlib.import_module(module))
        except ImportError:
            print(
                f"{module}: not installed; make an environment from requirements-oracles.lock to"
                " compare"
            )
    return found


def compare(odds: Array, oracle_markets: int, rounds: int) -> None:
    out = np.empty_like(odds)
    reference = reference_form(odds)
    times = {
        f"keter {name}": fastest(partial(devig_array, odds, name, out=out), rounds)
        for name in ("power", "shin")
    }
    times |= {"reference form, power": fastest(reference, rounds)}
    times |= {"keter power, again": fastest(partial(devig_array, odds, "power", out=out), rounds)}
    per_market = {name: seconds / len(odds) for name, seconds in times.items()}
    rows = odds[:oracle_markets].tolist()
    for name, one in oracles().items():
        per_market[name] = fastest(partial(each, one, rows), 1) / len(rows)
    errors = {
        "keter power": abs(devig_array(odds, "power").sum(axis=1) - 1).max(),
        "reference form, power": abs(reference().sum(axis=0) - 1).max(),
    }
    power, shin = (
        min(per_market["keter power"], per_market["keter power, again"]),
        per_market["keter shin"],
    )
    print(f"\n{len(odds):,} three-way markets ({len(rows):,} for the oracles)")
    print(
        f"{'':24} {'ms per 100,000':>15} {'keter power is':>15} {'keter shin is':>14}  largest"
        " error of the sum"
    )
    for name, seconds in per_market.items():
        error = f"{errors[name]:.1e}" if name in errors else ""
        print(
            f"{name:24} {seconds * 1e8:15.2f} {seconds / power:13.2f} x {seconds / shin:12.2f} x "
            f" {error}"
        )


def latency(rounds: int) -> None:
    print("\nOne market, microseconds (pure Python)")
    for odds in ([1.95, 1.97], [2.6, 2.4, 4.3], [1.19, 7.0, 14.0]):
        cells = []
        for method in METHODS:
            count = 50 if method == "jsd" else 2000
            seconds = fastest(partial(each, partial(fair, method=method), [odds] * count), rounds)
            cells.append(f"{method} {seconds / count * 1e6:.1f}")
        print(f"  {'/'.join(map(str, odds)):14} {', '.join(cells)}")


def snapshot(
    matches: int, seed: int = 7
) -> list[tuple[ValidatedMarket, tuple[ValidatedMarket, ...]]]:
    """Every market of ``matches`` fixtures, each with the 1X2 of its period: 1X2, three handicaps,
    three totals, twice.
    """
    rng = np.random.default_rng(seed)
    work: list[tuple[ValidatedMarket, tuple[ValidatedMarket, ...]]] = []
    for number in range(matches):
        event = Event(
            f"fb-20260221-a{number}-v-b{number}", "fb", "LEAGUE", "A", "B", NOW + timedelta(hours=3)
        )
        for period in (FULL_TIME, HALF_TIME):
            of_period = [validated(event, market, rng) for market in lines(period)]
            work += [(one, (of_period[0],)) for one in of_period]
    return work


def lines(period: str) -> list[Market]:
    handicaps = [Market(period, MarketKind.ASIAN_HANDICAP, q) for q in (-2, -1, 0)]
    totals = [Market(period, MarketKind.OVER_UNDER, q) for q in (9, 10, 11)]
    return [Market(period, MarketKind.ONE_X_TWO, None), *handicaps, *totals]


def validated(event: Event, market: Market, rng: np.random.Generator) -> ValidatedMarket:
    legs = len(market.outcomes)
    p = rng.dirichlet([30.0] * legs)
    books = []
    for book in BOOKS:
        quoted = tuple(
            round(float(x), 3)
            for x in 1 / (p * rng.uniform(1.01, 1.03, legs) * rng.uniform(1.01, 1.04))
        )
        books.append(
            BookPrices(
                book,
                quoted,
                tuple(map(str, quoted)),
                NOW,
                NOW - timedelta(seconds=float(rng.uniform(0, 20))),
            )
        )
    update = MarketUpdate(
        "t", "a", event, market, Phase.TODAY, VenueRef("v", "k"), tuple(books), True, NOW
    )
    return ValidatedMarket(update, tuple(books), {}, NOW)


def gate(matches: int, rounds: int) -> None:
    work, rules = snapshot(matches), EdgeSettings()
    # A worker holds a few markets at a time: the collector must not walk the whole snapshot
    gc.freeze()

    def judge() -> None:
        fair_once.cache_clear()
        for market, others in work:
            evaluate(market, rules, NOW, {}, others)

    def price_each_once() -> None:
        fair_once.cache_clear()
        for market, _ in work:
            half_life = half_life_s(market, rules, NOW)
            price(
                Inputs(
                    market.update.market.market_id,
                    line_from_score(market),
                    pool_inputs(market, rules, NOW, half_life),
                    None,
                )
            )

    seconds, once = fastest(judge, rounds), fastest(price_each_once, rounds)
    with mock.patch.object(edge, "_cannot_reach_min_ev", lambda *_: []):
        exhaustive = fastest(judge, rounds)
    quotes = [
        (list(book.odds), rules.devig_method(market.update.market.family))
        for market, _ in work
        for book in market.books[:3]
    ]
    margins = fastest(lambda: [fair(odds, method) for odds, method in quotes], rounds)
    signals = sum(
        signal is not None
        for market, others in work
        for *_, signal in evaluate(market, rules, NOW, {}, others)
    )
    print(
        f"\nEdge gate: {matches:,} matches, {len(BOOKS)} books, {len(work):,} markets, {signals:,}"
        " signals"
    )
    print(
        f"  {seconds:.2f} s, {seconds / len(work) * 1e6:.0f} microseconds a market,"
        f" {len(work) / seconds:,.0f} markets a second"
    )
    print(
        f"  {seconds / once:.2f} x pricing each market once without its 1X2;"
        f" {exhaustive / seconds:.2f} x as fast as with a consensus for every book left out"
    )
    print(
        f"  {100 * margins / seconds:.1f} % of it removes margins: all that a compiled kernel could"
        " save"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--markets", type=int, default=100_000)
    parser.add_argument("--oracle-markets", type=int, default=100_000)
    parser.add_argument("--matches", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    compare(markets(options.markets), options.oracle_markets, options.rounds)
    latency(3)
    gate(options.matches, 2)


if __name__ == "__main__":
    main()
