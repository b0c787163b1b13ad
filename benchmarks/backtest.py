"""What a backtest of a folder of football-data files costs, beside reading the same files with the csv module alone.

Run: python -m benchmarks.backtest FOLDER [--rounds 3]

Each figure is the fastest of the rounds, in this process. The headline figures of the bets are printed with them: Pinnacle's
earlier price as the yardstick, value of at least 3 %, best price of all sources, one unit a bet.
"""

import argparse
import csv
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from keter.replay.backtest import Backtest, Rules, run
from keter.replay.football import csv_files
from keter.replay.performance import performance
from keter.settings import load_settings


def fastest(rounds: int, work: Callable[[], object]) -> float:
    """Seconds of the quickest of some runs."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def read_only(folder: Path) -> None:
    for path in csv_files([folder]):
        with path.open(encoding="utf-8-sig", newline="") as file:
            for _ in csv.DictReader(file):
                pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    settings = load_settings(None, {"MIN_SHARP_SOURCES": "1", "MIN_EV_PCT": "3"})
    rules = Rules(settings.edge, settings.stake, settings.risk)
    made: list[Backtest] = []
    baseline = fastest(options.rounds, lambda: read_only(options.folder))
    whole = fastest(options.rounds, lambda: made.append(run([options.folder], rules)))
    tested = made[-1]
    result = performance(tested.bets)
    print(f"csv.DictReader alone     {baseline:8.2f} s   1.0")
    print(f"backtest                 {whole:8.2f} s   {whole / baseline:.1f}   {tested.fixtures / whole:,.0f} matches/s")
    print(f"{tested.fixtures:,} matches, {tested.markets:,} markets, {len(tested.bets):,} bets")
    print(f"profit {result.pnl_minor / 1000:.2f} units")
    if result.yield_ and result.clv:
        print(f"yield {100 * result.yield_.value:+.2f} %")
        print(f"closing line value {100 * result.clv.value:+.2f} %, t {result.clv.t or 0:.1f}")
    for kind in sorted(rules.kinds):
        alone = run([options.folder], replace(rules, kinds=frozenset({kind})))
        print(f"  {kind.value}: {len(alone.bets):,} bets, {sum(bet.pnl_minor or 0 for bet in alone.bets) / 1000:+.2f} units")


if __name__ == "__main__":
    main()
