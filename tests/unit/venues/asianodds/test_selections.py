"""The market and side of a bet row, and the line that nobody spells with a sure sign."""

from typing import Any

import pytest

from keter.domain.markets import Outcome, parse_market
from tests.unit.venues.asianodds.test_tickets import ticket


@pytest.mark.parametrize(
    ("changes", "market", "side"),
    [
        ({"BetType": "OVER", "HdpOrGoal": "2.5"}, "ft.ou.2.5", Outcome.OVER),
        ({"BetType": "Under", "HdpOrGoal": "2.5-3"}, "ft.ou.2.75", Outcome.UNDER),
        ({"BetType": "Under", "HdpOrGoal": 2.25, "Term": "HT"}, "ht.ou.2.25", Outcome.UNDER),
        ({"BetType": "1"}, "ft.1x2", Outcome.HOME),
        ({"BetType": "x"}, "ft.1x2", Outcome.DRAW),
        ({"BetType": "2"}, "ft.1x2", Outcome.AWAY),
        ({"BetType": "HDP Home"}, "ft.ah.-0.75", Outcome.HOME),
        ({"BetType": "HDP Home", "Favoured": 2}, "ft.ah.0.75", Outcome.HOME),
        ({"BetType": "HDP Home", "HdpOrGoal": "0", "Favoured": 0}, "ft.ah.0", Outcome.HOME),
        (
            {"BetType": "HDP Away", "Term": "HT", "Favoured": "leave out", "HalfTimeFavoured": 2},
            "ht.ah.0.75",
            Outcome.AWAY,
        ),
        ({"BetType": "HDP Away", "HdpOrGoal": "-0.75", "Favoured": 2}, "ft.ah.0.75", Outcome.AWAY),
    ],
)
def test_selections_are_read_back(changes: dict[str, Any], market: str, side: Outcome) -> None:
    found = ticket(**changes)
    assert (found.market, found.side) == (parse_market(market), side)


@pytest.mark.parametrize(
    "changes",
    [
        {"BetType": "Correct score"},
        {"Term": "Q1"},
        {"HdpOrGoal": "?"},
        {"HdpOrGoal": ""},
        {"Favoured": 0},
        {"Favoured": "leave out"},
        {"BetType": "Over", "HdpOrGoal": "-2.5"},
    ],
)
def test_words_that_cannot_be_read_leave_the_market_open_but_keep_the_money(
    changes: dict[str, Any],
) -> None:
    found = ticket(**changes)
    assert (found.market, found.side, found.stake_minor) == (None, None, 500)


HOME_GIVES, AWAY_GIVES = (
    (parse_market("ft.ah.-0.75"), Outcome.AWAY),
    (parse_market("ft.ah.0.75"), Outcome.AWAY),
)


def test_our_intent_decides_a_sign_that_the_row_leaves_open() -> None:
    for intended in (HOME_GIVES, AWAY_GIVES):
        assert ticket(intended, Favoured=0).market == intended[0]
    assert ticket(AWAY_GIVES, HdpOrGoal="-0.75", Favoured=1).market == AWAY_GIVES[0]


def test_our_intent_never_overrules_a_clear_row() -> None:
    assert ticket(AWAY_GIVES, Favoured=1).market == parse_market("ft.ah.-0.75")
    assert ticket((parse_market("ft.ah.-1"), Outcome.AWAY), Favoured=0).market is None
    assert ticket((HOME_GIVES[0], Outcome.HOME), Favoured=0).market is None


def test_two_way_results_are_a_money_line_where_we_bet_one() -> None:
    assert ticket((parse_market("ft.ml"), Outcome.HOME), BetType="1").market == parse_market(
        "ft.ml"
    )
