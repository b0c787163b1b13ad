"""What the simulator is asked for must fit together."""

import pytest

from keter.clock import ManualClock
from keter.venues.asianodds.simulator.config import SandboxConfig
from keter.venues.asianodds.simulator.house import House
from tests.kit.signals import NOW


@pytest.mark.parametrize(
    ("sport", "home"), [(1, "Home 000 FC"), (2, "Home 000 FC"), (3, "Home 000 FC (Sets)")]
)
def test_the_fixed_market_is_of_the_sport_that_was_asked_for(sport: int, home: str) -> None:
    house = House(SandboxConfig(fixed_fixtures=2, fixed_sport=sport), ManualClock(NOW))
    fixtures = [row.fixture for row in house.board.rows.values()]
    assert {fixture.sport for fixture in fixtures} == {sport}
    assert fixtures[0].home == home


def test_a_sport_that_is_not_modelled_has_no_fixed_market() -> None:
    with pytest.raises(ValueError, match="number 5"):
        SandboxConfig(fixed_fixtures=2, fixed_sport=5)
