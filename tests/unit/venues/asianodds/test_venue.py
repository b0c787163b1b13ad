"""AsianOdds as a place to bet: the account."""

import pytest

from keter.venues.asianodds.venue import read_account
from keter.venues.asianodds.wire import BrokenAnswerError, read_answer
from tests.kit.asianodds_payloads import NOW, result_body

SUMMARY = {
    "Credit": 512.4,
    "CreditCurrency": "EUR",
    "Outstanding": 10,
    "OutstandingCurrency": "EUR",
    "TodayPnL": -3.2,
    "TodayPnLCurrency": "EUR",
    "YesterdayPnL": 7.05,
    "YesterdayPnLCurrency": "EUR",
    "Message": "summary",
}


def test_the_account_is_read_to_the_cent() -> None:
    found = read_account(read_answer(result_body(SUMMARY)), "DEMO", NOW)
    assert (found.account, found.currency, found.fetched_at) == ("DEMO", "EUR", NOW)
    assert (found.credit_minor, found.outstanding_minor) == (51_240, 1_000)
    assert (found.pnl_today_minor, found.pnl_yesterday_minor) == (-320, 705)


def test_field_names_may_be_written_in_any_case() -> None:
    lowered = {name.lower(): value for name, value in SUMMARY.items()}
    assert read_account(read_answer(result_body(lowered)), "DEMO", NOW).pnl_today_minor == -320


@pytest.mark.parametrize("missing", ["Credit", "Outstanding"])
def test_an_account_without_its_amounts_is_no_account(missing: str) -> None:
    with pytest.raises(BrokenAnswerError, match="bad_account"):
        read_account(read_answer(result_body({**SUMMARY, missing: None})), "DEMO", NOW)
