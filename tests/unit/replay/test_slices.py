"""Bets are grouped by bands whose lower bound belongs to them."""

from datetime import timedelta

from keter.replay.slices import odds_band, time_to_start
from tests.unit.replay.test_performance import KICKOFF, bet


def test_bands_have_their_lower_bound_inside() -> None:
    assert odds_band(bet(0, 1, odds=2.0)) == "2.00-3.00"
    assert odds_band(bet(0, 1, odds=1.999)) == "1.50-2.00"
    assert time_to_start(bet(0, 1)) == "1-6 h"
    assert time_to_start(bet(0, 1, placed_at=KICKOFF + timedelta(minutes=5))) == "in play"
