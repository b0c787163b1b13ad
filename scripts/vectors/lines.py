"""Settlement, goal models, value with pushes, handicaps from 1X2."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from scripts.vectors.registry import Inputs, category, given, number, numbers

from keter.domain.market_kinds import OUTCOMES, MarketKind, Outcome
from keter.domain.markets import Market, parse_line
from keter.domain.odds import exact
from keter.domain.settlement import RESULT_STATES, result_halves, settle_count, unit_profit
from keter.domain.sports import FULL_TIME
from keter.errors import IncompleteMarketError
from keter.pricing.goals import (
    GoalModel,
    chances,
    fit_home_away,
    fit_total,
    home_draw_away,
    score_grid,
    total_chances,
)
from keter.pricing.lines import handicap_chances
from keter.pricing.value import Chances, expected_value, variance

RESULT_NAMES = dict(
    zip(RESULT_STATES, ("win", "half_win", "push", "half_loss", "loss"), strict=True)
)
LINE = r"([+-]?\d+(?:\.\d+)?)"


def market_of(kind: str, side: str, line: Any = None) -> tuple[Market, Outcome]:
    """Return the market and side of a vector's bet.

    A handicap line in a vector belongs to the side that is bet.
    """
    made = MarketKind(kind)
    if made in {MarketKind.ONE_X_TWO, MarketKind.MONEY_LINE}:
        return Market(FULL_TIME, made, None), Outcome(side)
    quarters = parse_line(str(line))
    mirrored = made is MarketKind.ASIAN_HANDICAP and side == "away"
    return Market(FULL_TIME, made, -quarters if mirrored else quarters), Outcome(side)


def kind_of(inputs: Inputs) -> str:
    """Return the market kind of a bet, from its side where the vector does not say."""
    return str(given(inputs, "market", "ou" if inputs["side"] in {"over", "under"} else "ah"))


def settled(halves: int, inputs: Inputs) -> Mapping[str, Any]:
    answer: dict[str, Any] = {"result": RESULT_NAMES[halves], "unit": Fraction(halves, 2)}
    if inputs.get("odds") is not None:
        stake = exact(given(inputs, "stake", 1))
        profit = stake * unit_profit(halves, str(inputs["odds"]))
        answer |= {"profit": profit, "return": stake + profit}
    return answer


@category("ah_settlement", "ah_settlement_inplay", "ou_settlement")
def check_settlement(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    market, side = market_of(kind_of(inputs), inputs["side"], inputs.get("line"))
    home, away = score(given(inputs, "final", (inputs.get("home_goals"), inputs.get("away_goals"))))
    if home is None and inputs.get("total") is not None:
        home, away = inputs["total"], 0
    if home is None and away is None:
        return void(market, side, inputs)
    start = score(given(inputs, "score_at_bet", (0, 0)))
    halves = result_halves(
        market, side, goals(home), goals(away), start=(goals(start[0]), goals(start[1]))
    )
    return settled(halves, inputs)


def void(market: Market, side: Outcome, inputs: Inputs) -> Mapping[str, Any]:
    """Return a match without a result."""
    made = settle_count(market, side, None, odds=exact(given(inputs, "odds", 2)), stake_minor=1)
    stake = exact(given(inputs, "stake", 1))
    return {"result": made.state.lower(), "unit": 0, "profit": made.profit_minor, "return": stake}


def score(value: Any) -> Any:
    """Return a pair of goals, also of a score written as ``2-1``."""
    return value.split("-") if isinstance(value, str) else value


def goals(value: Any) -> Any:
    """Goals as an integer; what is no whole number is left for the library to refuse."""
    made = number(value)
    return int(made) if made.is_integer() else made


def model_of(inputs: Inputs) -> GoalModel:
    return GoalModel(
        number(inputs["lambda_home"]),
        number(inputs["lambda_away"]),
        number(given(inputs, "rho", 0)),
    )


def bet_chances(model: GoalModel, name: str) -> Chances | None:
    """Return the results of a bet named ``home_ah_-0.75`` or ``over_2.5``; None for others."""
    if found := re.fullmatch(rf"(home|away)_ah_{LINE}", name):
        return chances(model, *market_of("ah", found[1], found[2]))
    if found := re.fullmatch(rf"(over|under)_{LINE}", name):
        return chances(model, *market_of("ou", found[1], found[2]))
    return None


def described(made: Chances) -> dict[str, Any]:
    return {
        "dist": made._asdict(),
        "win_mass": made.win_mass,
        "loss_mass": made.loss_mass,
        "effective_p": made.effective_p,
        "fair_odds": made.fair_odds,
    }


@category("goal_model")
def check_goal_model(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    model = model_of(inputs)
    answer: dict[str, Any] = {"home_draw_away": home_draw_away(model)}
    for name in expected:
        if (made := bet_chances(model, name)) is not None:
            answer[name] = described(made)
        elif found := re.fullmatch(r"(?:p_|score_)?(\d+)-(\d+)", name):
            answer[name] = score_grid(model)[int(found[1])][int(found[2])]
    return answer


@category("ev_push_aware")
def check_value(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    if inputs.get("dist") is not None:
        made = Chances.of({name: number(p) for name, p in inputs["dist"].items()})
    else:
        made = chances(
            model_of(inputs), *market_of(kind_of(inputs), inputs["side"], inputs.get("line"))
        )
    odds = number(inputs["odds"])
    commission = number(given(inputs, "commission", 0))
    return described(made) | {
        "ev": expected_value(made, odds, commission=commission),
        "variance": variance(made, odds),
    }


@category("goal_inverse_home_away")
def check_inverse(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    model = fit_home_away(number(inputs["p_home"]), number(inputs["p_away"]))
    answer: dict[str, Any] = {"lambda_home": model.home, "lambda_away": model.away}
    for name in expected:
        if (made := bet_chances(model, name.removesuffix("_fair"))) is not None:
            answer[name] = made.fair_odds
    return answer


@category("goal_inverse_total")
def check_inverse_total(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    mean = fit_total(number(inputs["p_over"]), parse_line(str(given(inputs, "line", "2.5"))))
    answer: dict[str, Any] = {"mu_total": mean}
    for name in expected:
        if found := re.fullmatch(rf"(over|under)_{LINE}_fair", name):
            answer[name] = total_chances(mean, parse_line(found[2]), Outcome(found[1])).fair_odds
    return answer


@category("ah_from_1x2")
def check_ah_from_1x2(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    if len(inputs["p"]) != len(OUTCOMES[MarketKind.ONE_X_TWO]):
        raise IncompleteMarketError(f"1X2 has three legs: {inputs['p']}")
    home, draw, away = numbers(inputs["p"])
    Chances.of({"win": home, "push": draw, "loss": away})
    answer: dict[str, Any] = {}
    for name in expected:
        if found := re.fullmatch(rf"(home|away)_(?:ah_)?{LINE}", name):
            market, side = market_of("ah", found[1], found[2])
            answer[name] = handicap_chances(home, draw, away, market.line_q or 0, side).fair_odds
    return answer
