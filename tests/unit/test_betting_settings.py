"""The common caps name one currency and the rates of all others."""

from decimal import Decimal
from pathlib import Path

import pytest

from keter.errors import ConfigurationError
from keter.settings import load_settings

TWO = {
    "ACCOUNTS": "ALICE,BOB",
    "AO_USER__ALICE": "alice",
    "AO_PASS__ALICE": "made-up",
    "AO_USER__BOB": "bob",
    "AO_PASS__BOB": "made-up",
    "ACCOUNT_CURRENCY__BOB": "USD",
}
CAPPED = {**TWO, "COMMON_MAX_EXPOSURE_TOTAL": "100"}


def test_each_account_counts_at_the_rate_of_its_currency() -> None:
    settings = load_settings(None, {**CAPPED, "CURRENCY_RATES": "USD=0.92, GBP=1.17"})
    assert [account.rate for account in settings.accounts] == [Decimal(1), Decimal("0.92")]
    assert settings.parts[1].account.rate == Decimal("0.92")
    dollars = {"RISK_CURRENCY": "USD", "CURRENCY_RATES": "EUR=1.09"}
    rates = [account.rate for account in load_settings(None, {**CAPPED, **dollars}).accounts]
    assert rates == [Decimal("1.09"), Decimal(1)]


def test_a_common_cap_needs_the_rate_of_every_accounts_currency() -> None:
    with pytest.raises(ConfigurationError, match="put USD=<its price in EUR> into CURRENCY_RATES"):
        load_settings(None, CAPPED)
    one = {"ACCOUNT_CURRENCY": "USD", "COMMON_MAX_EXPOSURE_EVENT": "5"}
    with pytest.raises(ConfigurationError, match="or set RISK_CURRENCY"):
        load_settings(None, one)
    assert load_settings(None, {**one, "RISK_CURRENCY": "USD"}).account.rate == 1


def test_without_a_common_cap_no_rate_is_asked_for() -> None:
    settings = load_settings(None, TWO)
    assert not settings.common_risk.has_cap
    assert [account.rate for account in settings.accounts] == [1, 1]


@pytest.mark.parametrize(
    "wrong",
    ["USD", "USD=", "USD=x", "usd=1", "USD=0", "USD=-1", "USD=nan", "USD=1e9", "USD=1,USD=2"],
)
def test_a_rate_that_cannot_be_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="CURRENCY_RATES"):
        load_settings(None, {"CURRENCY_RATES": wrong})


def test_a_common_cap_is_no_accounts_own(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("COMMON_MAX_EXPOSURE_TOTAL__ALICE=5\n")
    with pytest.raises(ConfigurationError, match="COMMON_MAX_EXPOSURE_TOTAL__ALICE"):
        load_settings(file, TWO)
