"""Bet rows: statuses of both vocabularies, results, money, times, and the line nobody spells with a
sure sign.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.clock import to_ms
from keter.domain.market_kinds import Outcome
from keter.domain.markets import parse_market
from keter.domain.order_states import OrderState
from keter.domain.tickets import Ticket, TicketStatus
from keter.venues.asianodds.selections import Intended
from keter.venues.asianodds.tickets import read_tickets
from keter.venues.asianodds.wire import BrokenAnswerError, read_answer
from tests.kit.asianodds_payloads import NOW, data_body


def bet_row(**changes: Any) -> dict[str, Any]:
    fields = {
        "BetPlacementReference": "WA-kt0001",
        "ReferenceNumber": "61000000001",
        "Bookie": "PIN",
        "Status": "Running",
        "GameType": "Handicap",
        "BetType": "HDP Away",
        "Term": "FT",
        "HdpOrGoal": "0.75",
        "Odds": 1.97,
        "OddsType": "00",
        "Stake": 5,
        "Currency": "EUR",
        "HomeName": "Alpha FC",
        "AwayName": "Beta FC",
        "HomeScore": "1",
        "AwayScore": "0",
        "FullTimeHomeScore": "-1",
        "FullTimeAwayScore": "-1",
        "HalfTimeHomeScore": "-1",
        "HalfTimeAwayScore": "-1",
        "LeagueName": "*DEMO PREMIER LEAGUE",
        "KickoffTime": 1771246800000,
        "TicketDate": 1771200042000,
        "SportsType": 1,
        "Favoured": 1,
        "ClientType": 2,
        "Pnl": 0,
        "PnlInfo": "",
        "BetPlacementMessage": "",
    }
    return {name: value for name, value in (fields | changes).items() if value != "leave out"}


def ticket(intended: Intended | None = None, **changes: Any) -> Ticket:
    (found,) = read_tickets(read_answer(data_body([bet_row(**changes)])), NOW, lambda _: intended)
    return found


def test_computed_amounts_are_read_with_all_their_digits() -> None:
    """A service that computes in doubles writes 4.85 as 4.8499999999999996: no reason to take a
    profit for none.
    """
    found = ticket(
        Status="Won", PnlInfo="Won", Stake=3.3333333333333335, Pnl=4.8499999999999996, Odds="1.97"
    )
    assert (found.stake_minor, found.pnl_minor) == (333, 485)
    assert ticket(Stake="1E+1", Pnl="-9.9E-05").stake_minor == 1000


@pytest.mark.parametrize("pnl", ["leave out", None, "", "n/a"])
def test_a_settled_bet_whose_profit_is_not_told_stays_exposure(pnl: str | None) -> None:
    found = ticket(Status="Won", PnlInfo="Won", Pnl=pnl)
    assert (found.status, found.pnl_minor, found.result) == (TicketStatus.RUNNING, 0, None)


def test_a_running_bet_is_read_whole() -> None:
    found = ticket()
    assert (found.reference, found.ticket_id, found.book) == ("kt0001", "61000000001", "PIN")
    assert (found.status, found.odds, found.stake_minor, found.pnl_minor) == (
        TicketStatus.RUNNING,
        "1.97",
        500,
        0,
    )
    assert found.placed_at == datetime(2026, 2, 16, 0, 0, 42, tzinfo=UTC)
    assert (found.market, found.outcome) == (parse_market("fb", "ft.ah.-0.75"), Outcome.AWAY)
    assert (found.score_at_bet, found.final_score, found.half_time_score, found.result) == (
        (1, 0),
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("number", "code"), [(1, "fb"), (3, "te"), ("2", "bb"), (77, "s77"), ("leave out", "fb")]
)
def test_a_ticket_is_of_the_sport_that_its_event_is_named_by(number: object, code: str) -> None:
    assert ticket(SportsType=number).sport == code


def test_the_kick_off_runs_eight_hours_ahead() -> None:
    assert ticket().kickoff == datetime(2026, 2, 16, 5, 0, tzinfo=UTC)
    assert ticket(KickoffTime=0).kickoff is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("Sending", TicketStatus.PENDING),
        ("Pending", TicketStatus.PENDING),
        ("S", TicketStatus.PENDING),
        ("0", TicketStatus.PENDING),
        (0, TicketStatus.PENDING),
        ("Running", TicketStatus.RUNNING),
        (1, TicketStatus.RUNNING),
        ("WON", TicketStatus.SETTLED),
        ("lost", TicketStatus.SETTLED),
        ("Settled", TicketStatus.SETTLED),
        ("2", TicketStatus.SETTLED),
        ("Rejected", TicketStatus.REFUSED),
        (8, TicketStatus.REFUSED),
        ("Cancelled", TicketStatus.REFUSED),
        ("E", TicketStatus.REFUSED),
        ("Void", TicketStatus.VOID),
        ("V", TicketStatus.VOID),
        ("what is this", TicketStatus.PENDING),
        ("", TicketStatus.PENDING),
        (None, TicketStatus.PENDING),
    ],
)
def test_words_and_codes_mean_the_same_and_an_unknown_one_stays_exposure(
    status: object, expected: TicketStatus
) -> None:
    assert ticket(Status=status).status is expected


@pytest.mark.parametrize(
    ("info", "result"),
    [
        ("Won", "WON"),
        ("LOST", "LOST"),
        ("Half won", "HALF_WON"),
        ("Half lost", "HALF_LOST"),
        ("Stake returned", "PUSHED"),
    ],
)
def test_a_settled_bet_tells_its_result(info: str, result: str) -> None:
    assert ticket(Status="2", PnlInfo=info, Pnl=4.85).result == OrderState(result)


@pytest.mark.parametrize(
    ("status", "pnl", "result"),
    [
        ("Won", 4.85, "WON"),
        ("Won", 2.43, "HALF_WON"),
        ("Won", 2.42, "HALF_WON"),
        ("Lost", -5, "LOST"),
        ("Lost", -2.5, "HALF_LOST"),
        ("Settled", 0, "PUSHED"),
        ("Won", 1, None),
        ("Half won", 1, "HALF_WON"),
    ],
)
def test_without_its_words_the_money_tells_the_result(
    status: str, pnl: float, result: str | None
) -> None:
    assert ticket(Status=status, PnlInfo="", Pnl=pnl).result == result


def test_refused_and_void_bets_have_no_profit_to_explain() -> None:
    assert ticket(Status="Rejected").result is None
    assert ticket(Status="V").result == OrderState.VOID


@pytest.mark.parametrize(
    ("odds", "kind", "expected"),
    [(0.97, "HK", "1.97"), (-0.8, "MY", "2.25"), (1.97, "00", "1.97"), (0, "MY", "")],
)
def test_odds_of_foreign_bets_become_decimal(odds: float, kind: str, expected: str) -> None:
    found = ticket(Odds=odds, OddsType=kind)
    assert found.odds == "" if not expected else float(found.odds) == float(expected)


def test_final_scores_are_read_where_they_are_known() -> None:
    found = ticket(
        FullTimeHomeScore="2", FullTimeAwayScore=1, HalfTimeHomeScore="1", HalfTimeAwayScore="-1"
    )
    assert (found.final_score, found.half_time_score) == ((2, 1), None)


def test_a_row_twice_is_one_ticket_but_two_tickets_may_share_a_reference() -> None:
    rows = [bet_row(), bet_row(), bet_row(ReferenceNumber="61000000002")]
    found = read_tickets(read_answer(data_body(rows)), NOW)
    assert [one.ticket_id for one in found] == ["61000000001", "61000000002"]


@pytest.mark.parametrize(
    ("first", "second", "stake"),
    [
        ({"Stake": 5}, {"Stake": 7}, 1200),
        ({"Stake": 5}, {"Stake": 5, "Status": "Won", "PnlInfo": "Won", "Pnl": 4.85}, 1000),
        ({"Stake": 5}, {"Stake": 7, "BetPlacementReference": "WA-other"}, 1200),
        (
            {"BetPlacementReference": "", "ReferenceNumber": ""},
            {"BetPlacementReference": None, "ReferenceNumber": ""},
            1000,
        ),
        ({"Stake": 5}, {"Stake": "1e20"}, 0),
        ({"Stake": 900_000_000}, {"Stake": 900_000_001}, 0),
    ],
)
def test_rows_that_cannot_be_told_apart_count_with_all_their_stakes(
    first: dict[str, Any], second: dict[str, Any], stake: int
) -> None:
    """Of two rows under one number one would hide the stake of the other."""
    [found] = read_tickets(read_answer(data_body([bet_row(**first), bet_row(**second)])), NOW)
    assert (found.stake_minor, found.stake_known, found.status) == (
        stake,
        stake > 0,
        TicketStatus.PENDING,
    )
    assert found.unreadable.startswith("2 rows")


def test_a_row_of_ours_that_shares_its_number_is_not_ours_to_read() -> None:
    rows = [bet_row(Stake=5), bet_row(Stake=7, BetPlacementReference="WA-other")]
    [found] = read_tickets(read_answer(data_body(rows)), NOW)
    assert found.reference == "", "each of the two is asked for by itself"


def test_no_rows_are_no_tickets() -> None:
    assert read_tickets(read_answer(data_body(None, 300)), NOW) == ()


@pytest.mark.parametrize("stake", ["5,00", "1,2345", "1,00,000", "12,34.5"])
def test_a_comma_that_parts_no_thousands_leaves_the_stake_untold(stake: str) -> None:
    """It may part the cents: 5,00 is five or five hundred."""
    found = read_tickets(
        read_answer(data_body([bet_row(Stake="1,250"), bet_row(Stake=stake, ReferenceNumber="2")])),
        NOW,
    )
    assert [(one.stake_minor, one.stake_known) for one in found] == [(125_000, True), (0, False)]


@pytest.mark.parametrize(
    "rows", [[5], [None], "text", {"a": 1}, [{"Stake": None}], [{"Stake": "NaN"}]]
)
def test_money_is_never_overlooked(rows: object) -> None:
    with pytest.raises(BrokenAnswerError, match="bad_rows"):
        read_tickets(read_answer(data_body(rows)), NOW)


@pytest.mark.parametrize(
    ("stake", "minor"), [(5, 500), (5.25, 525), ("1,250.50", 125_050), (0.1, 10), (33.335, 3334)]
)
def test_stakes_are_read_to_the_cent(stake: object, minor: int) -> None:
    assert ticket(Stake=stake).stake_minor == minor


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=10)
    | st.lists(st.integers(), max_size=2)
)


@given(st.dictionaries(st.sampled_from(sorted(bet_row())), VALUES, max_size=8))
def test_rows_of_any_shape_are_tickets_or_the_named_error(changes: dict[str, Any]) -> None:
    try:
        found = read_tickets(read_answer(data_body([bet_row() | changes])), NOW)
    except BrokenAnswerError as e:
        assert e.kind == "bad_rows"
    else:
        assert len(found) == 1


@pytest.mark.parametrize(
    "stake", ["1e20", 1e20, 10**30, "-5,000.00", -1, "1000000000", "1e400", "1" * 5000, "0.1e11"]
)
def test_a_stake_beyond_belief_is_a_row_set_aside_and_never_a_number(stake: object) -> None:
    found = ticket(Stake=stake)
    assert (found.stake_minor, found.stake_known) == (0, False)
    assert found.unreadable.startswith("a stake of ")
    assert (found.reference, found.status) == ("kt0001", TicketStatus.RUNNING)


@pytest.mark.parametrize("stake", [0, "0.00", 999_999_999, "999,999,999.99"])
def test_a_stake_that_can_be_is_read(stake: object) -> None:
    found = ticket(Stake=stake)
    assert (found.unreadable, found.stake_known) == ("", True)


@pytest.mark.parametrize("pnl", ["1e20", -(10**15), "1e99", "9" * 40])
def test_a_profit_beyond_belief_is_none_and_the_ticket_stays_exposure(pnl: object) -> None:
    found = ticket(Status="Won", PnlInfo="Won", Pnl=pnl)
    assert (found.status, found.pnl_minor, found.stake_minor, found.stake_known) == (
        TicketStatus.RUNNING,
        0,
        500,
        True,
    )
    assert found.unreadable.startswith("a profit of ")


def test_two_references_too_long_for_one_stay_two() -> None:
    rows = [
        bet_row(BetPlacementReference="WA-" + "x" * 200 + end, ReferenceNumber="") for end in "ab"
    ]
    first, second = read_tickets(read_answer(data_body(rows)), NOW)
    assert first.reference != second.reference
    assert max(len(first.reference), len(second.reference)) <= 64
    assert first.unreadable.startswith("a BetPlacementReference of")


def test_names_and_messages_of_a_ticket_show_what_they_are() -> None:
    found = ticket(
        HomeName="Alpha\x00\x1b[2J FC", LeagueName="L\u202e1", BetPlacementMessage="no\r\nway\x07"
    )
    assert (found.home, found.league, found.message) == ("Alpha [2J FC", "L1", "no way")
    assert len(ticket(AwayName="B" * 5000).away) == 120


def test_what_else_cannot_be_is_not_there() -> None:
    found = ticket(
        TicketDate=to_ms(NOW + timedelta(days=30)),
        KickoffTime=to_ms(NOW + timedelta(days=9000)),
        HomeScore="401",
        Odds="1e30",
        SportsType=10**14,
    )
    assert (found.placed_at, found.kickoff, found.score_at_bet, found.odds, found.sport) == (
        NOW,
        None,
        None,
        "",
        "other",
    )
    assert found.unreadable == ""


def test_a_list_longer_than_any_is_refused() -> None:
    with pytest.raises(BrokenAnswerError):
        read_tickets(read_answer(data_body([bet_row()] * 5_001)), NOW)
