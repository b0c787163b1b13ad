"""Which account the settings of AsianOdds mean, and when the simulator takes its place."""

import pytest
from pydantic import SecretStr, ValidationError

from keter.domain.trading import ExecutionMode
from keter.errors import ConfigurationError
from keter.settings import load_settings
from keter.venues.asianodds.settings import (
    LONGEST_USER,
    SIMULATED_PASSWORD,
    SIMULATED_USER,
    VenueSettings,
)

REAL = VenueSettings(ao_user="me", ao_pass=SecretStr("pw"))
MODES = (ExecutionMode.DRY, ExecutionMode.LIVE)


@pytest.mark.parametrize("mode", MODES)
def test_without_a_user_the_account_is_the_simulators_and_demo_whatever_is_asked_for(
    mode: ExecutionMode,
) -> None:
    account = VenueSettings().account("EUR", mode)
    assert (account.key, account.mode) == ("sandbox:demo", ExecutionMode.DEMO)
    assert VenueSettings().login == (SIMULATED_USER, SIMULATED_PASSWORD)


@pytest.mark.parametrize("mode", MODES)
def test_with_a_user_the_account_is_his_in_the_mode_that_is_asked_for(mode: ExecutionMode) -> None:
    account = REAL.account("GBP", mode)
    assert (account.key, account.mode, account.currency) == ("asianodds:me", mode, "GBP")
    assert REAL.login == ("me", "pw")
    assert not REAL.simulated


def test_no_setting_makes_a_real_account_demo() -> None:
    with pytest.raises(ConfigurationError, match="EXECUTION_MODE"):
        load_settings(None, {"EXECUTION_MODE": "DEMO"})


@pytest.mark.parametrize("given", [{"ao_user": "me"}, {"ao_pass": "pw"}])
def test_user_and_password_go_together(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="go together"):
        VenueSettings.model_validate(given)


@pytest.mark.parametrize("user", ["m" * (LONGEST_USER + 1), "m\x00e"])
def test_a_name_that_a_ledger_would_refuse_is_refused_at_once(user: str) -> None:
    with pytest.raises(ValidationError):
        VenueSettings.model_validate({"ao_user": user, "ao_pass": "pw"})
