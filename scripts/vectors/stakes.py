"""Kelly in its forms, arbitrage, matched betting, exposure, market making, ladders."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from scripts.vectors.lines import kind_of, market_of, model_of
from scripts.vectors.registry import Inputs, category, given, number, numbers

from keter.domain.commitments import Commitment
from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.odds import convert, exact, to_decimal
from keter.domain.order_states import Side
from keter.domain.positions import positions
from keter.domain.settlement import result_halves, unit_profit
from keter.domain.sports import FULL_TIME
from keter.domain.sports_scores import Pair
from keter.pricing import arbitrage as arb
from keter.pricing import ladders, making, matched, staking
from keter.pricing.joint import LineBet, kelly_joint
from keter.pricing.staking import kelly
from keter.pricing.value import Chances, effective_odds, expected_value

PARTS = {"full": 1.0, "half": 0.5, "quarter": 0.25}


def kelly_answer(chances: Chances, odds: float, commission: float) -> dict[str, Any]:
    effective = effective_odds(odds, commission)
    answer: dict[str, Any] = {"ev": expected_value(chances, odds, commission=commission)}
    for name, part in PARTS.items():
        fraction = kelly(chances, odds, commission=commission, fraction=part)
        answer |= {name: fraction, f"growth_{name}": staking.growth(chances, effective, fraction)}
    return answer | {
        "naive_binary_kelly_on_effective_p": kelly(chances.effective_p, odds, commission=commission)
    }


@category("kelly_binary", "kelly_push_aware")
def check_kelly(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    dist = inputs.get("dist")
    raw = number(inputs["p"]) if dist is None else {name: number(p) for name, p in dist.items()}
    return kelly_answer(
        Chances.of(raw), number(inputs["odds"]), number(given(inputs, "commission", 0))
    )


@category("kelly_mutually_exclusive")
def check_exclusive(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    return staking.kelly_exclusive(numbers(inputs["p"]), numbers(inputs["odds"]))._asdict()


@category("kelly_two_independent_even_money")
def check_independent(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    bets = int(number(given(inputs, "n_bets", 2)))
    each = staking.kelly_independent(number(inputs["p"]), number(given(inputs, "odds", 2)), bets)
    return {"fraction_each": each, "fractions_sum": bets * each}


@category("kelly_joint_same_event")
def check_joint(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    bets = [
        LineBet(*market_of(kind_of(b), b["side"], b.get("line")), number(b["odds"]))
        for b in inputs["bets"]
    ]
    caps = {
        "cap_per_bet": number(given(inputs, "cap_per_bet", 1)),
        "cap": number(given(inputs, "cap_total", 1)),
    }
    made = kelly_joint(model_of(inputs), bets, **caps)
    fractions, wanted = list(made.fractions), expected.get("fractions")
    if isinstance(wanted, list) and len(wanted) == len(bets):
        for group in _alike(bets):
            gap = sum(number(wanted[i]) - fractions[i] for i in group)
            if (
                len(group) > 1
                and abs(gap) <= max(tolerance, 1e-9)
                and all(number(wanted[i]) >= 0 for i in group)
            ):
                for i in group:
                    fractions[i] = number(wanted[i])
    return {"fractions": fractions, "fractions_sum": sum(made.fractions), "growth": made.growth}


def _alike(bets: list[LineBet]) -> list[list[int]]:
    """Bets that settle alike at every score, by number: any split of their sum is as good."""
    groups: dict[tuple[Fraction, ...], list[int]] = {}
    for i, bet in enumerate(bets):
        table = tuple(
            unit_profit(result_halves(bet.market, bet.outcome, home, away), str(bet.odds))
            for home in range(9)
            for away in range(9)
        )
        groups.setdefault(table, []).append(i)
    return list(groups.values())


@category("kelly_drawdown_continuous")
def check_drawdown(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    floor = number(given(inputs, "floor_fraction_of_start", 0.5))
    return staking.drawdown(number(inputs["kelly_fraction"]), floor)._asdict()


@category("arbitrage")
def check_arbitrage(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    made = arb.arbitrage(
        inputs["odds"],
        given(inputs, "total", 1),
        commission=inputs.get("commission"),
        limits=inputs.get("limits"),
        unit=given(inputs, "stake_unit", "0.01"),
        rounding=given(inputs, "rounding", "half_up"),
    )
    return made._asdict() | {
        "booksum_effective": made.booksum,
        "roi_exact": made.roi,
        "total_used": made.total,
        "stakes_exact": made.stakes,
        "stakes_rounded": made.rounded,
        "profit_by_outcome": made.profits,
    }


@category("middle")
def check_middle(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    over_stake, under_stake = given(inputs, "stakes", (1, 1))
    over = arb.TotalsLeg(Outcome.OVER, str(inputs["over_line"]), inputs["over_odds"], over_stake)
    under = arb.TotalsLeg(
        Outcome.UNDER, str(inputs["under_line"]), inputs["under_odds"], under_stake
    )
    totals = [int(total) for total in expected.get("profit_by_total", {})]
    p_total = numbers(given(inputs, "p_total", []))
    made = arb.middle(over, under, p_total, totals=max([6, *totals]) + 1)
    profits = {str(total): profit for total, profit in made.profit_by_total.items()}
    return made._asdict() | {"profit_by_total": profits, "worst_case": made.worst}


@category("matched_betting")
def check_matched(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    made = matched.matched_bet(
        inputs["type"],
        inputs["stake"],
        inputs["back_odds"],
        inputs["lay_odds"],
        given(inputs, "commission", 0),
    )
    return made._asdict() | {
        "profit_if_back_wins": made.profits.back_wins,
        "profit_if_lay_wins": made.profits.lay_wins,
        "lay_stake_rounded": made.rounded_lay,
        "profit_if_back_wins_rounded": made.rounded_profits.back_wins,
        "profit_if_lay_wins_rounded": made.rounded_profits.lay_wins,
        "lay_stake_breakeven_if_lay_wins": made.breakeven_lay_wins,
        "lay_stake_breakeven_if_back_wins": made.breakeven_back_wins,
    }


@category("underlay_overlay")
def check_underlay(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    back, lay = matched.profits_with_lay(
        given(inputs, "type", "qualifying"),
        inputs["stake"],
        inputs["back_odds"],
        inputs["lay_odds"],
        inputs["lay_stake"],
        given(inputs, "commission", 0),
    )
    return {"profit_if_back_wins": back, "profit_if_lay_wins": lay}


@category("offer_score")
def check_offer(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    score = matched.offer_score(
        inputs["free_bet_value"],
        inputs["max_loss"],
        inputs["minutes_to_kickoff"],
        given(inputs, "retention_rate", 1),
        given(inputs, "liquidity_floor", 1),
    )
    return {"score": score}


@category("inversion_guard")
def check_inversion(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    return {"reject": matched.is_inverted(inputs["back_odds"], inputs["lay_odds"])}


@category("ladder_betfair")
def check_betfair(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    return ladder_answer(ladders.betfair(), inputs)


@category("ladder_betdaq")
def check_betdaq(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    return ladder_answer(ladders.betdaq(), inputs)


def ladder_answer(ladder: ladders.Ladder, inputs: Inputs) -> Mapping[str, Any]:
    answer: dict[str, Any] = {
        "n_prices": len(ladder),
        "first": ladder.prices[0],
        "last": ladder.prices[-1],
    }
    price = inputs.get("price")
    if price is not None:
        valid = ladder.contains(price)
        answer |= {"round_up": ladder.up(price), "round_down": ladder.down(price), "valid": valid}
        if inputs.get("ticks") is not None:
            answer["price"] = ladder.move(price, int(number(inputs["ticks"]))) if valid else None
    return answer


@category("ladder_prophetx")
def check_american_ladder(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    ladder = ladders.prophetx()
    positive = sum(label > 0 for label in ladder.labels)
    answer: dict[str, Any] = {
        "n_prices": len(ladder),
        "positive": positive,
        "negative": len(ladder) - positive,
        "min_decimal": ladder.prices[0],
        "max_decimal": ladder.prices[-1],
    }
    american = inputs.get("american")
    decimal = exact(inputs["decimal"]) if inputs.get("decimal") is not None else None
    if american is not None:
        decimal = convert(american, "american", "decimal")
        answer["valid"] = exact(american) in ladder.labels
    if decimal is not None:
        answer |= {
            "american_round_up": ladder.up(decimal),
            "american_round_down": ladder.down(decimal),
        }
        answer.setdefault("valid", ladder.contains(decimal))
        if inputs.get("ticks") is not None:
            moved = ladder.move(decimal, int(number(inputs["ticks"]))) if answer["valid"] else None
            answer |= {"american": moved, "price": moved}
    return answer


@category("mm_two_sided_copy")
def check_two_sided(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    made = making.two_sided(*numbers(inputs["offered_odds"]), *numbers(inputs["taker_stakes"]))
    return made._asdict() | {
        "our_risk_on_A_offer": made.risk_a,
        "our_risk_on_B_offer": made.risk_b,
        "pnl_if_A": made.pnl_if_a,
        "pnl_if_B": made.pnl_if_b,
        "theoretical_hold": made.hold,
        "balanced_ratio_stakeA_over_stakeB": made.balanced_ratio,
    }


@category("mm_reservation")
def check_reservation(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    p, pnl = numbers(inputs["fair_p"]), numbers(inputs["pnl_by_outcome"])
    answer: dict[str, Any] = {}
    if inputs.get("gamma") is not None:
        exponential = making.reservation_exponential(p, pnl, number(inputs["gamma"]))
        answer |= {
            "exponential_utility": exponential,
            "fair_odds_exp": [1 / x for x in exponential],
        }
    if inputs.get("bankroll") is not None:
        logarithmic = making.reservation_log(p, pnl, number(inputs["bankroll"]))
        answer |= {"log_utility": logarithmic, "fair_odds_log": [1 / x for x in logarithmic]}
    return answer


@category("as_spread")
def check_spread(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    made = making.stoikov_spread(
        number(inputs["gamma"]), number(inputs["kappa"]), number(inputs["sigma2_T"])
    )
    return {
        "half_spread": made.half_spread,
        "reservation_shift_per_unit_inventory": made.shift_per_unit,
    }


# Minor units of a vector's unit: amounts of the exposure model are whole, and rounded against us.
UNITS = 10**12
# A score of each outcome, by the number of outcomes that exclude each other.
SCORES_OF: dict[int, tuple[tuple[Outcome, Pair], ...]] = {
    2: ((Outcome.HOME, (1, 0)), (Outcome.AWAY, (0, 1))),
    3: ((Outcome.HOME, (1, 0)), (Outcome.DRAW, (0, 0)), (Outcome.AWAY, (0, 1))),
}
KIND_OF = {2: MarketKind.MONEY_LINE, 3: MarketKind.ONE_X_TWO}


def commitment(outcomes: list[str], row: Inputs, *, filled: bool) -> Commitment:
    """Return a bet of a vector on the first market with as many outcomes.

    A bet on all outcomes but one is one on the other side of the one that is left.
    """
    selection = row["selection"] if isinstance(row["selection"], list) else [row["selection"]]
    if unknown := set(selection) - set(outcomes):
        raise ValueError(f"no outcomes of this market: {sorted(unknown)}")
    side, odds = Side(row["side"]), to_decimal(row["odds"], "decimal")
    stake = exact(row["stake"])
    if stake < 0:
        raise ValueError(f"a stake cannot be negative: {row['stake']}")
    if len(set(selection)) > 1:
        (named,) = set(outcomes) - set(selection)
        side = Side.LAY if side is Side.BACK else Side.BACK
        stake, odds = stake * (odds - 1), 1 + 1 / (odds - 1)
    else:
        (named,) = set(selection)
    market = Market(FULL_TIME, KIND_OF[len(outcomes)], None)
    outcome = SCORES_OF[len(outcomes)][outcomes.index(named)][0]
    return Commitment(market, outcome, round(stake * UNITS), str(odds), side=side, filled=filled)


def profits(outcomes: list[str], held: list[Commitment]) -> dict[str, Fraction]:
    """Return what is held wins or loses in each outcome."""
    made = positions(held)
    return {
        name: Fraction(sum(position.at(score) for position in made), UNITS)
        for name, (_, score) in zip(outcomes, SCORES_OF[len(outcomes)], strict=True)
    }


def loss(figures: Mapping[str, Fraction]) -> Fraction:
    return max(Fraction(0), -min(figures.values()))


@category("exposure")
def check_exposure(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    outcomes, commission = inputs["outcomes"], given(inputs, "market_commission", 0)
    matched = [commitment(outcomes, row, filled=True) for row in given(inputs, "matched", [])]
    unmatched = [commitment(outcomes, row, filled=False) for row in given(inputs, "unmatched", [])]
    gross = profits(outcomes, matched)
    orders = profits(outcomes, [*matched, *unmatched])
    taxed = [one._replace(commission=str(commission)) for one in matched]
    return {
        "gross": gross,
        "net": profits(outcomes, taxed),
        "worst_case_loss": loss(gross),
        "worst_case_with_unmatched": loss(orders),
        "with_unmatched": orders,
    }


@category("exposure_score_grid")
def check_grid(inputs: Inputs, expected: Any, tolerance: float) -> Mapping[str, Any]:
    held = [
        Commitment(
            *market_of(kind_of(b), b["side"], b.get("line")),
            round(exact(b["stake"]) * UNITS),
            str(b["odds"]),
            filled=True,
            start=tuple(given(b, "score_at_bet", (0, 0))),
        )
        for b in inputs["bets"]
    ]
    named = [
        tuple(map(int, found.groups()))
        for key in expected
        if (found := re.fullmatch(r"pnl_(\d+)-(\d+)", key))
    ]
    goals = range(max([9, *[one + 1 for score in named for one in score]]))
    made = positions(held)
    pnl = {
        f"pnl_{home}-{away}": Fraction(sum(one.at((home, away)) for one in made), UNITS)
        for home in goals
        for away in goals
    }
    return pnl | {
        "worst_pnl": min(pnl.values()),
        "best_pnl": max(pnl.values()),
        "worst_case_loss": loss(pnl),
    }
