"""What a backtest of a folder of football-data files costs, beside reading the same files with the
csv module alone.

Run: python -m benchmarks.backtest FOLDER [--rounds 3]

Each figure is the fastest of the rounds, in this process. The headline figures of the bets are
printed with them: Pinnacle's earlier price as the yardstick, value of at least 3 %, best price of
all sources, one unit a bet. Then the rules for which the betting mathematics reference states
figures, without a ceiling on value, beside what it states; exit 1 when one differs.
"""

import argparse
import csv
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from keter.domain.market_kinds import MarketKind
from keter.replay.backtest import Backtest, Rules, run
from keter.replay.football import csv_files
from keter.replay.performance import performance
from keter.settings import load_settings

SEASONS = ("1920", "2021", "2122", "2223", "2324")
ENGLAND, FIVE = ("E0",), ("E0", "SP1", "I1", "D1", "F1")


@dataclass(frozen=True)
class Stated:
    """A rule of the reference page and what it states, as it writes it: bets, and figures by
    name.
    """

    name: str
    leagues: tuple[str, ...]
    kind: MarketKind
    min_ev_pct: float
    figures: dict[str, str]
    method: str = "power"


STATED = (
    Stated(
        "rule 1, 1X2",
        ENGLAND,
        MarketKind.ONE_X_TWO,
        3,
        {"bets": "306", "profit": "35.02", "clv": "0.04580689", "t_clv": "6.9402"},
    ),
    Stated(
        "rule 2, AH",
        ENGLAND,
        MarketKind.ASIAN_HANDICAP,
        1.55,
        {
            "bets": "179",
            "profit": "1.32",
            "clv": "0.0225539",
            "n_clv": "94",
            "results": "71/12/17/4/75",
        },
    ),
    Stated("power, 25 files", FIVE, MarketKind.ONE_X_TWO, 3, {"bets": "1698"}),
    Stated(
        "multiplicative, 25 files",
        FIVE,
        MarketKind.ONE_X_TWO,
        3,
        {"bets": "3259"},
        "multiplicative",
    ),
    Stated(
        "value 2 %, 25 files",
        FIVE,
        MarketKind.ONE_X_TWO,
        2,
        {"bets": "3222", "yield": "0.027", "t_yield": "0.8", "clv": "0.031", "t_clv": "16"},
    ),
)
ORDER = ("WON", "HALF_WON", "PUSHED", "HALF_LOST", "LOST")


def computed(stated: Stated, folder: Path, rules: Rules) -> dict[str, float | str]:
    """Return what the backtest reports for a stated rule, by the names of its figures."""
    changes = {
        "min_ev_pct": stated.min_ev_pct,
        "ev_max_pct": 100_000,
        "devig_method_1x2": stated.method,
    }
    files = [folder / f"{league}_{season}.csv" for league in stated.leagues for season in SEASONS]
    made = run(
        files,
        replace(rules, kinds=frozenset({stated.kind}), edge=rules.edge.model_copy(update=changes)),
    )
    result = performance(made.bets)
    assert result.yield_, "no bets"
    assert result.clv, "no closing prices"
    states = [bet.state for bet in made.bets]
    # The page tests yields and closing values bet by bet; two of its figures are rounded to whole
    # t-values.
    return {
        "bets": result.bets,
        "profit": result.pnl_minor / 1000,
        "yield": result.yield_.value,
        "t_yield": result.yield_.t_single or 0.0,
        "clv": result.clv.value,
        "n_clv": result.clv.n,
        "t_clv": result.clv.t_single or 0.0,
        "results": "/".join(str(states.count(state)) for state in ORDER),
    }


def agrees(value: float | str, stated: str) -> bool:
    """Whether a figure, rounded as the page writes it, is what the page writes."""
    return (
        value == stated
        if isinstance(value, str)
        else f"{value:.{len(stated.partition('.')[2])}f}" == stated
    )


def beside_the_reference(folder: Path, rules: Rules) -> bool:
    """Print every stated figure beside ours; whether all agree."""
    same = True
    for stated in STATED:
        made = computed(stated, folder, rules)
        for name, text in stated.figures.items():
            equal = agrees(made[name], text)
            same &= equal
            print(
                f"{stated.name:<26}{name:<9}{text:>14} stated, {made[name]:>22}"
                f" computed{'' if equal else '   DIFFERS'}"
            )
    return same


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
    print(
        f"backtest                 {whole:8.2f} s   {whole / baseline:.1f}  "
        f" {tested.fixtures / whole:,.0f} matches/s"
    )
    print(f"{tested.fixtures:,} matches, {tested.markets:,} markets, {len(tested.bets):,} bets")
    print(f"profit {result.pnl_minor / 1000:.2f} units")
    if result.yield_ and result.clv:
        print(f"yield {100 * result.yield_.value:+.2f} %")
        print(f"closing line value {100 * result.clv.value:+.2f} %, t {result.clv.t or 0:.1f}")
    for kind in sorted(rules.kinds):
        alone = run([options.folder], replace(rules, kinds=frozenset({kind})))
        print(
            f"  {kind.value}: {len(alone.bets):,} bets,"
            f" {sum(bet.pnl_minor or 0 for bet in alone.bets) / 1000:+.2f} units"
        )
    sys.exit(not beside_the_reference(options.folder, rules))


if __name__ == "__main__":
    main()
