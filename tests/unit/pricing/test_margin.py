"""Margin removal: the reference table, the properties every method must have, and the named
refusals.
"""

from itertools import pairwise
from math import inf, isclose, log, nan, sqrt

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keter.errors import IncompleteMarketError, InvalidOddsError, NoSolutionError, PricingError
from keter.pricing.devigging import devig
from keter.pricing.kernels import BLOCK, devig_array
from keter.pricing.margin import METHODS, fair

# Reference page, section 1: odds, probabilities and parameter to ten decimals (the smallest rows of
# its table).
TABLE = [
    ((1.91, 1.91), "power", (0.5, 0.5), 1.0711539296),
    ((1.5, 2.74), "multiplicative", (0.6462264151, 0.3537735849), None),
    ((1.5, 2.74), "power", (0.6531522798, 0.3468477202), 1.0505095705),
    ((1.5, 2.74), "shin", (0.6508515815, 0.3491484185), 0.0317272854),
    ((1.5, 2.74), "odds_ratio", (0.6510178183, 0.3489821817), 1.0721125348),
    ((1.01, 41.0), "power", (0.9881792842, 0.0118207158), 1.1950493032),
    ((1.01, 41.0), "jsd", (0.9836404701, 0.0163595299), 0.0201616439),
    ((2.05, 2.05), "power", (0.5, 0.5), 0.9656014994),
    ((2.6, 2.4, 4.3), "power", (0.3729844041, 0.4051071675, 0.2219084285), 1.0321369540),
    ((2.6, 2.4, 4.3), "shin", (0.3729940603, 0.4047794109, 0.2222265287), 0.0169425128),
    ((2.6, 2.4, 4.3), "odds_ratio", (0.3724286508, 0.4041313043, 0.2234400448), 1.0531737887),
    ((2.6, 2.4, 4.3), "goto", (0.3736650832, 0.4060053424, 0.2203295745), 0.0139589502),
    ((2.6, 2.4, 4.3), "jsd", (0.3728587766, 0.4047430669, 0.2223981565), 0.0085691365),
    ((2.6, 2.4, 4.3), "balanced_book", (0.3740238077, 0.4066267344, 0.2193494579), 0.0169200954),
    ((1.19, 7.0, 14.0), "power", (0.8263153504, 0.1183478969, 0.0553367526), 1.0967241802),
    ((1.19, 7.0, 14.0), "shin", (0.8156312180, 0.1270910604, 0.0572777216), 0.0288359492),
    ((1.19, 7.0, 14.0), "additive", (0.8221288515, 0.1246498599, 0.0532212885), None),
    ((3.1, 3.4, 2.75), "shin", (0.3291147526, 0.3005115117, 0.3703737357), -0.0098318575),
    ((3.1, 3.4, 2.75), "jsd", (0.3291279592, 0.3005026463, 0.3703693944), 0.0049389236),
    ((2.0, 4.0, 4.0), "jsd", (0.5, 0.25, 0.25), 0.0),
    ((2.0, 4.0, 4.0), "power", (0.5, 0.25, 0.25), 1.0),
]
SIX_WAY = [1 / r for r in (0.87, 0.2, 0.1, 0.05, 0.02, 0.01)]
ALWAYS_SOLVE = ("multiplicative", "power", "shin", "odds_ratio")

football = st.lists(st.floats(1.02, 60), min_size=2, max_size=4)


@pytest.mark.parametrize(("odds", "method", "p", "parameter"), TABLE)
def test_the_reference_table_is_met_to_its_last_digit(
    odds: tuple[float, ...], method: str, p: tuple[float, ...], parameter: float | None
) -> None:
    made = fair(odds, method)
    assert made.p == pytest.approx(p, abs=1e-10)
    assert made.parameter == (None if parameter is None else pytest.approx(parameter, abs=1e-10))


def test_clarkes_six_way_market_is_solved_by_power_and_shin_but_not_with_negative_legs() -> None:
    assert fair(SIX_WAY, "power").parameter == pytest.approx(1.3748382901, abs=1e-10)
    assert fair(SIX_WAY, "shin").p[-1] == pytest.approx(0.0009709313, abs=1e-10)
    for method in ("additive", "balanced_book", "goto", "jsd"):
        with pytest.raises(NoSolutionError):
            fair(SIX_WAY, method)


@given(football, st.sampled_from(list(METHODS)))
def test_probabilities_lie_inside_0_and_1_and_sum_to_1_or_the_method_refuses(
    odds: list[float], method: str
) -> None:
    try:
        p = devig(odds, method)
    except NoSolutionError:
        assert method not in ALWAYS_SOLVE or sum(1 / x for x in odds) > 1.5
        return
    assert all(0 < x < 1 for x in p)
    assert isclose(sum(p), 1, abs_tol=1e-12)


@given(football, st.sampled_from(list(METHODS)))
def test_a_shorter_price_is_never_the_less_likely(odds: list[float], method: str) -> None:
    try:
        p = devig(odds, method)
    except NoSolutionError:
        return
    pairs = sorted(zip(odds, p, strict=True))
    assert all(left[1] >= right[1] - 1e-12 for left, right in pairwise(pairs))


@given(football, st.sampled_from(list(METHODS)))
def test_the_order_of_the_legs_does_not_matter(odds: list[float], method: str) -> None:
    turned = odds[1:] + odds[:1]
    try:
        p = devig(odds, method)
    except NoSolutionError:
        return
    assert devig(turned, method) == pytest.approx(p[1:] + p[:1], abs=1e-12)


@given(st.lists(st.floats(0.02, 1), min_size=2, max_size=4), st.sampled_from(list(METHODS)))
def test_a_fair_book_is_left_as_it_is(weights: list[float], method: str) -> None:
    p = [w / sum(weights) for w in weights]
    assert devig([1 / x for x in p], method) == pytest.approx(p, abs=1e-9)


@given(st.floats(1.05, 20), st.floats(1.05, 20))
def test_shin_equals_additive_with_two_legs(left: float, right: float) -> None:
    try:
        additive = devig([left, right], "additive")
    except NoSolutionError:
        return
    assert devig([left, right], "shin") == pytest.approx(additive, abs=1e-12)


@given(football)
def test_the_parameters_solve_the_equations_they_are_named_after(odds: list[float]) -> None:
    r = [1 / x for x in odds]
    booksum = sum(r)
    assume(0.8 < booksum < 1.5)
    power, shin, ratio = (fair(odds, method) for method in ("power", "shin", "odds_ratio"))
    assert power.p == pytest.approx([x ** (power.parameter or 0) for x in r], abs=1e-12)
    z = shin.parameter or 0.0
    assert shin.p == pytest.approx(
        [(sqrt(z * z + 4 * (1 - z) * x * x / booksum) - z) / (2 * (1 - z)) for x in r], abs=1e-9
    )
    c = ratio.parameter or 0.0
    for p, x in zip(ratio.p, r, strict=True):
        assert log(p / (1 - p)) == pytest.approx(log(x / (1 - x)) - log(c), abs=1e-9)


def distance(p: float, r: float) -> float:
    """Jensen-Shannon distance between two Bernoulli distributions, from its definition."""
    m = (p + r) / 2
    divergence = sum(a * log(a / b) for a, b in ((p, m), (1 - p, 1 - m), (r, m), (1 - r, 1 - m)))
    return sqrt(max(divergence, 0) / 2)


@given(football)
def test_jensen_shannon_moves_every_leg_by_one_distance(odds: list[float]) -> None:
    try:
        made = fair(odds, "jsd")
    except NoSolutionError:
        return
    assume(abs(made.margin) > 1e-3)
    for p, price in zip(made.p, odds, strict=True):
        assert distance(p, 1 / price) == pytest.approx(made.parameter, abs=1e-7)


@pytest.mark.parametrize(
    ("odds", "error"),
    [
        ([2.1, None, 3.6], IncompleteMarketError),
        ([2.1], IncompleteMarketError),
        ([], IncompleteMarketError),
        ([1.0, 12.0, 30.0], InvalidOddsError),
        ([1.5, inf], InvalidOddsError),
        ([1.5, nan], InvalidOddsError),
        ([-2.0, 2.0], InvalidOddsError),
    ],
)
@pytest.mark.parametrize("method", list(METHODS))
def test_faulty_markets_are_refused_by_name(
    odds: list[float | None], error: type[PricingError], method: str
) -> None:
    with pytest.raises(error):
        devig(odds, method)


def test_fewer_legs_than_the_market_declares_are_refused() -> None:
    with pytest.raises(IncompleteMarketError):
        devig([1.9, 2.0], legs=3)
    with pytest.raises(IncompleteMarketError):
        devig(np.array([[1.9, 2.0]]), legs=3)


def test_an_unknown_method_is_a_programming_error() -> None:
    for odds in ([1.9, 2.0], np.array([[1.9, 2.0]])):
        with pytest.raises(ValueError, match="unknown margin method 'log'"):
            devig(odds, "log")


@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 40), st.integers(2, 5)), elements=st.floats(1.05, 40)
    )
)
def test_arrays_and_single_markets_agree(odds: np.ndarray) -> None:
    for method in ALWAYS_SOLVE:
        try:
            together = devig(odds, method)
        except NoSolutionError:
            continue
        alone = [devig(row.tolist(), method) for row in odds]
        assert np.abs(together - np.array(alone)).max() < 1e-12


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_takes_arrays_longer_than_a_block(method: str) -> None:
    rows = 40 if method == "jsd" else BLOCK + 5
    random = np.random.default_rng(3)
    p = random.dirichlet((6, 4, 5), rows).clip(0.08)
    odds = 1 / (p / p.sum(axis=1, keepdims=True) * random.uniform(1.01, 1.06, (rows, 1)))
    together = devig(odds, method)
    assert together.shape == odds.shape
    assert np.abs(together.sum(axis=1) - 1).max() < 1e-12
    for row in (0, rows - 1):
        assert together[row] == pytest.approx(devig(odds[row].tolist(), method), abs=1e-12)


def test_an_array_names_the_row_it_refuses() -> None:
    odds = np.full((BLOCK + 10, 3), 2.9)
    odds[BLOCK + 3, 1] = 1.0
    with pytest.raises(InvalidOddsError, match=f"row {BLOCK + 3}:"):
        devig(odds)
    with pytest.raises(IncompleteMarketError, match="row 1:"):
        devig_array([[2.0, 2.0], [2.0, None]])
    with pytest.raises(IncompleteMarketError):
        devig_array([[2.0, 2.0], [2.0, 2.0, 3.0]])
    with pytest.raises(NoSolutionError, match="row 1:"):
        devig_array([[2.6, 2.4, 4.3], [1.05, 8.0, 100.0]], "additive")


def test_no_markets_give_no_probabilities() -> None:
    assert devig(np.empty((0, 3))).shape == (0, 3)


def test_a_row_of_an_array_is_one_market() -> None:
    one = devig(np.array([2.6, 2.4, 4.3]))
    assert one.shape == (3,)
    assert one == pytest.approx(devig([2.6, 2.4, 4.3]))


def test_a_caller_may_bring_the_array_for_the_answer() -> None:
    odds = np.array([[1.9, 2.0], [1.5, 2.7]])
    out = np.empty_like(odds)
    assert devig_array(odds, out=out) is out
    assert out.sum(axis=1) == pytest.approx([1, 1])


@pytest.mark.parametrize(
    "odds",
    [[3.2, 68070.3, 32.3], [117538.6, 539.9, 262.8], [4.0391, 2.0791, 69.4, 16.1, 35.2, 212682.8]],
)
def test_shin_solves_deeply_underround_books_of_long_prices(odds: list[float]) -> None:
    made = fair(odds, "shin")
    assert made.parameter is not None
    assert made.parameter < 0
    r = [1 / price for price in odds]
    z, booksum = made.parameter, sum(r)
    assert made.p == pytest.approx(
        [(sqrt(z * z + 4 * (1 - z) * x * x / booksum) - z) / (2 * (1 - z)) for x in r], rel=1e-12
    )
    assert sum(made.p) == pytest.approx(1, abs=1e-12)
    both = devig(np.array([odds, [price / 3 + 1 for price in odds]]), "shin")
    assert both[0] == pytest.approx(made.p, abs=1e-12)


def test_a_short_favourite_at_a_large_margin_spoils_neither_itself_nor_its_block() -> None:
    ordinary = [[2.6, 2.4, 4.3], [1.19, 7.0, 14.0]] * 20
    far = [[1.004, 21.0, 34.0], [1.01, 15.0, 26.0], [1.02, 2.2, 500.0], [1.5, 1.5, 1.5]]
    odds = np.array(ordinary + far + ordinary)
    made = devig(odds, "power")
    for row, p in zip(odds.tolist(), made, strict=True):
        assert p == pytest.approx(fair(row, "power").p, abs=1e-13)
    assert np.abs(made.sum(axis=1) - 1).max() < 1e-15 * 4
