"""Answers about prices, settlement, goals and Kelly, from the definitions alone."""

import random
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import partial
from itertools import combinations, product
from math import comb, factorial, log
from typing import Any

Vector = dict[str, Any]
D = Decimal
ONE = D(1)


def vector(category: str, inputs: Any, expected: Any, tolerance: float | None = 1e-9) -> Vector:
    return {
        "name": str(inputs)[:60],
        "category": category,
        "inputs": inputs,
        "expected": expected,
        "tolerance": tolerance,
    }


def root(f: Callable[[D], D], low: D, high: D, steps: int = 130) -> D:
    """Where ``f`` changes sign, by halving."""
    rising = f(high) > 0
    for _ in range(steps):
        middle = (low + high) / 2
        low, high = (low, middle) if (f(middle) > 0) is rising else (middle, high)
    return (low + high) / 2


def total(values: Iterable[D]) -> D:
    return sum(values, D(0))


def digits(value: D) -> float:
    return float(value)


def devig(rng: random.Random) -> list[Vector]:
    made = []
    for legs, booksum in product((2, 3, 4, 7), ("0.9", "0.985", "1.02", "1.09", "1.35")):
        shares = [rng.gammavariate(1.2, 1) + 0.02 for _ in range(legs)]
        odds = [max(round(sum(shares) / s / float(booksum), 3), 1.004) for s in shares]
        made.append(vector("devig", {"odds": odds}, devig_answer(odds, jsd=False)))
    made += [
        vector("devig", {"odds": odds}, devig_answer(odds, jsd=True))
        for odds in ([1.3, 3.4], [1.9, 3.5, 4.1], [2.3, 2.2])
    ]
    extreme = [
        [1.001, 200.0, 900.0],
        [1.01, 25, 1000],
        [34.0, 1.02],
        [3.2, 68070.3, 32.3],
        [1.5] * 2,
        [40.0] * 39,
    ]
    return made + [
        vector("devig", {"odds": odds}, devig_answer(odds, jsd=False)) for odds in extreme
    ]


def devig_answer(odds: Sequence[float], *, jsd: bool) -> dict[str, Any]:
    r = [ONE / D(repr(float(o))) for o in odds]
    n, b = len(r), total(r)
    z_balanced = (b - 1) / (n - 1)
    s = [(1 - x).sqrt() for x in r]
    step = (b - 1) / total(s)
    k = root(lambda k: total(x**k for x in r) - 1, D("1e-6"), D(400))
    log_c = root(lambda t: total(x / (t.exp() * (1 - x) + x) for x in r) - 1, D(-60), D(60))
    c = log_c.exp()
    p_shin, z = shin_answer(r)
    answer = {
        "booksum": digits(b),
        "margin": digits(b - 1),
        "hold": digits(1 - 1 / b),
        "multiplicative": told([x / b for x in r]),
        "additive": told([x - (b - 1) / n for x in r]),
        "power": told([x**k for x in r], k=k),
        "odds_ratio": told([x / (c + x - c * x) for x in r], c=c),
        "shin": told(p_shin, z=z),
        "balanced_book": told([(x - z_balanced) / (1 - z_balanced) for x in r], z=z_balanced),
        "goto": told([x - step * y for x, y in zip(r, s, strict=True)], step=step),
    }
    return answer | ({"jsd": jsd_answer(r)} if jsd else {})


def told(p: Sequence[D], **parameter: D) -> dict[str, Any]:
    made: dict[str, Any] = {
        "p": [digits(x) for x in p],
        **{name: digits(value) for name, value in parameter.items()},
    }
    return made if min(p) > D("1e-13") else made | {"invalid": "not positive: refuse"}


def shin_answer(r: Sequence[D]) -> tuple[list[D], D]:
    n, b = len(r), total(r)
    if n == 2:
        square = (r[0] - r[1]) ** 2
        return [x - (b - 1) / 2 for x in r], (b - 1) * (square - b) / (b * (square - 1))

    def p(z: D) -> list[D]:
        return [((z * z + 4 * (1 - z) * x * x / b).sqrt() - z) / (2 * (1 - z)) for x in r]

    low, high = (D(0), 1 - D("1e-12")) if b > 1 else (D(-50), D(0))
    z = root(lambda z: total(p(z)) - 1, low, high)
    return p(z), z


def jsd_answer(r: Sequence[D]) -> dict[str, Any]:
    down = total(r) > 1

    def square(p: D, q: D) -> D:
        found = D(0)
        for x, y in ((p, q), (1 - p, 1 - q)):
            found += x * (2 * x / (x + y)).ln() + y * (2 * y / (x + y)).ln()
        return found / 2

    def moved(x: D, d: D) -> D:
        return root(
            lambda p: square(p, x) - d * d,
            D("1e-9") if down else x,
            x if down else 1 - D("1e-9"),
            44,
        )

    with localcontext() as context:
        context.prec = 24
        d = root(lambda d: total(moved(x, d) for x in r) - 1, D("1e-9"), D("0.2"), 44)
        return told([moved(x, d) for x in r], D=d)


def formats(rng: random.Random) -> list[Vector]:
    made = []
    for _ in range(40):
        net = Fraction(rng.randint(1, 4000), rng.choice((100, 20, 37)))
        signed = net if net >= 1 else -1 / net
        wanted = {
            "decimal": net + 1,
            "hongkong": net,
            "fractional": net,
            "implied": 1 / (net + 1),
            "indonesian": signed,
            "malay": net if net <= 1 else -1 / net,
            "american": 100 * signed,
        }
        exactly = {
            name: {"exact": str(value), "value": float(value)} for name, value in wanted.items()
        }
        made.append(vector("odds_from_decimal", {"decimal": str(net + 1)}, exactly))
        made += [
            vector(
                "odds_to_decimal",
                {"format": name, "value": str(value)},
                {"decimal": exactly["decimal"]},
            )
            for name, value in wanted.items()
        ]
        for name, unit in (("malay", 1), ("indonesian", 1), ("american", 100)):
            quoted = wanted[name]
            risk, won = (
                (100 * abs(quoted) / unit, Fraction(100))
                if quoted < 0
                else (Fraction(100), 100 * net)
            )
            inputs = {
                "format": name,
                "value": str(quoted),
                "nominal_stake": 100,
                "convention": "to-win when negative",
            }
            made.append(
                vector("stake_semantics", inputs, {"risk": float(risk), "to_win": float(won)})
            )
        mirrored = {"we_back_opposite_at_decimal": float(1 + 1 / net)}
        made.append(vector("opposing_price", {"offer_to_others_decimal": str(net + 1)}, mirrored))
    return made


def unit_result(distance: Fraction, line_is_quarter: bool) -> Fraction:
    """Mean sign of the legs of a bet that ends ``distance`` from its line."""
    legs = [distance - Fraction(1, 4), distance + Fraction(1, 4)] if line_is_quarter else [distance]
    return sum((Fraction((leg > 0) - (leg < 0)) for leg in legs), Fraction(0)) / len(legs)


NAMES = {
    Fraction(1): "win",
    Fraction(1, 2): "half_win",
    Fraction(0): "push",
    Fraction(-1, 2): "half_loss",
    Fraction(-1): "loss",
}


def result_of(kind: str, side: str, line: Fraction, home: int, away: int) -> Fraction:
    quarter = line.denominator == 4
    if kind == "ou":
        return unit_result(home + away - line, quarter) * (1 if side == "over" else -1)
    own = home - away if side == "home" else away - home
    return unit_result(own + line, quarter)


def settlements(rng: random.Random) -> list[Vector]:
    made = []
    for _ in range(150):
        line, home, away = Fraction(rng.randint(-22, 22), 4), rng.randint(0, 7), rng.randint(0, 7)
        odds, stake = Fraction(rng.randint(101, 900), 100), rng.choice((1, 7.5, 100))
        kind, side = rng.choice((("ah", "home"), ("ah", "away"), ("ou", "over"), ("ou", "under")))
        line = abs(line) if kind == "ou" else line
        start = (
            (rng.randint(0, home), rng.randint(0, away))
            if kind == "ah" and rng.random() < 0.4
            else (0, 0)
        )
        u = result_of(kind, side, line, home - start[0], away - start[1])
        profit = Fraction(stake) * u * (odds - 1 if u > 0 else 1)
        inputs: dict[str, Any] = {
            "side": side,
            "line": str(float(line)),
            "odds": str(float(odds)),
            "stake": stake,
        }
        category = "ou_settlement" if kind == "ou" else "ah_settlement"
        if start != (0, 0):
            category, inputs = (
                "ah_settlement_inplay",
                inputs | {"score_at_bet": list(start), "final": [home, away]},
            )
        elif kind == "ou":
            inputs["total"] = home + away
        else:
            inputs |= {"home_goals": home, "away_goals": str(away)}
        wanted = {
            "result": NAMES[u],
            "unit": float(u),
            "profit": float(profit),
            "return": float(stake + profit),
        }
        made.append(vector(category, inputs, wanted))
    abandoned = {
        "side": "home",
        "line": "-0.25",
        "home_goals": None,
        "away_goals": None,
        "odds": "2",
        "stake": 100,
    }
    return [
        *made,
        vector(
            "ah_settlement", abandoned, {"result": "void", "unit": 0, "profit": 0, "return": 100}
        ),
    ]


def grid(home: D, away: D, rho: D, size: int = 34) -> dict[tuple[int, int], D]:
    rows = [
        [(-mean).exp() * (mean**n if n else ONE) / factorial(n) for n in range(size)]
        for mean in (home, away)
    ]
    p = {(h, a): rows[0][h] * rows[1][a] for h in range(size) for a in range(size)}
    corrections = (
        (0, 0, 1 - home * away * rho),
        (0, 1, 1 + home * rho),
        (1, 0, 1 + away * rho),
        (1, 1, 1 - rho),
    )
    for h, a, factor in corrections:
        p[h, a] *= factor
    whole = total(p.values())
    return {score: x / whole for score, x in p.items()}


def masses(p: dict[tuple[int, int], D], kind: str, side: str, line: Fraction) -> dict[str, D]:
    made = dict.fromkeys(NAMES.values(), D(0))
    for (home, away), chance in p.items():
        made[NAMES[result_of(kind, side, line, home, away)]] += chance
    return made


def value_of(dist: dict[str, D]) -> tuple[D, D]:
    return dist["win"] + dist["half_win"] / 2, dist["loss"] + dist["half_loss"] / 2


def goal_models(rng: random.Random) -> list[Vector]:
    made = []
    for means in (
        ("0.35", "2.9", "0"),
        ("2.4", "0.7", "-0.11"),
        ("1.1", "1.1", "0.06"),
        ("3.6", "3.1", "0"),
    ):
        home, away, rho = map(D, means)
        inputs = {"lambda_home": means[0], "lambda_away": means[1], "rho": means[2]}
        p = grid(home, away, rho)
        three = [
            sum((x for (h, a), x in p.items() if sign * (h - a) > 0), D(0)) for sign in (1, -1)
        ]
        wanted: dict[str, Any] = {
            "home_draw_away": [digits(x) for x in (three[0], 1 - three[0] - three[1], three[1])]
        }
        for _ in range(12):
            kind, side = rng.choice(
                (("ah", "home"), ("ah", "away"), ("ou", "over"), ("ou", "under"))
            )
            line = Fraction(rng.randint(2, 22) if kind == "ou" else rng.randint(-7, 7), 4)
            dist = masses(p, kind, side, line)
            win, loss = value_of(dist)
            if win < D("1e-6"):
                continue
            fair = 1 + loss / win
            name = f"{side}_{'ah_' if kind == 'ah' else ''}{float(line):g}"
            shown = {key: digits(x) for key, x in dist.items() if x}
            wanted[name] = {"dist": shown, "fair_odds": digits(fair)}
            odds = D(round(float(fair) * rng.uniform(0.9, 1.15) + 0.02, 2)).quantize(D("0.01"))
            odds = max(odds, D("1.02"))
            returns = {
                "win": odds - 1,
                "half_win": (odds - 1) / 2,
                "push": D(0),
                "half_loss": D("-0.5"),
                "loss": D(-1),
            }
            ev = win * (odds - 1) - loss
            spread = sum((q * (returns[key] - ev) ** 2 for key, q in dist.items()), D(0))
            bet = inputs | {
                "market": kind,
                "side": side,
                "line": str(float(line)),
                "odds": str(odds),
            }
            numbers = {
                "ev": ev,
                "variance": spread,
                "win_mass": win,
                "loss_mass": loss,
                "effective_p": win / (win + loss),
            }
            made.append(
                vector("ev_push_aware", bet, {key: digits(x) for key, x in numbers.items()}, 1e-8)
            )
        made.append(vector("goal_model", inputs, wanted))
    return made + inversions(rng)


def inversions(rng: random.Random) -> list[Vector]:
    made: list[Vector] = []
    inputs: Any
    wanted: Any
    for _ in range(6):
        home, away = (D(round(rng.uniform(0.25, 3.4), 3)).quantize(D("0.001")) for _ in range(2))
        p = grid(home, away, D(0))
        wins = [sum((x for (h, a), x in p.items() if sign * (h - a) > 0), D(0)) for sign in (1, -1)]
        fair = (
            1
            + value_of(masses(p, "ah", "away", Fraction(3, 4)))[1]
            / value_of(masses(p, "ah", "away", Fraction(3, 4)))[0]
        )
        inputs = {"p_home": str(wins[0]), "p_away": str(wins[1])}
        wanted = {
            "lambda_home": digits(home),
            "lambda_away": digits(away),
            "away_ah_0.75_fair": digits(fair),
        }
        made.append(vector("goal_inverse_home_away", inputs, wanted, 1e-7))
        line = Fraction(rng.randint(5, 17), 4)
        win, loss = value_of(masses(p, "ou", "over", line))
        inputs = {"p_over": str(win / (win + loss)), "line": str(float(line))}
        made.append(vector("goal_inverse_total", inputs, {"mu_total": digits(home + away)}, 1e-7))
        h, d, a = wins[0], 1 - wins[0] - wins[1], wins[1]
        lines = {
            "-0.5": 1 / h,
            "-0.25": 1 + (a + d / 2) / h,
            "0": 1 + a / h,
            "+0.25": 1 + a / (h + d / 2),
            "+0.5": 1 / (h + d),
        }
        wanted = {f"home_{name}": digits(x) for name, x in lines.items()} | {
            "away_+0.25": digits(1 + h / (a + d / 2))
        }
        made.append(vector("ah_from_1x2", {"p": [str(h), str(d), str(a)]}, wanted))
    return made


def growth_root(outcomes: Sequence[tuple[D, D]]) -> D:
    def slope(f: D) -> D:
        return sum((q * r / (1 + f * r) for q, r in outcomes if q), D(0))

    return D(0) if slope(D(0)) <= 0 else root(slope, D(0), 1 - D("1e-30"))


def kellies(rng: random.Random) -> list[Vector]:
    made: list[Vector] = []
    inputs: Any
    wanted: Any
    for p, odds, commission in product(
        ("0.02", "0.37", "0.6", "0.97"), ("1.03", "1.8", "2.75", "61"), ("0", "0.05")
    ):
        net = (D(odds) - 1) * (1 - D(commission))
        ev = D(p) * net - (1 - D(p))
        full = max(ev / net, D(0))
        growth = D(p) * (1 + full * net).ln() + (1 - D(p)) * (1 - full).ln()
        wanted = {
            "full": full,
            "half": full / 2,
            "quarter": full / 4,
            "ev": ev,
            "growth_full": growth,
        }
        inputs = {"p": p, "odds": odds, "commission": commission}
        made.append(vector("kelly_binary", inputs, {key: digits(x) for key, x in wanted.items()}))
    for _ in range(25):
        cuts = sorted(rng.randint(0, 100) for _ in range(4))
        parts = [D(b - a) / 100 for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]
        if not parts[4]:
            continue
        price = D(rng.randint(105, 700)) / 100
        returns = [price - 1, (price - 1) / 2, D(0), D("-0.5"), D(-1)]
        full = growth_root(list(zip(parts, returns, strict=True)))
        dist = {name: str(q) for name, q in zip(NAMES.values(), parts, strict=True) if q}
        ev = sum((q * r for q, r in zip(parts, returns, strict=True)), D(0))
        made.append(
            vector(
                "kelly_push_aware",
                {"dist": dist, "odds": str(price)},
                {"full": digits(full), "ev": digits(ev)},
            )
        )
    halves = {"dist": {"half_win": "0.6", "half_loss": "0.4"}, "odds": "2.1"}
    made.append(
        vector(
            "kelly_push_aware",
            halves,
            {"full": digits(growth_root([(D("0.6"), D("0.55")), (D("0.4"), D("-0.5"))]))},
        )
    )
    for p, odds, bets in (("0.55", "2", 2), ("0.61", "2", 2), ("0.4", "2.9", 3), ("0.3", "2", 2)):
        net = D(odds) - 1
        each = [
            (comb(bets, w) * D(p) ** w * (1 - D(p)) ** (bets - w), w * net - (bets - w))
            for w in range(bets + 1)
        ]
        full = growth_root([(q, r / bets) for q, r in each]) / bets
        inputs = {"p": p, "odds": odds, "n_bets": bets}
        made.append(
            vector("kelly_two_independent_even_money", inputs, {"fraction_each": digits(full)})
        )
    for c, floor in product(("0.1", "0.5", "1", "1.7", "2", "3"), ("0.9", "0.5", "0.2")):
        e = 2 / D(c) - 1
        below = D(floor) ** e if e > 0 else ONE
        double = (1 - D(2) ** -e) / (1 - D(4) ** -e) if e else D("0.5")
        wanted = {
            "p_ever_below": below,
            "p_double_before_half": double,
            "growth_relative_to_full": D(c) * (2 - D(c)),
        }
        inputs = {"kelly_fraction": c, "floor_fraction_of_start": floor}
        made.append(
            vector(
                "kelly_drawdown_continuous", inputs, {key: digits(x) for key, x in wanted.items()}
            )
        )
    return made + [exclusive(rng, legs) for legs in (2, 3, 3, 4, 5, 5)] + joint()


def exclusive(rng: random.Random, legs: int) -> Vector:
    """Return the best of all sets of outcomes, each staked as its reserve rate asks."""
    weights = [rng.randint(5, 60) for _ in range(legs)]
    p = [(D(w) / sum(weights)).quantize(D("0.0001")) for w in weights]
    p[0] += 1 - sum(p)
    odds = [max((D(rng.uniform(0.82, 1.12)) / x).quantize(D("0.01")), D("1.02")) for x in p]
    best = (D(0), [D(0)] * legs, ONE)
    for size in range(1, legs + 1):
        for chosen in combinations(range(legs), size):
            left = 1 - sum((1 / odds[i] for i in chosen), D(0))
            if left <= 0:
                continue
            reserve = (1 - sum((p[i] for i in chosen), D(0))) / left
            f = [p[i] - reserve / odds[i] if i in chosen else D(0) for i in range(legs)]
            if min(f) < 0:
                continue
            staked = total(f)
            growth = sum((p[i] * (1 + f[i] * odds[i] - staked).ln() for i in range(legs)), D(0))
            best = max(best, (growth, f, reserve))
    wanted = {
        "fractions": [digits(x) for x in best[1]],
        "reserve_rate": digits(best[2]),
        "growth": digits(best[0]),
    }
    return vector(
        "kelly_mutually_exclusive",
        {"p": [str(x) for x in p], "odds": [str(x) for x in odds]},
        wanted,
    )


def joint() -> list[Vector]:
    """Two bets on one match, by golden sections inside golden sections; a twin of the first leaves
    the split open.
    """
    made: list[Vector] = []
    inputs: Any
    wanted: Any
    for means, first, second, cap in (
        (("1.6", "1.1"), ("ah", "home", "-0.25", 2.05), ("ou", "over", "2.5", 2.15), 1.0),
        (("1.9", "0.8"), ("ah", "home", "-0.5", 1.75), ("ou", "under", "2.75", 2.0), 1.0),
        (("1.6", "1.1"), ("ah", "home", "-0.5", 2.2), ("ou", "over", "2.25", 1.95), 0.05),
        (("1.2", "1.4"), ("ah", "away", "0", 1.5), ("ou", "over", "3", 2.3), 1.0),
    ):
        states: dict[tuple[float, float], float] = {}
        for (home, away), chance in grid(D(means[0]), D(means[1]), D(0)).items():
            units = [
                float(result_of(kind, side, Fraction(line), home, away))
                for kind, side, line, _ in (first, second)
            ]
            key = tuple(
                u * (bet[3] - 1 if u > 0 else 1)
                for u, bet in zip(units, (first, second), strict=True)
            )
            states[key[0], key[1]] = states.get((key[0], key[1]), 0.0) + float(chance)

        def growth(f: float, g: float, states: dict[tuple[float, float], float] = states) -> float:
            return sum(q * log(max(1 + f * x + g * y, 1e-300)) for (x, y), q in states.items())

        def best_second(
            f: float, cap: float = cap, growth: Callable[[float, float], float] = growth
        ) -> float:
            return golden(partial(growth, f), 0.0, min(cap, 0.999 - f))

        def best_first(f: float, growth: Callable[[float, float], float] = growth) -> float:
            return growth(f, best_second(f))

        f = golden(best_first, 0.0, min(cap, 0.99))
        g = best_second(f)
        bets = [
            {"market": k, "side": s, "line": line, "odds": odds}
            for k, s, line, odds in (first, second)
        ]
        inputs = {
            "lambda_home": means[0],
            "lambda_away": means[1],
            "bets": bets,
            "cap_per_bet": cap,
        }
        wanted = {"fractions": [f, g], "fractions_sum": f + g, "growth": growth(f, g)}
        made.append(vector("kelly_joint_same_event", inputs, wanted, 2e-4))
    twin = {"market": "1x2", "side": "home", "line": "", "odds": 2.05}
    half = made[0]["inputs"]["bets"][0] | {"line": "-0.5"}
    alone = D(Fraction("2.05").numerator) / Fraction("2.05").denominator
    p = masses(grid(D("1.6"), D("1.1"), D(0)), "ah", "home", Fraction(-1, 2))["win"]
    full = digits((p * alone - 1) / (alone - 1))
    inputs = {"lambda_home": "1.6", "lambda_away": "1.1", "bets": [half, twin]}
    wanted = {"fractions": [0.25 * full, 0.75 * full], "fractions_sum": full}
    return [*made, vector("kelly_joint_same_event", inputs, wanted, 2e-4)]


def golden(f: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one peak is highest."""
    ratio = (5**0.5 - 1) / 2
    for _ in range(45):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (left, high) if f(left) < f(right) else (low, right)
    return (low + high) / 2
