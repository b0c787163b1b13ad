"""An account is a venue and a name; its text means it, and so does its name alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.accounts import LONGEST_ACCOUNT, LONGEST_VENUE, AccountId, means
from keter.venues.asianodds.settings import LONGEST_USER, SIMULATED, VENUE
from tests.kit.execution import an_account

VENUES = st.text(st.characters(exclude_characters=":"), min_size=1, max_size=LONGEST_VENUE)


@given(venue=VENUES, name=st.text(min_size=1))
def test_an_account_is_meant_by_its_text_and_by_its_name_whatever_they_hold(
    venue: str, name: str
) -> None:
    key = str(AccountId(venue, name))
    assert means(key, key)
    assert means(name, key)
    assert not means(f"{venue}:{name}?", key)


@pytest.mark.parametrize("text", ["", ":", "asianodds", "asianodds:", ":me"])
def test_a_text_without_a_venue_or_a_name_means_no_account(text: str) -> None:
    assert not means(text, "asianodds:me")


def test_an_account_is_meant_by_its_whole_text_and_by_its_name_alone() -> None:
    account = an_account("me")
    assert account.is_called("asianodds:me")
    assert account.is_called("me")
    assert not account.is_called("sandbox:me")


def test_the_longest_account_of_each_venue_fits_the_ledger() -> None:
    assert max(len(VENUE), len(SIMULATED.venue)) <= LONGEST_VENUE
    assert LONGEST_VENUE + 1 + LONGEST_USER <= LONGEST_ACCOUNT
