"""Codes become words."""

import pytest

from keter.dashboard.views import selection_text, sport_text


@pytest.mark.parametrize(
    ("event_uid", "sport"),
    [
        ("fb-20260221-alpha-fc-v-beta-fc", "football"),
        ("te-20260221-a-v-b", "tennis"),
        ("zz-20260221-a-v-b", "zz"),
    ],
)
def test_an_event_s_id_tells_its_sport(event_uid: str, sport: str) -> None:
    assert sport_text(event_uid) == sport


@pytest.mark.parametrize(
    ("event_uid", "selection_id", "text"),
    [
        ("fb-1-a-v-b", "ht.ou.0.5.over", "Over 0.5, Over/under, half time"),
        ("fb-1-a-v-b", "ft.ah.-0.75.away", "B +0.75, Handicap"),
        ("te-1-a-v-b", "ft.sets-ah.-1.5.home", "A -1.5, Handicap, sets"),
        ("te-1-a-v-b", "s1.games-ou.9.5.under", "Under 9.5, Over/under, games, first set"),
        ("bb-1-a-v-b", "ot.ml.home", "A, Money line"),
        ("bb-1-a-v-b", "reg.1x2.draw", "Draw, 1X2, regulation time"),
        ("bs-1-a-v-b", "f5.ah.0.5.home", "A +0.5, Handicap, first five innings"),
        ("af-1-a-v-b", "ft.ah.-3.5.home", "A -3.5, Handicap"),
        ("te-1-a-v-b", "reg.ml.home", "reg.ml.home"),
    ],
)
def test_a_selection_of_any_sport_is_told_in_words(
    event_uid: str, selection_id: str, text: str
) -> None:
    assert selection_text(event_uid, selection_id, "A", "B") == text
