"""An account is a venue and a name, and its text reads back as the same account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.accounts import LONGEST_ACCOUNT, LONGEST_VENUE, AccountId
from keter.venues.asianodds.settings import LONGEST_USER, SIMULATED, VENUE
from tests.kit.execution import an_account

VENUES = st.text(st.characters(exclude_characters=":"), min_size=1, max_size=LONGEST_VENUE)


@given(venue=VENUES, name=st.text(min_size=1))
def test_the_text_of_an_account_reads_back_as_the_same_account(venue: str, name: str) -> None:
    account = AccountId(venue, name)
    assert AccountId.parse(str(account)) == account


@pytest.mark.parametrize("text", ["", ":", "asianodds", "asianodds:", ":me"])
def test_a_text_without_a_venue_or_a_name_is_no_account(text: str) -> None:
    with pytest.raises(ValueError, match="write venue:name"):
        AccountId.parse(text)


def test_an_account_is_meant_by_its_whole_text_and_by_its_name_alone() -> None:
    account = an_account("me")
    assert account.is_called("asianodds:me")
    assert account.is_called("me")
    assert not account.is_called("sandbox:me")


def test_the_longest_account_of_each_venue_fits_the_ledger() -> None:
    assert max(len(VENUE), len(SIMULATED.venue)) <= LONGEST_VENUE
    assert LONGEST_VENUE + 1 + LONGEST_USER <= LONGEST_ACCOUNT
