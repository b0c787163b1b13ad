"""Which rows are not the match itself, for a venue and for the validation gate."""

import pytest

from keter.domain.noise import counts_events, is_noise


@pytest.mark.parametrize(
    "name",
    [
        "Alpha - No. of Corners",
        "Beta - Total Bookings",
        "Gamma - Red Cards",
        "Ivanova (Sets)",
        "Delta (ET)",
        "Shots",
    ],
)
def test_rows_that_are_not_the_match_are_noise(name: str) -> None:
    assert is_noise("*DEMO PREMIER LEAGUE", "Alpha FC", name)


@pytest.mark.parametrize(
    "name",
    [
        "Cardiff City",
        "Centre d'Esports Sabadell",
        "Virtus Entella",
        "Cornellà",
        "Alpha (W)",
        "Lens (R)",
    ],
)
def test_real_clubs_are_not_noise(name: str) -> None:
    assert not is_noise("*DEMO PREMIER LEAGUE", name, "Beta FC")


@pytest.mark.parametrize("mark", ["(Sets)", "(Games)"])
def test_a_mark_of_tennis_is_noise_unless_its_sport_takes_it_off(mark: str) -> None:
    assert is_noise("WTA", f"Ivanova {mark}", f"Petrova {mark}")


def test_a_venue_drops_only_what_surely_counts_something_else() -> None:
    assert counts_events("*DEMO LEAGUE", "Alpha - No. of Corners", "Beta - No. of Corners")
    assert not counts_events("*DEMO LEAGUE", "Shots", "Corners United")
