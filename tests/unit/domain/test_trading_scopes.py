"""One spelling of a scope in the audit and in heartbeats, and the way back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.trading_scopes import COMMON, gauge_of, scope_of, target_of


def test_what_holds_for_everything_keeps_its_plain_names() -> None:
    assert (target_of(COMMON), gauge_of(COMMON)) == ("trading", "trading_revision")
    account = "asianodds:main"
    assert target_of(account) == "trading:asianodds:main"
    assert gauge_of(account) == "trading_revision:asianodds:main"


@given(scope=st.text(max_size=96))
def test_a_scope_is_found_again_in_its_target(scope: str) -> None:
    assert scope_of(target_of(scope)) == scope


@pytest.mark.parametrize("target", ["asianodds:main", "max_stake=5", "trading:", "tradings", ""])
def test_what_is_no_trading_state_has_no_scope(target: str) -> None:
    assert scope_of(target) is None
