"""Imagined fills: the rates and delays that the settings name, and never better than the price
asked for.
"""

import random
from decimal import Decimal
from statistics import median, quantiles

from hypothesis import example, given
from hypothesis import strategies as st

from keter.venues.paper.fill_model import LOWER_PRICE, draw_fill
from keter.venues.paper.settings import PaperSettings

DRAWS = 20_000


def test_refusals_and_delays_follow_the_settings() -> None:
    rng = random.Random(1)
    settings = PaperSettings(paper_drift_pct=0)
    fates = [draw_fill("2.050", 1, settings, rng) for _ in range(DRAWS)]
    accepted = [fate.delay_s for fate in fates if not fate.refused]
    refused = [fate.delay_s for fate in fates if fate.refused]
    assert abs(len(refused) / DRAWS - 0.24) < 0.01
    assert abs(median(accepted) - 14) < 0.5
    assert abs(quantiles(accepted, n=10)[-1] - 43) < 2
    assert abs(median(refused) - 0.5) < 0.05
    assert {fate.odds for fate in fates} == {"2.050"}
    assert 0.6 < sum(fate.message == LOWER_PRICE for fate in fates) / len(refused) < 0.72


def test_a_drift_beyond_the_slippage_allowed_is_a_refusal() -> None:
    rng = random.Random(2)
    settings = PaperSettings(paper_refusal_rate=0, paper_drift_pct=1)
    fates = [draw_fill("2.000", 1, settings, rng) for _ in range(DRAWS)]
    refused = [fate for fate in fates if fate.refused]
    assert abs(len(refused) / DRAWS - 0.159) < 0.01  # one standard deviation down
    assert {fate.message for fate in refused} == {LOWER_PRICE}
    assert min(Decimal(fate.odds) for fate in fates if not fate.refused) >= Decimal("1.979")


def test_the_same_seed_gives_the_same_fates() -> None:
    one, other = (
        [draw_fill("1.9", 1, PaperSettings(), random.Random(7)) for _ in range(50)]
        for _ in range(2)
    )
    assert one == other


def test_speed_divides_the_delays() -> None:
    slow = draw_fill("2", 1, PaperSettings(paper_refusal_rate=0), random.Random(3))
    fast = draw_fill("2", 1, PaperSettings(paper_refusal_rate=0, paper_speed=100), random.Random(3))
    assert abs(slow.delay_s / fast.delay_s - 100) < 1e-6


@given(
    st.decimals("1.001", "100", places=3),
    st.floats(0, 20),
    st.builds(
        PaperSettings,
        paper_refusal_rate=st.floats(0, 1),
        paper_accept_median_s=st.floats(0, 100),
        paper_accept_p90_s=st.floats(0, 100),
        paper_refuse_median_s=st.floats(0, 100),
        paper_drift_pct=st.floats(0, 50),
        paper_speed=st.floats(0, 1e6, exclude_min=True),
    ),
    st.integers(),
)
@example(Decimal(2), 1, PaperSettings(paper_refusal_rate=0, paper_accept_p90_s=5e-324), 1)
@example(Decimal(2), 1, PaperSettings(paper_refusal_rate=0, paper_accept_median_s=5e-324), 1)
@example(Decimal(2), 1, PaperSettings(paper_refusal_rate=0, paper_speed=5e-324), 1)
def test_no_fill_is_ever_better_than_asked(
    odds: Decimal, limit: float, settings: PaperSettings, seed: int
) -> None:
    fate = draw_fill(str(odds), limit, settings, random.Random(seed))
    assert 1 < Decimal(fate.odds) <= odds
    assert 0 <= fate.delay_s <= 86_400
