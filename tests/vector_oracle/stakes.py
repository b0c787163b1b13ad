"""Answers about arbitrage, matched betting, exchanges, exposure and analytics, from the definitions
alone; and refusals.
"""

import random
from fractions import Fraction
from itertools import product
from typing import Any

from tests.vector_oracle.chances import D, Vector, devig_answer, digits, result_of, total, vector


def cents(amount: Fraction, unit: Fraction) -> Fraction:
    return (amount / unit + Fraction(1, 2)).__floor__() * unit


def exchanges(rng: random.Random) -> list[Vector]:
    made: list[Vector] = []
    inputs: Any
    wanted: Any
    for _ in range(25):
        legs = rng.choice((2, 3, 4))
        odds = [
            Fraction(rng.randint(int(100 * legs * 0.8), int(100 * legs * 1.3)), 100)
            for _ in range(legs)
        ]
        rates = [rng.choice((Fraction(0), Fraction(2, 100), Fraction(5, 100))) for _ in range(legs)]
        limits = [rng.choice((None, None, Fraction(rng.randint(10, 400)))) for _ in range(legs)]
        total, unit = (
            Fraction(rng.randint(100, 2000)),
            rng.choice((Fraction(1, 100), Fraction(1), Fraction(5))),
        )
        effective = [1 + (o - 1) * (1 - c) for o, c in zip(odds, rates, strict=True)]
        s = sum((1 / e for e in effective), Fraction(0))
        used = min(
            [
                total,
                *(
                    limit * e * s
                    for limit, e in zip(limits, effective, strict=True)
                    if limit is not None
                ),
            ]
        )
        stakes = [used / (e * s) for e in effective]
        rounded = [cents(x, unit) for x in stakes]
        profits = [x * e - sum(rounded) for x, e in zip(rounded, effective, strict=True)]
        inputs = {
            "odds": [str(float(o)) for o in odds],
            "commission": [str(float(c)) for c in rates],
            "total": str(total),
            "limits": [None if limit is None else str(limit) for limit in limits],
            "stake_unit": str(float(unit)),
        }
        wanted = {
            "booksum_effective": float(s),
            "is_arb": s < 1,
            "roi_exact": float(1 / s - 1),
            "total_used": float(used),
            "stakes_exact": [float(x) for x in stakes],
            "stakes_rounded": [float(x) for x in rounded],
            "profit_by_outcome": [float(x) for x in profits],
            "worst_profit": float(min(profits)),
        }
        made.append(vector("arbitrage", inputs, wanted, 1e-8))
        made += matched(rng)
    for back, lay in (
        (Fraction(4), Fraction("3.8")),
        (Fraction("1.01"), Fraction("1.01")),
        (Fraction(1000), Fraction(949)),
        (Fraction("2.2"), Fraction("2.08")),
        (Fraction("2.2"), Fraction("2.09")),
    ):
        inputs = {"back_odds": str(float(back)), "lay_odds": str(float(lay))}
        made.append(
            vector("inversion_guard", inputs, {"reject": lay < Fraction(95, 100) * back}, None)
        )
    for value, loss, minutes, kept, floor in product(
        (25, 10), ("0", "2.5", "-3"), ("0.2", "45", "0"), ("0.8", "1.4"), ("0.5", "2")
    ):
        shares = min(Fraction(kept), Fraction(1)) * min(Fraction(floor), Fraction(1))
        score = (
            Fraction(value)
            / max(Fraction(loss), Fraction(1, 100))
            / max(Fraction(minutes), Fraction(1))
            * shares
            if Fraction(minutes) > 0
            else Fraction(0)
        )
        inputs = {
            "free_bet_value": value,
            "max_loss": loss,
            "minutes_to_kickoff": minutes,
            "retention_rate": kept,
            "liquidity_floor": floor,
        }
        made.append(vector("offer_score", inputs, {"score": float(score)}))
    return made + ladders() + making(rng) + exposures(rng)


def matched(rng: random.Random) -> list[Vector]:
    kind, stake = rng.choice(("qualifying", "snr", "sr")), Fraction(rng.randint(5, 100))
    back, lay, c = (
        Fraction(rng.randint(120, 900), 100),
        Fraction(rng.randint(120, 900), 100),
        rng.choice((Fraction(0), Fraction(2, 100), Fraction(65, 1000))),
    )
    lay_stake = stake * (back - 1 if kind == "snr" else back) / (lay - c)

    def profits(x: Fraction) -> tuple[Fraction, Fraction]:
        own = stake if kind == "qualifying" else Fraction(0)
        return stake * (back if kind == "sr" else back - 1) - x * (lay - 1), x * (1 - c) - own

    even, rounded = profits(lay_stake), profits(cents(lay_stake, Fraction(1, 100)))
    wanted: dict[str, Any] = {
        "lay_stake": lay_stake, "liability": lay_stake * (lay - 1), "profit_if_back_wins": even[0],
        "profit_if_lay_wins": even[1], "lay_stake_rounded": cents(lay_stake, Fraction(1, 100)),
        "profit_if_back_wins_rounded": rounded[0], "profit_if_lay_wins_rounded": rounded[1],
    }  # fmt: skip
    if kind == "qualifying":
        wanted |= {
            "rating": (stake + even[0]) / stake,
            "lay_stake_breakeven_if_lay_wins": stake / (1 - c),
        }
        wanted["lay_stake_breakeven_if_back_wins"] = stake * (back - 1) / (lay - 1)
    else:
        wanted["retention"] = even[0] / stake
    shown: dict[str, Any] = {key: float(x) for key, x in wanted.items()}
    if kind == "qualifying":
        shown["is_arb"] = back * (1 - c) > lay - c
    inputs = {
        "type": kind,
        "stake": str(stake),
        "back_odds": str(back),
        "lay_odds": str(lay),
        "commission": str(c),
    }
    laid = Fraction(rng.randint(1, 100))
    both = profits(laid)
    under = {"profit_if_back_wins": float(both[0]), "profit_if_lay_wins": float(both[1])}
    return [
        vector("matched_betting", inputs, shown, 1e-8),
        vector("underlay_overlay", inputs | {"lay_stake": str(laid)}, under),
    ]


BETFAIR = (
    (2, "0.01"),
    (3, "0.02"),
    (4, "0.05"),
    (6, "0.1"),
    (10, "0.2"),
    (20, "0.5"),
    (30, "1"),
    (50, "2"),
    (100, "5"),
    (1000, "10"),
)
BETDAQ = (
    (3, "0.01"),
    (4, "0.05"),
    (6, "0.1"),
    (10, "0.2"),
    (20, "0.5"),
    (50, "1"),
    (200, "2"),
    (1000, "5"),
)


def ladders() -> list[Vector]:
    made = []
    for category, bands in (("ladder_betfair", BETFAIR), ("ladder_betdaq", BETDAQ)):
        prices: list[Fraction] = []
        price = Fraction(1)
        for end, step in bands:
            while price < end:
                price += Fraction(step)
                prices.append(price)
        made.append(
            vector(category, {}, {"n_prices": len(prices), "first": 1.01, "last": 1000}, None)
        )
        for text in (
            "1.001",
            "1.01",
            "1.996",
            "2",
            "2.99",
            "3.99",
            "5.95",
            "9.9",
            "19.9",
            "47",
            "99",
            "101",
            "995",
            "1000",
            "1001",
        ):
            price = Fraction(text)
            up, down = [p for p in prices if p >= price], [p for p in prices if p <= price]
            wanted = {
                "round_up": float(up[0]) if up else None,
                "round_down": float(down[-1]) if down else None,
            }
            made.append(vector(category, {"price": text}, wanted | {"valid": price in prices}))
            for ticks in (-400, -3, 1, 7, 400):
                at = prices.index(price) + ticks if price in prices else -1
                moved = float(prices[at]) if 0 <= at < len(prices) else None
                made.append(vector(category, {"price": text, "ticks": ticks}, {"price": moved}))
    return made


def making(rng: random.Random) -> list[Vector]:
    made: list[Vector] = []
    inputs: Any
    wanted: Any
    for _ in range(12):
        a, b, x, y = (
            D(rng.randint(105, 600)) / 100,
            D(rng.randint(105, 600)) / 100,
            D(rng.randint(0, 300)),
            D(rng.randint(0, 300)),
        )
        if_a, if_b = y - x * (a - 1), x - y * (b - 1)
        wanted = {
            "our_risk_on_A_offer": x * (a - 1),
            "our_risk_on_B_offer": y * (b - 1),
            "pnl_if_A": if_a,
            "pnl_if_B": if_b,
            "worst": min(if_a, if_b),
            "theoretical_hold": 1 - 1 / (1 / a + 1 / b),
            "balanced_ratio_stakeA_over_stakeB": b / a,
        }
        inputs = {"offered_odds": [str(a), str(b)], "taker_stakes": [str(x), str(y)]}
        made.append(
            vector("mm_two_sided_copy", inputs, {key: digits(v) for key, v in wanted.items()}, 1e-8)
        )
        legs = rng.choice((2, 3, 5))
        weights = [rng.randint(1, 9) for _ in range(legs)]
        p, w = (
            [D(x) / sum(weights) for x in weights],
            [D(rng.randint(-900, 900)) for _ in range(legs)],
        )
        gamma, bankroll = D(rng.randint(1, 40)) / 10_000, D(rng.randint(1000, 9000))
        exponential = [x * (-gamma * v).exp() for x, v in zip(p, w, strict=True)]
        logarithmic = [x / (bankroll + v) for x, v in zip(p, w, strict=True)]
        inputs = {
            "fair_p": [str(x) for x in p],
            "pnl_by_outcome": [str(v) for v in w],
            "gamma": str(gamma),
        }
        skewed = {
            "exponential_utility": [float(x / sum(exponential)) for x in exponential],
            "log_utility": [float(x / sum(logarithmic)) for x in logarithmic],
        }
        made.append(vector("mm_reservation", inputs | {"bankroll": str(bankroll)}, skewed))
        g, kappa, left = (
            D(rng.randint(1, 90)) / 100,
            D(rng.randint(1, 50)) / 10,
            D(rng.randint(0, 100)) / 100,
        )
        half = (1 + g / kappa).ln() / g + g * left / 2
        inputs = {"gamma": str(g), "kappa": str(kappa), "sigma2_T": str(left)}
        made.append(
            vector(
                "as_spread",
                inputs,
                {
                    "half_spread": digits(half),
                    "reservation_shift_per_unit_inventory": digits(g * left),
                },
            )
        )
    return made


def exposures(rng: random.Random) -> list[Vector]:
    made: list[Vector] = []
    inputs: Any
    wanted: Any
    names = ("H", "D", "A")
    for _ in range(15):
        rows = [
            {
                "side": rng.choice(("back", "lay")),
                "selection": rng.sample(names, rng.choice((1, 1, 2))),
                "odds": str(rng.randint(105, 800) / 100),
                "stake": str(rng.randint(1, 90)),
            }
            for _ in range(rng.randint(0, 6))
        ]
        cut, rate = rng.randint(0, len(rows)), Fraction(rng.choice((0, 2, 5)), 100)

        def paid(row: Any, outcome: str) -> Fraction:
            won = (
                Fraction(row["stake"]) * (Fraction(row["odds"]) - 1)
                if outcome in row["selection"]
                else -Fraction(row["stake"])
            )
            return won if row["side"] == "back" else -won

        gross = {o: sum((paid(row, o) for row in rows[:cut]), Fraction(0)) for o in names}
        hurt = {
            o: gross[o] + sum((min(paid(row, o), Fraction(0)) for row in rows[cut:]), Fraction(0))
            for o in names
        }
        wanted = {
            "gross": {o: float(x) for o, x in gross.items()},
            "net": {o: float(x * (1 - rate) if x > 0 else x) for o, x in gross.items()},
            "worst_case_loss": float(max(Fraction(0), -min(gross.values()))),
            "worst_case_with_unmatched": float(max(Fraction(0), -min(hurt.values()))),
        }
        inputs = {
            "outcomes": list(names),
            "matched": rows[:cut],
            "unmatched": rows[cut:],
            "market_commission": str(float(rate)),
        }
        made.append(vector("exposure", inputs, wanted, 1e-8))
        bets: list[Any] = [
            {
                "market": kind,
                "side": side,
                "line": str(q / 4),
                "odds": str(rng.randint(120, 400) / 100),
                "stake": rng.randint(1, 99),
            }
            for kind, side, q in (
                ("ah", "home", rng.randint(-9, 9)),
                ("ah", "away", rng.randint(-9, 9)),
                ("ou", "under", 9),
            )
        ]
        pnl = {}
        for home, away in product(range(9), repeat=2):
            units = [
                result_of(b["market"], b["side"], Fraction(b["line"]), home, away) for b in bets
            ]
            pnl[home, away] = sum(
                (
                    b["stake"] * u * (Fraction(b["odds"]) - 1 if u > 0 else 1)
                    for b, u in zip(bets, units, strict=True)
                ),
                Fraction(0),
            )
        scores = {f"pnl_{h}-{a}": float(pnl[h, a]) for h, a in ((0, 0), (3, 1), (0, 2), (8, 8))}
        extremes = {"worst_pnl": float(min(pnl.values())), "best_pnl": float(max(pnl.values()))}
        made.append(vector("exposure_score_grid", {"bets": bets}, scores | extremes, 1e-8))
    return made


def analytics(rng: random.Random) -> list[Vector]:
    made: list[Vector] = []
    inputs: Any
    wanted: Any
    for _ in range(12):
        legs, books = rng.choice((2, 3, 4)), rng.choice((1, 2, 5))
        rows = []
        for _ in range(books):
            weights = [rng.randint(20, 60) for _ in range(legs)]
            rows.append([D(x) / sum(weights) for x in weights])
        base, ages = (
            [D(rng.randint(1, 9)) / 10 for _ in rows],
            [D(rng.randint(0, 200)) for _ in rows],
        )
        w = [b * D(2) ** (-age / 60) for b, age in zip(base, ages, strict=True)]
        share = [x / sum(w) for x in w]
        raw = [
            sum((s * row[i].ln() for s, row in zip(share, rows, strict=True)), D(0)).exp()
            for i in range(legs)
        ]
        linear = [
            sum((s * row[i] for s, row in zip(share, rows, strict=True)), D(0)) for i in range(legs)
        ]
        inputs = {
            "fair_p": [[str(x) for x in row] for row in rows],
            "base_weight": [str(x) for x in base],
            "age_s": [str(x) for x in ages],
            "half_life_s": "60",
        }
        wanted = {
            "weights": [digits(x) for x in share],
            "log_pool": [float(x / sum(raw)) for x in raw],
            "linear_pool": [digits(x) for x in linear],
        }
        made.append(vector("log_pool", inputs, wanted))
        odds = [1.9, 2.04] if legs == 2 else [2.2, 3.4, 3.6][:legs] + [19.0] * (legs - 3)
        fair, taken, index = (
            devig_answer(odds, jsd=False),
            D(rng.randint(150, 500)) / 100,
            rng.randrange(legs),
        )
        clv = {
            f"no_vig_{name}": float(taken) * fair[name]["p"][index] - 1
            for name in ("power", "multiplicative", "shin")
        }
        clv["raw"] = float(taken / D(repr(odds[index])) - 1)
        made.append(
            vector(
                "clv", {"bet_odds": str(taken), "closing_odds": odds, "selection_index": index}, clv
            )
        )
    for n in (2, 7, 60):
        returns = [D(rng.randint(-100, 150)) / 100 for _ in range(n)]
        mean = total(returns) / n
        sd = (sum(((x - mean) ** 2 for x in returns), D(0)) / (n - 1)).sqrt()
        level = peak = deepest = D(0)
        for x in returns:
            level += x
            peak, deepest = max(peak, level), max(deepest, max(peak, level) - level)
        wanted = {
            "n": n,
            "profit": total(returns),
            "yield": mean,
            "sd": sd,
            "t": mean / sd * D(n).sqrt(),
            "max_drawdown_units": deepest,
        }
        inputs = {"unit_returns": [str(x) for x in returns], "stakes": "1 each"}
        made.append(
            vector("yield_tstat", inputs, {key: float(x) for key, x in wanted.items()}, 1e-8)
        )
    for n, y, average in ((100, "-0.05", "1.5"), (25_000, "0.01", "9")):
        sigma = ((1 + D(y)) * (D(average) - 1 - D(y))).sqrt()
        wanted = {
            "sigma_per_bet": sigma,
            "t": D(y) * D(n).sqrt() / sigma,
            "bets_for_t2": (2 * sigma / D(y)) ** 2,
        }
        inputs = {"n": n, "yield": y, "avg_odds": average}
        made.append(
            vector(
                "yield_tstat_closed_form",
                inputs,
                {key: digits(x) for key, x in wanted.items()},
                1e-7,
            )
        )
    return made + [scored(rng, legs) for legs in (2, 3, 5)]


def scored(rng: random.Random, legs: int) -> Vector:
    rows = []
    for _ in range(20):
        weights = [rng.randint(1, 30) for _ in range(legs)]
        rows.append([D(x) / sum(weights) for x in weights])
    happened = [rng.randrange(legs) for _ in rows]
    brier = log_loss = rps = D(0)
    for p, outcome in zip(rows, happened, strict=True):
        brier += sum(((x - (i == outcome)) ** 2 for i, x in enumerate(p)), D(0))
        log_loss -= p[outcome].ln()
        rps += sum(
            ((sum(p[: i + 1], D(0)) - (outcome <= i)) ** 2 for i in range(legs - 1)), D(0)
        ) / (legs - 1)
    wanted = {"brier_multiclass": brier / 20, "log_loss": log_loss / 20, "rps": rps / 20}
    inputs = {"p": [[str(x) for x in row] for row in rows], "outcome_index": happened}
    return vector("scoring_rules", inputs, {key: digits(x) for key, x in wanted.items()})


def refusals() -> list[Vector]:
    def refused(category: str, inputs: Any, error: str) -> Vector:
        return vector(category, inputs, {"error": error}, None)

    made = [
        refused("devig_error", {"odds": odds}, "IncompleteMarket")
        for odds in ([], [2.1], [None, 2.0], [2.0, None, 3.1], 2.0)
    ]
    made += [refused("devig", {"odds": [2.1, 3.2], "market": "1x2"}, "IncompleteMarket")]
    made += [refused("devig_error", {"odds": [2.1, 3.2], "legs": 3}, "IncompleteMarket")]
    prices: tuple[Any, ...] = (
        1,
        "1.0",
        0,
        -2.5,
        "NaN",
        "Infinity",
        "-Infinity",
        float("nan"),
        float("inf"),
        "abc",
        "",
        True,
        {},
        [1.9],
    )
    for price in prices:
        made.append(refused("devig_error", {"odds": [2.1, price, 4.4]}, "InvalidOdds"))
        made.append(refused("odds_invalid", {"format": "decimal", "value": price}, "InvalidOdds"))
        made.append(refused("kelly_binary", {"p": "0.5", "odds": price}, "InvalidOdds"))
        made.append(
            refused(
                "clv",
                {"bet_odds": "2", "closing_odds": [2.1, price], "selection_index": 0},
                "InvalidOdds",
            )
        )
        made.append(refused("arbitrage", {"odds": ["2.1", price], "total": 100}, "InvalidOdds"))
    outside = {
        "malay": (0, "1.05", "-1.05"),
        "indonesian": ("0.9", 0, "-0.99"),
        "american": (50, "-99.9", 0),
        "hongkong": (0, "-0.5"),
        "fractional": ("0/5", "-1/2", "1/0"),
        "implied": (0, 1, "1.2"),
        "decimal": ("0.99", None, "1e9999999"),
        "roman": (2,),
    }
    made += [
        refused("odds_invalid", {"format": f, "value": v}, "InvalidOdds")
        for f, values in outside.items()
        for v in values
    ]
    made += [
        refused("devig_error", {"odds": odds, "method": m}, "NoSolution")
        for m, odds in (
            ("additive", [1.05, 8, 100]),
            ("balanced_book", [1.149, 5, 10, 20, 50, 100]),
            ("goto", [1.149, 5, 10, 20, 50, 100]),
            ("jsd", [1.149, 5, 10, 20, 50, 100]),
        )
    ]
    made += [
        refused("log_pool", {"fair_p": [["0.5", "0.5"], ["0.4", None]]}, "IncompleteMarket"),
        refused(
            "log_pool", {"fair_p": [["0.5", "0.5"], ["0.4", "0.3", "0.3"]]}, "IncompleteMarket"
        ),
        refused("log_pool", {"fair_p": [["0", "1"]]}, "InvalidOdds"),
        refused(
            "clv",
            {"bet_odds": "2", "closing_odds": [2.1, None], "selection_index": 0},
            "IncompleteMarket",
        ),
        refused(
            "clv",
            {"bet_odds": "2", "closing_odds": [1.9, 1.9], "selection_index": 2},
            "IncompleteMarket",
        ),
        refused("arbitrage", {"odds": ["2.1", None], "total": 100}, "IncompleteMarket"),
        refused("arbitrage", {"odds": ["2.1"], "total": 100}, "IncompleteMarket"),
        refused(
            "kelly_mutually_exclusive", {"p": ["0.5", "0.5"], "odds": ["2.1"]}, "IncompleteMarket"
        ),
        refused("ah_from_1x2", {"p": ["0.5", "0.5"]}, "IncompleteMarket"),
        refused("ah_from_1x2", {"p": ["0.5", "0.6", "0.2"]}, "InvalidOdds"),
        refused("kelly_binary", {"p": "1.2", "odds": 2}, "InvalidOdds"),
        refused("kelly_binary", {"p": "NaN", "odds": 2}, "InvalidOdds"),
        refused(
            "kelly_push_aware",
            {"dist": {"win": "0.9", "half_loss": "0.1"}, "odds": 2},
            "NoSolution",
        ),
        refused("goal_model", {"lambda_home": "-1", "lambda_away": "1"}, "InvalidOdds"),
        refused("goal_model", {"lambda_home": "2", "lambda_away": "1", "rho": "0.9"}, "NoSolution"),
        refused("goal_inverse_home_away", {"p_home": "0.6", "p_away": "0.4"}, "InvalidOdds"),
        refused("goal_inverse_total", {"p_over": "1"}, "InvalidOdds"),
        refused(
            "mm_reservation",
            {"fair_p": ["0.5", "0.5"], "pnl_by_outcome": [-50, 0], "bankroll": 50},
            "InvalidOdds",
        ),
        refused(
            "mm_reservation",
            {"fair_p": ["0.5", "0.5"], "pnl_by_outcome": [-1e6, 0], "gamma": 1},
            "NoSolution",
        ),
        refused("scoring_rules", {"p": [["0.5", "0.5"]], "outcome_index": [2]}, "IncompleteMarket"),
        refused("yield_tstat", {"unit_returns": ["1", "NaN"]}, "InvalidOdds"),
    ]
    return made
