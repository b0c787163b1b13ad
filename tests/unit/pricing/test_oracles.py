"""Published implementations agree with ours where they are right.

Installed only from requirements-oracles.lock.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from keter.pricing.devigging import devig

MARKETS = [
    [1.91, 1.91],
    [1.5, 2.74],
    [2.6, 2.4, 4.3],
    [1.595, 3.99, 6.76],
    [1.19, 7.0, 14.0],
    [4.2, 3.7, 1.95],
]
PENALTYBLOG = {
    "multiplicative": "multiplicative",
    "additive": "additive",
    "power": "power",
    "shin": "shin",
    "odds_ratio": "odds_ratio",
}


def oracle(module: str) -> Any:
    return pytest.importorskip(
        module, reason=f"{module} is an oracle: install requirements-oracles.lock to compare"
    )


@pytest.mark.parametrize("odds", MARKETS)
@pytest.mark.parametrize(("ours", "theirs"), PENALTYBLOG.items())
def test_penaltyblog_agrees(odds: list[float], ours: str, theirs: str) -> None:
    implied = oracle("penaltyblog.implied")
    made = implied.calculate_implied(odds, method=theirs)
    assert devig(odds, ours) == pytest.approx(list(made.probabilities), abs=1e-6)


@pytest.mark.parametrize("odds", MARKETS)
def test_shin_agrees(odds: list[float]) -> None:
    made = oracle("shin").calculate_implied_probabilities(odds)
    assert devig(odds, "shin") == pytest.approx(list(made), abs=1e-9)


@pytest.mark.parametrize("odds", MARKETS)
def test_goto_conversion_agrees(odds: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    convert: Callable[[list[float]], Any] = oracle("goto_conversion").goto_conversion
    assert devig(odds, "goto") == pytest.approx(list(convert(odds)), abs=1e-9)


def test_arrays_agree_with_the_oracle_too() -> None:
    made = oracle("shin").calculate_implied_probabilities
    odds = np.array([row for row in MARKETS if len(row) == 3])
    assert devig(odds, "shin") == pytest.approx(
        np.array([list(made(row.tolist())) for row in odds]), abs=1e-9
    )
