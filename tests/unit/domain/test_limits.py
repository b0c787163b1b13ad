"""Limits are lowered at any time, and raised up to the settings only."""

from decimal import Decimal

import pytest

from keter.betting_settings import RiskSettings
from keter.domain.limits import (
    LIVE_LIMITS,
    checked_limit,
    daily_loss_limit_minor,
    limit_text,
    lowered,
    parse_limit,
    setting_of,
)
from keter.errors import UsageError

BOUNDS = RiskSettings()


def test_every_limit_is_a_setting() -> None:
    assert all(setting_of(BOUNDS, name) > 0 for name in LIVE_LIMITS)


def test_the_lower_of_setting_and_wish_is_in_force() -> None:
    wanted = {
        "max_stake": Decimal("5.50"),
        "max_exposure_day": BOUNDS.max_exposure_day + 1,
        "daily_loss_limit_units": Decimal("2.5"),
        "throttle_bets": Decimal(1),
        "unknown": Decimal(1),
    }
    made = lowered(BOUNDS, wanted)
    assert made.max_stake == Decimal("5.50")
    assert made.max_exposure_day == BOUNDS.max_exposure_day
    assert made.daily_loss_limit_units == 2.5
    assert isinstance(made.daily_loss_limit_units, float)
    assert made.throttle_bets == BOUNDS.throttle_bets
    assert lowered(BOUNDS, {}) == BOUNDS


def test_a_wish_is_read_as_it_is_typed() -> None:
    assert checked_limit(BOUNDS, "MAX_STAKE", "5.50") == ("max_stake", Decimal("5.50"))


@pytest.mark.parametrize("value", ["50.01", "0", "-1", "NaN", "x", "1.001"])
def test_a_wish_that_makes_no_sense_is_refused(value: str) -> None:
    with pytest.raises(UsageError):
        checked_limit(BOUNDS, "MAX_STAKE", value)
    with pytest.raises(UsageError, match="is no limit"):
        checked_limit(BOUNDS, "THROTTLE_BETS", "1")


@pytest.mark.parametrize(
    ("units", "unit", "minor"), [(14, "10", 14_000), (0.1, "0.33", 3), (1.5, "9.99", 1498)]
)
def test_the_daily_loss_limit_is_rounded_down(units: float, unit: str, minor: int) -> None:
    assert daily_loss_limit_minor(units, Decimal(unit)) == minor


@pytest.mark.parametrize("account", ["asianodds:me", "asianodds:a=b@c", "asianodds:a@b.example"])
def test_the_text_of_a_lowered_limit_reads_back_as_it_was(account: str) -> None:
    text = limit_text(account, "max_stake", Decimal("5.50"))
    assert text == f"max_stake=5.50@{account}"
    assert parse_limit(text) == (account, "max_stake", Decimal("5.50"))


def test_the_text_of_an_older_version_names_no_account() -> None:
    assert parse_limit("max_stake=5.50") == ("", "max_stake", Decimal("5.50"))
