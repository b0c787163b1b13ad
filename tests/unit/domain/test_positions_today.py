"""Football backs cost what the model before counts while open, and never more once filled.

The model before lets no win cover a loss. The new one does so for fills that the venue confirmed,
which is where it is smaller; and beyond 40 goals it still nets, where the other adds up.
"""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from keter.domain import exposure as today
from keter.domain.commitments import Commitment
from keter.domain.exposure import Exposure, ExposureStatus
from keter.domain.market_kinds import Outcome
from keter.domain.order_states import Side
from keter.domain.outcome_space import FOOTBALL
from keter.domain.positions import worst_case
from tests.kit.commitments import FT, HT, RESULT, commitment, commitments, filled, handicap, total

NOW = datetime(2026, 2, 21, 12, tzinfo=UTC)
backs = st.lists(
    commitments(periods=(FT, HT), in_play=True, side=Side.BACK, filled=False),
    min_size=1,
    max_size=7,
)


def as_today(one: Commitment) -> Exposure:
    return Exposure(
        "d",
        one.event_uid,
        one.league,
        one.market,
        one.outcome,
        one.stake_minor,
        one.odds,
        ExposureStatus.BET,
        NOW,
        score_at_bet=one.start,
    )


def figures(*held: Commitment) -> tuple[int, int]:
    return worst_case(held, FOOTBALL), today.worst_case([as_today(one) for one in held])


@settings(max_examples=80, deadline=None)
@given(backs)
def test_open_backs_cost_exactly_what_todays_model_counts(held: list[Commitment]) -> None:
    new, old = figures(*held)
    assert new == old


@settings(max_examples=80, deadline=None)
@given(backs)
def test_filled_backs_never_cost_more_than_todays_model_counts(held: list[Commitment]) -> None:
    taken = [filled(one.market, one.outcome, one.stake_minor, odds=one.odds, start=one.start)
             for one in held if one.market and one.outcome]  # fmt: skip
    new, old = figures(*taken)
    assert new <= old


def test_the_figures_of_todays_tests_hold() -> None:
    over, under = commitment(total(2.5), Outcome.OVER), commitment(total(2.5), Outcome.UNDER, 700)
    assert figures(over, under) == (1000, 1000)
    home, away = commitment(RESULT, Outcome.HOME), commitment(RESULT, Outcome.AWAY, 700)
    assert figures(home, away) == (1700, 1700)
    quarter = commitment(handicap(-0.25), Outcome.HOME, 5)
    assert figures(quarter, commitment(RESULT, Outcome.AWAY, 300)) == (303, 303)
    assert figures(commitment(None, None, 5000), home) == (6000, 6000)
    assert figures() == (0, 0)


def test_home_and_away_both_lose_in_a_draw_once_filled() -> None:
    held = filled(RESULT, Outcome.HOME), filled(RESULT, Outcome.AWAY, 700)
    assert figures(*held) == (1700, 1700)


def test_beyond_todays_grid_opposite_sides_still_lose_only_once() -> None:
    over, under = commitment(total(41), Outcome.OVER), commitment(total(41), Outcome.UNDER)
    assert figures(over, under) == (1000, 2000)


def test_only_a_confirmed_fill_makes_the_figure_smaller() -> None:
    over, under = filled(total(2.5), Outcome.OVER), filled(total(2.5), Outcome.UNDER, 700)
    # Three goals win 1100 and lose 700; two lose 1000 and win 770.
    assert figures(over, under) == (230, 1000)
    assert figures(over, commitment(total(2.5), Outcome.UNDER, 700)) == (1000, 1000)
