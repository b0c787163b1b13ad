"""Codes become words."""

import pytest

from keter.dashboard.views import sport_text


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
