"""Margin, odds formats, consensus, closing line value and scoring."""

from collections.abc import Mapping
from typing import Any

from scripts.vectors.registry import Inputs, category, given, number, numbers

from keter.domain.odds import OddsFormat, StakeConvention, convert, exact, opposing, stake_meaning
from keter.errors import NoSolutionError
from keter.pricing import analytics, consensus, devig
from keter.pricing.margin import METHODS, PARAMETER_NAMES, fair, raw_probabilities
from keter.pricing.pool import linear_pool

ALIASES = {"mult": "multiplicative", "jensen_shannon": "jsd", "oddsratio": "odds_ratio", "balanced": "balanced_book"}
FORMAT_ALIASES = {"hong_kong": "hongkong", "hk": "hongkong", "indo": "indonesian", "us": "american", "eu": "decimal"}


def method_of(name: str) -> str | None:
    method = ALIASES.get(name, name)
    return method if method in METHODS else None


def legs(inputs: Inputs) -> list[float | None]:
    return [None if price is None else number(price) for price in inputs["odds"]]


def fair_or_none(odds: list[float | None], method: str) -> dict[str, Any] | None:
    """Probabilities and parameter by name; None when the method has no solution."""
    try:
        made = fair(odds, method)
    except NoSolutionError:
        return None
    return {"p": list(made.p), **({PARAMETER_NAMES[method]: made.parameter} if method in PARAMETER_NAMES else {})}


@category("devig")
def check_devig(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    odds = legs(inputs)
    booksum = fair(odds, "multiplicative").booksum
    answer: dict[str, Any] = {"booksum": booksum, "margin": booksum - 1, "overround": booksum - 1, "hold": 1 - 1 / booksum}
    if chosen := inputs.get("method"):
        answer |= fair_or_none(odds, method_of(chosen) or chosen) or {}
    for name, wanted in expected.items():
        if (method := method_of(name)) is not None:
            answer[name] = fair_or_none(odds, method)
            if isinstance(wanted, Mapping) and "invalid" in wanted and answer[name] is None:
                raw, parameter = raw_probabilities(odds, method)
                answer[name] = {"p": list(raw), PARAMETER_NAMES.get(method, "-"): parameter, "invalid": wanted["invalid"]}
    return answer


@category("devig_error")
def check_devig_error(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    odds, method = legs(inputs), given(inputs, "method", None)
    declared = given(inputs, "legs", given(inputs, "n", None))
    names = [method_of(method) or method] if method else list(METHODS)
    if str(expected.get("error")).startswith("NoSolution") and not method:
        results = {name: fair_or_none(odds, name) for name in names}
        if None in results.values():
            raise NoSolutionError(f"{[name for name, result in results.items() if result is None]}")
        return {"p": results}
    return {"p": [devig(odds, name, legs=declared) for name in names]}


@category("devig_identity")
def check_devig_identity(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    odds, answer = legs(inputs), {}
    for claim in expected:
        left, right = (_field(odds, side.strip()) for side in claim.split("=="))
        gaps = [abs(a - b) for a, b in zip(left, right, strict=True)]
        answer[claim] = max(gaps) <= (tolerance or 1e-9)
    return answer


def _field(odds: list[float | None], name: str) -> list[float]:
    method, _, field = name.partition(".")
    value = (fair_or_none(odds, method_of(method) or method) or {})[field or "p"]
    return value if isinstance(value, list) else [value]


@category("odds_from_decimal", "odds_to_decimal", "odds_invalid", "odds_convert")
def check_odds(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    source = given(inputs, "format", given(inputs, "from_format", "decimal"))
    value = inputs["value"] if "value" in inputs else inputs[source]
    source = FORMAT_ALIASES.get(source, source)
    decimal = convert(value, source, "decimal")
    answer: dict[str, Any] = {name: convert(decimal, "decimal", name) for name in OddsFormat}
    return answer | {alias: answer[name] for alias, name in FORMAT_ALIASES.items()}


@category("stake_semantics")
def check_stake(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    words = str(given(inputs, "convention", "to-win")).lower()
    convention = StakeConvention.RISK if words.startswith("risk") else StakeConvention.TO_WIN_WHEN_NEGATIVE
    nominal = given(inputs, "nominal_stake", inputs.get("stake"))
    risk, to_win = stake_meaning(inputs["value"], inputs["format"], nominal, convention)
    return {"risk": risk, "to_win": to_win, "decimal": convert(inputs["value"], inputs["format"], "decimal")}


@category("opposing_price")
def check_opposing(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    if inputs.get("offer_to_others_decimal") is not None:
        offered = exact(inputs["offer_to_others_decimal"])
    else:
        offered = convert(inputs["offer_to_others_american"], "american", "decimal")
    mirrored = opposing(offered)
    return {
        "we_back_opposite_at_decimal": mirrored,
        "we_back_opposite_at_american": convert(mirrored, "decimal", "american"),
    }


@category("log_pool")
def check_pool(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    rows = [numbers(row) for row in inputs["fair_p"]]
    options: dict[str, Any] = {
        key: numbers(inputs[key]) for key in ("base_weight", "age_s", "vig", "liquidity") if inputs.get(key)
    }
    options |= {key: number(inputs[key]) for key in ("half_life_s", "vig_power") if inputs.get(key) is not None}
    made = consensus(rows, **options)
    linear = linear_pool(rows, made.weights)
    return {"weights": made.weights, "log_pool": made.p, "linear_pool": linear} | made._asdict()


@category("clv")
def check_clv(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    odds, closing, index = number(inputs["bet_odds"]), numbers(inputs["closing_odds"]), inputs["selection_index"]
    answer = {"raw": analytics.raw_clv(odds, closing[int(index)])}
    for key in expected:
        name = key.removeprefix("log_").removeprefix("no_vig_")
        if (method := method_of(name)) is not None:
            measure = analytics.log_clv if key.startswith("log_") else analytics.clv
            answer[key] = measure(odds, closing, int(index), method)
    return answer


@category("yield_tstat")
def check_yield(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    returns, stakes = numbers(inputs["unit_returns"]), inputs.get("stakes")
    staked = numbers(stakes) if isinstance(stakes, list) else [1.0] * len(returns)
    made = analytics.yield_stats([r * s for r, s in zip(returns, staked, strict=True)], staked)
    return made._asdict() | {"yield": made.yield_, "max_drawdown_units": made.max_drawdown, "turnover": sum(staked)}


@category("yield_tstat_closed_form")
def check_outlook(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    made = analytics.yield_outlook(number(inputs["n"]), number(inputs["yield"]), number(inputs["avg_odds"]))
    return {"sigma_per_bet": made.sigma, "t": made.t, "bets_for_t2": made.bets_for_t2}


@category("scoring_rules")
def check_scores(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    made = analytics.scores([numbers(row) for row in inputs["p"]], [int(i) for i in inputs["outcome_index"]])
    return made._asdict() | {"brier_multiclass": made.brier}
