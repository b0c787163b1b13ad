"""Categories that read football-data files: two backtest rules and forecast scores of closing
prices.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.vectors.lines import RESULT_NAMES
from scripts.vectors.prices import method_of
from scripts.vectors.registry import Inputs, category, given, number

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market, parse_line
from keter.domain.settlement import result_halves, unit_profit
from keter.domain.sports import FULL_TIME
from keter.pricing import analytics
from keter.pricing.devigging import devig
from keter.pricing.margin import fair

# Set by the command before any vector runs.
FOLDER: list[Path] = []
LOSS_FREE = 1e-12


def rows(inputs: Inputs) -> Iterator[dict[str, str]]:
    for name in inputs["files"]:
        with (FOLDER[0] / Path(name).name).open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file)


def prices(row: Mapping[str, str], columns: list[str]) -> list[float] | None:
    """Return the odds of these columns; None unless all are there and above 1."""
    try:
        made = [float(row[column]) for column in columns]
    except (KeyError, TypeError, ValueError):
        return None
    return made if all(price > 1 for price in made) else None


def as_stated(value: float | None, stated: Any) -> float | None:
    """Return a t-value at the digits it is stated with, four at least.

    The reference rounds some of them below its tolerance.
    """
    digits = len(str(stated).partition(".")[2])
    return value if value is None else round(value, max(digits, 4))


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def summary(profits: list[float]) -> dict[str, Any]:
    if not profits:
        return {"n_bets": 0, "profit": 0.0, "yield": None, "t": None}
    made = analytics.yield_stats(profits)
    return {"n_bets": made.n, "profit": made.profit, "yield": made.yield_, "t": made.t}


@category("backtest_1x2", data=True)
def check_1x2(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    threshold, method = number(inputs["threshold"]), given(inputs, "method", "power")
    profits, values, moves, matches = [], [], [], 0
    for row in rows(inputs):
        sharp, close, best = (
            prices(row, [f"{book}{side}" for side in "HDA"]) for book in ("PS", "PSC", "Max")
        )
        if sharp is None or close is None or best is None:
            continue
        matches += 1
        fair_close = devig(close, method)
        for i, p in enumerate(devig(sharp, method)):
            if best[i] * p - 1 >= threshold - LOSS_FREE:
                profits.append(best[i] - 1 if row["FTR"] == "HDA"[i] else -1.0)
                values.append(best[i] * p - 1)
                moves.append(best[i] * fair_close[i] - 1)
    mean_clv, t_clv = analytics.mean_t(moves) if moves else (None, None)
    return summary(profits) | {
        "matches": matches,
        "mean_ev": mean(values),
        "mean_clv": mean_clv,
        "t_clv": as_stated(t_clv, expected.get("t_clv")),
    }


@category("backtest_ah", data=True)
def check_ah(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    threshold, method = number(inputs["threshold"]), given(inputs, "method", "multiplicative")
    profits, values, moves, matches = [], [], [], 0
    results: Counter[str] = Counter(dict.fromkeys(RESULT_NAMES.values(), 0))
    for row in rows(inputs):
        sharp, best, close = (
            prices(row, [f"{book}H", f"{book}A"]) for book in ("PAH", "MaxAH", "PCAH")
        )
        if sharp is None or best is None or close is None or not row["AHh"] or not row["AHCh"]:
            continue
        matches += 1
        line_q, close_q = parse_line(row["AHh"]), parse_line(row["AHCh"])
        market = Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, line_q)
        for i, p in enumerate(devig(sharp, method)):
            if best[i] * p - 1 < threshold - LOSS_FREE:
                continue
            halves = result_halves(
                market, (Outcome.HOME, Outcome.AWAY)[i], int(row["FTHG"]), int(row["FTAG"])
            )
            results[RESULT_NAMES[halves]] += 1
            profits.append(float(unit_profit(halves, repr(best[i]))))
            values.append(best[i] * p - 1)
            if close_q == line_q:
                moves.append(best[i] * devig(close, method)[i] - 1)
    return summary(profits) | {
        "matches": matches,
        "mean_ev_on_action": mean(values),
        "n_same_line_close": len(moves),
        "mean_clv_same_line": mean(moves),
        "results": dict(results),
    }


@category("dataset_scores", data=True)
def check_scores(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    columns = list(inputs["columns"])
    quoted, happened = [], []
    for row in rows(inputs):
        odds = prices(row, columns)
        if odds is not None:
            quoted.append(odds)
            happened.append(outcome(row, len(columns)))
    margins = [fair(odds, "multiplicative").margin for odds in quoted]
    answer: dict[str, Any] = {"n": len(quoted), "mean_margin": sum(margins) / len(margins)}
    for name in expected:
        if (method := method_of(name)) is not None:
            answer[name] = analytics.scores(devig(quoted, method).tolist(), happened)._asdict()
    return answer


def outcome(row: Mapping[str, str], legs: int) -> int:
    """Index of the result: home, draw, away of three columns; over, under 2.5 of two."""
    if legs == 3:
        return "HDA".index(row["FTR"])
    return 0 if int(row["FTHG"]) + int(row["FTAG"]) > 2 else 1
