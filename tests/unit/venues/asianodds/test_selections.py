"""The market and side of a bet row, and the line that nobody spells with a sure sign."""

from typing import Any

import pytest

from keter.domain.market_kinds import Outcome
from keter.domain.markets import parse_market
from tests.unit.venues.asianodds.test_tickets import ticket


@pytest.mark.parametrize(
    ("changes", "market", "outcome"),
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
def test_selections_are_read_back(changes: dict[str, Any], market: str, outcome: Outcome) -> None:
    found = ticket(**changes)
    assert (found.market, found.outcome) == (parse_market("fb", market), outcome)


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
    assert (found.market, found.outcome, found.stake_minor) == (None, None, 500)


HOME_GIVES, AWAY_GIVES = (
    (parse_market("fb", "ft.ah.-0.75"), Outcome.AWAY),
    (parse_market("fb", "ft.ah.0.75"), Outcome.AWAY),
)


def test_our_intent_decides_a_sign_that_the_row_leaves_open() -> None:
    for intended in (HOME_GIVES, AWAY_GIVES):
        assert ticket(intended, Favoured=0).market == intended[0]
    assert ticket(AWAY_GIVES, HdpOrGoal="-0.75", Favoured=1).market == AWAY_GIVES[0]


def test_our_intent_never_overrules_a_clear_row() -> None:
    assert ticket(AWAY_GIVES, Favoured=1).market == parse_market("fb", "ft.ah.-0.75")
    assert ticket((parse_market("fb", "ft.ah.-1"), Outcome.AWAY), Favoured=0).market is None
    assert ticket((HOME_GIVES[0], Outcome.HOME), Favoured=0).market is None


def test_two_way_results_are_a_money_line_where_we_bet_one() -> None:
    assert ticket((parse_market("fb", "ft.ml"), Outcome.HOME), BetType="1").market == parse_market(
        "fb", "ft.ml"
    )


PLAYERS = {"HomeName": "A Ivanova (Games)", "AwayName": "B Petrova (Games)", "SportsType": 3}


@pytest.mark.parametrize(
    ("changes", "sport", "market", "outcome"),
    [
        ({**PLAYERS, "BetType": "HDP Home", "HdpOrGoal": "3.5"}, "te", "ft.games-ah.-3.5", "home"),
        ({**PLAYERS, "BetType": "Over", "HdpOrGoal": "22.5"}, "te", "ft.games-ou.22.5", "over"),
        ({**PLAYERS, "BetType": "2"}, "te", "ft.ml", "away"),
        ({"SportsType": 2, "BetType": "HDP Away", "HdpOrGoal": "5.5"}, "bb", "ot.ah.-5.5", "away"),
        ({"SportsType": 2, "BetType": "1"}, "bb", "ot.ml", "home"),
    ],
)
def test_selections_of_other_sports_are_read_back(
    changes: dict[str, Any], sport: str, market: str, outcome: str
) -> None:
    found = ticket(**changes)
    assert (found.market, found.outcome) == (parse_market(sport, market), Outcome(outcome))
    assert found.sport == sport
    assert "(" not in found.home + found.away


@pytest.mark.parametrize(
    "changes",
    [
        {"SportsType": 5},
        {"SportsType": 2, "Term": "HT"},
        {"SportsType": 2, "BetType": "X"},
        {"SportsType": 3, "BetType": "HDP Home"},  # in sets or in games?
        {**PLAYERS, "AwayName": "B Petrova (Sets)", "BetType": "HDP Home"},
    ],
)
def test_a_selection_that_the_sport_does_not_have_stays_unread(changes: dict[str, Any]) -> None:
    found = ticket(**changes)
    assert (found.market, found.outcome, found.stake_minor) == (None, None, 500)


def test_our_intent_decides_a_sign_in_another_sport_too() -> None:
    games = parse_market("te", "ft.games-ah.0.75")
    assert ticket((games, Outcome.AWAY), **PLAYERS, Favoured=0).market == games
    sets = parse_market("te", "ft.sets-ah.0.75")
    assert ticket((sets, Outcome.AWAY), **PLAYERS, Favoured=0).market is None
