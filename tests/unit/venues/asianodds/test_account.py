"""Account, history and reference data."""

import pytest

from keter.domain.tickets import TicketStatus
from keter.venues.asianodds.account import (
    read_account,
    read_bookies,
    read_history,
    read_leagues,
    read_matches,
    read_sports,
    read_statement,
    read_user_information,
)
from keter.venues.asianodds.wire import BrokenAnswerError, read_answer
from tests.kit.asianodds_payloads import NOW, data_body, result_body
from tests.unit.venues.asianodds.test_tickets import bet_row

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


def test_reference_data_is_read_and_oddities_are_left_out() -> None:
    assert [
        s.name
        for s in read_sports(read_answer(data_body([{"Id": 1, "Name": "Football"}, {"Name": "?"}])))
    ] == ["Football"]
    (bookie,) = read_bookies(
        read_answer(data_body([{"Id": "pin", "Name": "PINNACLE", "IsFeedAvailable": True}]))
    )
    assert (bookie.code, bookie.has_feed) == ("PIN", True)
    leagues = {
        "Sports": [
            {
                "SportsType": 1,
                "League": [{"LeagueId": -5, "LeagueName": "*X", "Bookies": ["PIN", 5]}, {}, 7],
            },
            None,
        ]
    }
    (league,) = read_leagues(read_answer(result_body(leagues)))
    assert (league.league_id, league.sport, league.books) == (-5, 1, ("PIN",))
    matches = {
        "EventSportsTypes": [
            {
                "SportsType": 1,
                "Events": [{"MatchId": -9, "Home": "A", "Away": "B", "LeagueName": "*X"}],
            }
        ]
    }
    (match,) = read_matches(read_answer(result_body(matches)))
    assert (match.match_id, match.home, match.away, match.league) == (-9, "A", "B", "*X")


def test_user_information_allows_for_a_missing_currency() -> None:
    answer = {
        "ActiveBookies": ["PIN", "SIN"],
        "BaseCurrency": None,
        "ExpiryDate": 4102444800000,
        "UserId": "DEMOUSER1",
        "OddsType": "MY",
        "Status": "Active",
        "ExternalIP": "127.0.0.1",
    }
    found = read_user_information(read_answer(result_body(answer)))
    assert (found.user, found.currency, found.books, found.status) == (
        "DEMOUSER1",
        None,
        ("PIN", "SIN"),
        "Active",
    )
    assert found.expires_at is not None
    assert found.expires_at.year == 2100


LINE = {
    "DateDay": "02/15/2026",
    "DateDayName": "Sunday",
    "Remark": "Betting",
    "Turnover": "1,025.00",
    "Commission": "0.06",
    "WinLoss": "-3.20",
    "Balance": "512.40",
}


def test_the_statement_may_stand_at_the_root_or_under_result() -> None:
    below = result_body({"BetHistoryStatementItems": [LINE], "TotalTurnover": "1,025.00"})
    at_root = (
        b'{"Code":0,"BetHistoryStatementItems":['
        + result_body(LINE)[len('{"Code": 0, "Message": "", "Result": ') : -1]
        + b"]}"
    )
    for body in (below, at_root):
        (day,) = read_statement(read_answer(body))
        assert (day.day, day.turnover_minor, day.win_loss_minor, day.balance_minor) == (
            "02/15/2026",
            102_500,
            -320,
            51_240,
        )


def test_history_reads_code_statuses_and_misspelt_totals() -> None:
    result = {
        "BetSummaries": [
            bet_row(Status="8"),
            bet_row(Status="2", PnlInfo="Lost", Pnl=-5, ReferenceNumber="2"),
        ],
        "SubTotalCommision": "0.10",
        "SubTotalProfitAndLost": "-5.00",
        "Total": "-4.90",
    }
    found = read_history(read_answer(result_body(result)), NOW)
    assert [one.status for one in found.tickets] == [TicketStatus.REFUSED, TicketStatus.SETTLED]
    assert (found.commission_minor, found.pnl_minor) == (10, -500)
