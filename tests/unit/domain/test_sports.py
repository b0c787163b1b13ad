"""What is peculiar to each sport, and that a sport without rules is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain import noise
from keter.domain.market_kinds import LINED, OUTCOMES
from keter.domain.sports import (
    BASEBALL,
    BASKETBALL,
    FOOTBALL,
    ICE_HOCKEY,
    SPORTS,
    TENNIS,
    HandicapRule,
    LineModel,
    OutcomeSpace,
    Sport,
    Unit,
    UnmodelledSportError,
    counts_from_score_at_bet,
    find_sport,
    sport_of,
)
from keter.errors import KeterError

LEAGUE = "*DEMO LEAGUE"
words = st.lists(
    st.sampled_from(
        [
            "Alpha",
            "FC",
            "corners",
            "(Sets)",
            "(Games)",
            "Aces",
            "home runs",
            "3x3",
            "SRL",
            "Esports",
        ]
    ),
    min_size=1,
    max_size=3,
).map(" ".join)


@pytest.mark.parametrize(
    ("name", "sport"),
    [
        ("fb", FOOTBALL),
        ("Soccer", FOOTBALL),
        ("Tennis", TENNIS),
        ("baseball", BASEBALL),
        ("BASKETBALL", BASKETBALL),
        ("ice_hockey", ICE_HOCKEY),
        ("Ice  Hockey", ICE_HOCKEY),
        ("icehockey", ICE_HOCKEY),
    ],
)
def test_a_sport_is_found_by_its_code_and_by_its_names(name: str, sport: Sport) -> None:
    assert sport_of(name) is sport


@pytest.mark.parametrize("name", ["cricket", "American football", "esoccer", "5", ""])
def test_a_sport_that_is_not_modelled_is_refused_with_a_clear_sentence(name: str) -> None:
    assert find_sport(name) is None
    with pytest.raises(UnmodelledSportError, match="rules are not modelled") as refused:
        sport_of(name)
    assert isinstance(refused.value, KeterError)
    sentence = str(refused.value)
    assert name in sentence
    assert all(f"{sport.name} ({sport.code})" in sentence for sport in SPORTS.values())


def test_a_handicap_in_play_counts_from_the_score_at_the_bet_in_football_only() -> None:
    from_the_bet = {
        sport.name
        for sport in SPORTS.values()
        if sport.handicap_in_play is HandicapRule.SCORE_AT_BET
    }
    assert from_the_bet == {"football"}
    assert counts_from_score_at_bet(FOOTBALL, venue_does=True)
    assert not counts_from_score_at_bet(FOOTBALL, venue_does=False)
    assert not counts_from_score_at_bet(BASKETBALL, venue_does=True)


def test_only_football_moves_prices_over_lines_and_has_a_score_grid() -> None:
    for sport in SPORTS.values():
        is_football = sport is FOOTBALL
        assert (sport.line_model is LineModel.POISSON_GOALS) is is_football
    # Who wins 0-6, 7-6, 7-6 has fewer games. Baseball called early has a winner and no total.
    apart = [
        sport
        for sport in SPORTS.values()
        if sport.outcome_space is OutcomeSpace.WINNER_MARGIN_AND_TOTAL
    ]
    assert apart == [TENNIS, BASEBALL]


@pytest.mark.parametrize("sport", SPORTS.values(), ids=lambda sport: sport.name)
def test_a_sport_names_its_periods_and_kinds_once_and_counts_what_has_a_line(sport: Sport) -> None:
    codes = [period.code for period in sport.periods]
    assert len(set(codes)) == len(codes)
    for period in sport.periods:
        texts = [kind.text for kind in period.kinds]
        assert len(set(texts)) == len(texts)
        for kind in period.kinds:
            assert sport.kind(period.code, kind.text) is kind
            assert OUTCOMES[kind.family]
            assert (kind.unit is Unit.WINNER) is (kind.family not in LINED)
    with pytest.raises(ValueError, match="no period 'q1'"):
        sport.period("q1")
    with pytest.raises(ValueError, match="no 'corners'"):
        sport.kind(codes[0], "corners")


def test_the_markets_that_were_asked_for_exist() -> None:
    def has(sport: Sport, period: str) -> set[str]:
        return {kind.text for kind in sport.period(period).kinds}

    assert has(FOOTBALL, "ft") == has(FOOTBALL, "ht") == {"1x2", "ml", "ah", "ou"}
    assert has(TENNIS, "ft") == {"ml", "sets-ah", "sets-ou", "games-ah", "games-ou"}
    assert has(TENNIS, "s1") == {"ml", "games-ah", "games-ou"}
    assert has(BASEBALL, "ft") == has(BASEBALL, "f5") == {"ml", "ah", "ou"}
    for sport in (BASKETBALL, ICE_HOCKEY):
        assert has(sport, "ot") == {"ml", "ah", "ou"}
        assert has(sport, "reg") == {"1x2", "ml", "ah", "ou"}


@given(words, words, words)
def test_what_is_noise_in_football_is_what_it_was(league: str, home: str, away: str) -> None:
    assert FOOTBALL.is_noise(league, home, away) == noise.is_noise(league, home, away)


@given(st.sampled_from(sorted(SPORTS)), words, words)
def test_noise_of_every_sport_is_noise_in_each(code: str, home: str, away: str) -> None:
    plain = [team.replace("(Sets)", "").replace("(Games)", "") for team in (home, away)]
    if noise.is_noise(LEAGUE, *plain):
        assert SPORTS[code].is_noise(LEAGUE, home, away)


@pytest.mark.parametrize(
    ("sport", "league", "team"),
    [
        (TENNIS, LEAGUE, "Ivanova - Aces"),
        (TENNIS, LEAGUE, "Ivanova (2nd set)"),
        (TENNIS, "Virtual Tennis", "Ivanova"),
        (BASEBALL, "MLB - Total Home Runs", "Alpha"),
        (BASEBALL, LEAGUE, "Alpha 1st inning"),
        (BASKETBALL, "World 3x3", "Alpha"),
        (BASKETBALL, LEAGUE, "Alpha Rebounds"),
        (ICE_HOCKEY, LEAGUE, "Alpha penalty minutes"),
        (ICE_HOCKEY, LEAGUE, "Alpha - Shots on goal"),
    ],
)
def test_rows_that_are_no_match_of_the_sport_are_noise(
    sport: Sport, league: str, team: str
) -> None:
    assert sport.is_noise(league, team, "Beta")
    assert sport.is_noise(league, "Beta", team)


@pytest.mark.parametrize(
    ("sport", "home", "away"),
    [
        (TENNIS, "Ivanova (Sets)", "Petrova (Sets)"),
        (TENNIS, "Ivanova (Games)", "Petrova (Games)"),
        (BASEBALL, "St. Louis Cardinals", "New York Yankees"),
        (BASKETBALL, "Las Vegas Aces", "Indiana Fever"),
        (ICE_HOCKEY, "Colorado Avalanche", "St. Louis Blues"),
    ],
)
def test_real_matches_are_not_noise(sport: Sport, home: str, away: str) -> None:
    assert not sport.is_noise(LEAGUE, home, away)
