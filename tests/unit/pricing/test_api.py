"""The library's four entries: what they accept, what they refuse, and what they load."""

import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from keter.errors import IncompleteMarketError, InvalidOddsError
from keter.pricing.devigging import devig
from keter.pricing.pool import consensus
from keter.pricing.staking import kelly
from keter.pricing.value import expected_value


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_none_of_its_modules() -> None:
    assert not {
        name
        for name in loaded_by("import keter.pricing")
        if name.startswith(("keter.pricing.", "numpy"))
    }


def test_the_edge_gate_and_single_markets_do_without_numpy_and_redis() -> None:
    statement = (
        "import keter.strategies.value.edge, keter.pricing.pool, keter.pricing.staking;"
        " import keter.pricing.value; from keter.pricing.devigging import devig; devig([1.9, 2.0])"
    )
    assert not {"numpy", "redis", "sqlalchemy"} & loaded_by(statement)


@pytest.mark.parametrize(
    "odds",
    [
        ["2.0", "1.9"],
        [Decimal(2), Decimal("1.9")],
        [Fraction(2), "1.9"],
        (2, 1.9),
        iter([2.0, 1.9]),
        np.array([2, 1.9]),
        np.array(["2.0", "1.9"]),
        [np.float64(2), np.float64(1.9)],
        np.array([2.0, 1.9], dtype=object),
    ],
)
def test_prices_of_any_numeric_kind_make_a_market(odds: Any) -> None:
    assert tuple(devig(odds)) == devig([2.0, 1.9])


@pytest.mark.parametrize(
    "odds",
    [
        None,
        2.0,
        "2.0 1.9",
        {2.0: 1, 1.9: 1},
        {2.0, 1.9},
        [],
        [2.0],
        np.array(2.0),
        np.float64(2.0),
        [[2.0], [1.9]],
    ],
)
def test_what_is_no_market_is_refused_as_incomplete(odds: Any) -> None:
    with pytest.raises(IncompleteMarketError):
        devig(odds)


@pytest.mark.parametrize(
    "price", ["abc", "", {}, [1.9], True, 10**400, float("nan"), float("inf"), -2, 1, 2 + 1j]
)
def test_what_is_no_price_is_refused_by_name_in_a_market_and_in_an_array(price: Any) -> None:
    with pytest.raises(InvalidOddsError):
        devig([2.0, price])
    with pytest.raises(InvalidOddsError):
        expected_value(0.5, price)
    with pytest.raises(InvalidOddsError):
        kelly(0.5, price)
    if isinstance(price, str | float):
        array: Any = [[2.0, 1.9], [2.0, price]]
        with pytest.raises(InvalidOddsError):
            devig(array)


def test_rows_of_unlike_length_or_without_a_price_name_the_row() -> None:
    seconds: list[Any] = [[1.8], [1.8, None], None]
    for second in seconds:
        with pytest.raises(IncompleteMarketError, match="row 1"):
            devig([[2.0, 1.9], second])
    with pytest.raises(IncompleteMarketError):
        devig([2.0, 3.0, 4.0, 30.0], legs=3)
    with pytest.raises(IncompleteMarketError):
        devig(np.full((2, 4), 3.9), legs=3)


@pytest.mark.parametrize("p", [None, "abc", {}, {"win": None}, [0.5, 0.5], True, float("nan")])
def test_what_is_no_chance_is_refused_by_name(p: Any) -> None:
    with pytest.raises(InvalidOddsError):
        expected_value(p, 2.0)
    with pytest.raises(InvalidOddsError):
        kelly(p, 2.0)


def test_value_and_kelly_take_decimals_and_text() -> None:
    value, stake = expected_value(0.55, 2.1), kelly(0.55, 2.1)
    for p, odds in (
        (Decimal("0.55"), Decimal("2.1")),
        ("0.55", "2.1"),
        (np.float64(0.55), np.float64(2.1)),
    ):
        assert expected_value(p, odds) == value  # type: ignore[arg-type]  # a reader without types
        assert kelly({"win": p}, odds) == stake  # type: ignore[dict-item,arg-type]  # a reader without types


def test_a_consensus_takes_arrays_and_text_and_names_what_is_wrong() -> None:
    rows: Any = [[0.5, 0.5], [0.52, 0.48]]
    worded: Any = [["0.5", "0.5"], ["0.52", "0.48"]]
    anything: Any = consensus
    made = consensus(rows, [1, 2], age_s=[0, 60], half_life_s=60)
    assert (
        anything(np.array(rows), np.array([1, 2]), age_s=np.array([0, 60]), half_life_s=60) == made
    )
    assert anything(worded, ["1", "2"], age_s=["0", "60"], half_life_s=60) == made
    with pytest.raises(IncompleteMarketError):
        anything([[0.5, None]])
    with pytest.raises(IncompleteMarketError):
        anything([0.5, 0.5])
    with pytest.raises(InvalidOddsError):
        anything(rows, ["a", 1])
    with pytest.raises(ValueError, match="half_life_s"):
        consensus(rows, age_s=[1, 2])


@pytest.mark.parametrize(
    ("written", "method"),
    [
        ("Shin", "shin"),
        ("odds ratio", "odds_ratio"),
        ("Balanced-Book", "balanced_book"),
        ("Jensen-Shannon", "jsd"),
    ],
)
def test_methods_go_by_their_names_in_any_spelling(written: str, method: str) -> None:
    assert devig([2.6, 2.4, 4.3], written) == devig([2.6, 2.4, 4.3], method)
    assert (
        devig(np.array([[2.6, 2.4, 4.3]]), written) == devig(np.array([[2.6, 2.4, 4.3]]), method)
    ).all()
    with pytest.raises(
        ValueError, match="unknown margin method 'logarithmic'; one of multiplicative, "
    ):
        devig([2.6, 2.4, 4.3], "logarithmic")


@pytest.mark.parametrize(
    "chances",
    [[0.46, 0, 0, 0.27, 0.27], ("0.46", 0, 0, "0.27", "0.27"), np.array([0.46, 0, 0, 0.27, 0.27])],
)
def test_five_chances_in_order_are_the_five_results(chances: Any) -> None:
    named = {"win": 0.46, "half_loss": 0.27, "loss": 0.27}
    assert expected_value(chances, 2.1) == expected_value(named, 2.1)
    assert kelly(chances, 2.1) == kelly(named, 2.1)
    with pytest.raises(InvalidOddsError, match="five numbers"):
        expected_value(chances[:3], 2.1)


def test_a_consensus_takes_numbers_of_any_kind() -> None:
    rows: Any = [["0.52", "0.48"], [Decimal("0.55"), Decimal("0.45")]]
    wanted = consensus(
        [[0.52, 0.48], [0.55, 0.45]], age_s=[5, 60], half_life_s=60, vig=[0.02, 0.03], vig_power=2
    )
    text: dict[str, Any] = {
        "age_s": ["5", "60"],
        "half_life_s": "60",
        "vig": ["0.02", "0.03"],
        "vig_power": "2",
    }
    assert consensus(rows, **text) == wanted
    assert consensus(iter(rows), **text) == wanted


@pytest.mark.parametrize("books", [{"PIN": [0.5, 0.5]}, None, 0.5])
def test_what_is_no_list_of_books_is_refused(books: Any) -> None:
    with pytest.raises(IncompleteMarketError, match="a list of books"):
        consensus(books)


@pytest.mark.parametrize("ages", [5, {"PIN": 5, "SBO": 5}])
def test_ages_are_one_a_book(ages: Any) -> None:
    with pytest.raises(InvalidOddsError, match="one a book"):
        consensus([[0.5, 0.5], [0.5, 0.5]], age_s=ages, half_life_s=60)


def test_weights_of_any_size_count_by_their_ratio() -> None:
    for size in (1e308, 1e-320):
        made = consensus([[0.52, 0.48], [0.52, 0.48]], [size, size])
        assert made.weights == (0.5, 0.5)
        assert made.p == pytest.approx((0.52, 0.48))
