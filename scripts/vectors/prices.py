"""Margin, odds formats, consensus, closing line value and scoring."""

from collections.abc import Mapping
from typing import Any

from scripts.vectors.registry import Inputs, category, given, number, numbers, plain

from keter.domain.market_kinds import OUTCOMES, MarketKind
from keter.domain.odds import OddsFormat, StakeConvention, convert, opposing, stake_meaning
from keter.errors import IncompleteMarketError, NoSolutionError
from keter.pricing import analytics
from keter.pricing.devigging import devig
from keter.pricing.margin import METHODS, PARAMETER_NAMES, fair, method_named, raw_probabilities
from keter.pricing.pool import consensus, linear_pool

NOTHING = 1e-12  # a probability that is exactly 0 comes out within rounding of it
ABSENT = "missing"
ALIASES = {"mult": "multiplicative", "oddsratio": "odds_ratio", "balanced": "balanced_book"}
OFFERED = "offer_to_others_"
FORMAT_ALIASES = {
    "hong_kong": "hongkong",
    "hk": "hongkong",
    "indo": "indonesian",
    "us": "american",
    "eu": "decimal",
}


def method_of(name: str) -> str | None:
    """Return the method a name stands for, None for any other word."""
    try:
        return method_named(ALIASES.get(plain(name), name))
    except ValueError:
        return None


def legs(inputs: Inputs) -> list[float | None]:
    odds = inputs["odds"]
    if not isinstance(odds, list):
        raise IncompleteMarketError(f"odds are a list, one a leg, not {odds!r}")
    return [None if price is None or price == ABSENT else number(price) for price in odds]


def declared_legs(inputs: Inputs) -> int | None:
    """How many legs the vector says its market has; None where it does not say."""
    count = given(inputs, "legs", given(inputs, "n", None))
    if count is None and inputs.get("market") is not None:
        count = len(OUTCOMES[MarketKind(inputs["market"])])
    return None if count is None else int(count)


def fair_or_none(odds: list[float | None], method: str) -> dict[str, Any] | None:
    """Probabilities and parameter by name; None when the method has no solution."""
    try:
        return named(odds, method)
    except NoSolutionError:
        return None


def named(odds: list[float | None], method: str) -> dict[str, Any]:
    made = fair(odds, method)
    return {
        "p": list(made.p),
        **({PARAMETER_NAMES[method]: made.parameter} if method in PARAMETER_NAMES else {}),
    }


@category("devig")
def check_devig(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    odds = legs(inputs)
    booksum = fair(odds, "multiplicative", legs=declared_legs(inputs)).booksum
    answer: dict[str, Any] = {
        "booksum": booksum,
        "margin": booksum - 1,
        "overround": booksum - 1,
        "hold": 1 - 1 / booksum,
    }
    if chosen := inputs.get("method"):
        answer |= named(odds, method_of(chosen) or chosen)
    for name, wanted in expected.items():
        if (method := method_of(name)) is not None:
            answer[name] = method_answer(odds, method, wanted)
    return answer


def method_answer(odds: list[float | None], method: str, wanted: Any) -> Any:
    """Return a method's answer in the form in which a vector states a refusal.

    That is null, the error's name, or what is not allowed.
    """
    if isinstance(wanted, Mapping) and "invalid" in wanted:
        raw, parameter = raw_probabilities(odds, method)
        refused = (
            {"invalid": wanted["invalid"]} if min(raw) <= NOTHING or max(raw) >= 1 - NOTHING else {}
        )
        return {"p": list(raw), PARAMETER_NAMES.get(method, "-"): parameter, **refused}
    answer = fair_or_none(odds, method)
    if answer is not None or wanted is None:
        return answer
    return {"error": "NoSolution"} if isinstance(wanted, Mapping) else "NoSolution"


@category("devig_error")
def check_devig_error(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    odds, method, declared = legs(inputs), given(inputs, "method", None), declared_legs(inputs)
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
    source = str(given(inputs, "format", given(inputs, "from_format", "decimal"))).lower()
    value = inputs["value"] if "value" in inputs else inputs[source]
    source = FORMAT_ALIASES.get(source, source)
    decimal = convert(value, source, "decimal")
    answer: dict[str, Any] = {name: convert(decimal, "decimal", name) for name in OddsFormat}
    return answer | {alias: answer[name] for alias, name in FORMAT_ALIASES.items()}


@category("stake_semantics")
def check_stake(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    words = str(given(inputs, "convention", "to-win")).lower()
    convention = (
        StakeConvention.RISK if words.startswith("risk") else StakeConvention.TO_WIN_WHEN_NEGATIVE
    )
    nominal = given(inputs, "nominal_stake", inputs.get("stake"))
    risk, to_win = stake_meaning(inputs["value"], inputs["format"], nominal, convention)
    return {
        "risk": risk,
        "to_win": to_win,
        "decimal": convert(inputs["value"], inputs["format"], "decimal"),
    }


@category("opposing_price")
def check_opposing(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    name = next(key for key in inputs if key.startswith(OFFERED))
    odds_format = name.removeprefix(OFFERED)
    mirrored = opposing(inputs[name], odds_format)
    return {
        f"we_back_opposite_at_{other}": convert(mirrored, odds_format, other)
        for other in OddsFormat
    }


@category("log_pool")
def check_pool(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    rows = [numbers(row) for row in inputs["fair_p"]]
    several, single = (
        ("base_weight", "age_s", "vig", "liquidity"),
        ("half_life_s", "vig_power", "drop_after_half_lives"),
    )
    options: dict[str, Any] = {
        key: numbers(inputs[key]) for key in several if inputs.get(key) is not None
    }
    options |= {key: number(inputs[key]) for key in single if inputs.get(key) is not None}
    if "half_life_s" not in options and not any(options.get("age_s", ())):
        options.pop("age_s", None)  # all just confirmed: no half-life is needed
    made = consensus(rows, **options)
    linear = linear_pool(rows, made.weights)
    return {"weights": made.weights, "log_pool": made.p, "linear_pool": linear} | made._asdict()


@category("clv")
def check_clv(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    odds, closing = number(inputs["bet_odds"]), numbers(inputs["closing_odds"])
    index = int(given(inputs, "selection_index", 0))
    analytics.clv(odds, closing, index, "multiplicative")  # refuses what is no close of this bet
    answer = {"raw": analytics.raw_clv(odds, closing[index])}
    for key in expected:
        name = key.removeprefix("log_").removeprefix("no_vig_")
        if (method := method_of(name)) is not None:
            measure = analytics.log_clv if key.startswith("log_") else analytics.clv
            answer[key] = measure(odds, closing, index, method)
    return answer


@category("yield_tstat")
def check_yield(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    returns, stakes = numbers(inputs["unit_returns"]), inputs.get("stakes")
    staked = numbers(stakes) if isinstance(stakes, list) else [1.0] * len(returns)
    made = analytics.yield_stats([r * s for r, s in zip(returns, staked, strict=True)], staked)
    return made._asdict() | {
        "yield": made.yield_,
        "max_drawdown_units": made.max_drawdown,
        "turnover": sum(staked),
    }


@category("yield_tstat_closed_form")
def check_outlook(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    made = analytics.yield_outlook(
        number(inputs["n"]), number(inputs["yield"]), number(inputs["avg_odds"])
    )
    return {"sigma_per_bet": made.sigma, "t": made.t, "bets_for_t2": made.bets_for_t2}


@category("scoring_rules")
def check_scores(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    made = analytics.scores(
        [numbers(row) for row in inputs["p"]], [int(i) for i in inputs["outcome_index"]]
    )
    return made._asdict() | {"brier_multiclass": made.brier}
