"""The consensus of books: the logarithmic pool, its weights and its guards."""

from math import log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.errors import (
    IncompleteMarketError,
    InvalidOddsError,
    SpreadTooWideError,
    TooFewSourcesError,
)
from keter.pricing.pool import age_factor, anchored_base, consensus, linear_pool

chance = st.floats(0.05, 0.9)
rows = st.integers(2, 4).flatmap(
    lambda legs: st.lists(
        st.lists(chance, min_size=legs, max_size=legs).map(lambda row: [x / sum(row) for x in row]),
        min_size=1,
        max_size=5,
    )
)


def test_two_books_pool_as_in_the_reference() -> None:
    made = consensus(
        [[0.50, 0.27, 0.23], [0.48, 0.28, 0.24]], [0.6, 0.4], age_s=[0, 0], half_life_s=60
    )
    assert made.weights == pytest.approx((0.6, 0.4), abs=1e-12)
    assert made.p == pytest.approx((0.4919966986, 0.2740092109, 0.2339940904), abs=1e-9)
    assert linear_pool([[0.5, 0.5], [0.4, 0.6]], [0.5, 0.5]) == pytest.approx((0.45, 0.55))


def test_age_halves_a_weight_every_half_life_as_in_the_reference() -> None:
    made = consensus(
        [[0.52, 0.48], [0.55, 0.45], [0.5, 0.5]],
        [0.5, 0.25, 0.25],
        age_s=[5, 60, 600],
        half_life_s=60,
    )
    assert made.weights == pytest.approx((0.7902745092, 0.2093166692, 0.0004088216), abs=1e-9)
    assert made.p == pytest.approx((0.5262905888, 0.4737094112), abs=1e-9)


@given(rows)
def test_a_pool_is_a_distribution_and_lies_between_its_books_in_odds_ratio(
    books: list[list[float]],
) -> None:
    p = consensus(books).p
    assert sum(p) == pytest.approx(1)
    for i in range(1, len(p)):
        ratios = [log(row[i] / row[0]) for row in books]
        assert min(ratios) - 1e-9 <= log(p[i] / p[0]) <= max(ratios) + 1e-9


@given(chance, chance, st.floats(0.01, 0.99))
def test_two_outcomes_pool_to_the_weighted_mean_of_logits(
    left: float, right: float, weight: float
) -> None:
    p = consensus([[left, 1 - left], [right, 1 - right]], [weight, 1 - weight]).p
    mean = weight * log(left / (1 - left)) + (1 - weight) * log(right / (1 - right))
    assert log(p[0] / p[1]) == pytest.approx(mean, abs=1e-9)


@given(rows, st.floats(0.1, 10))
def test_only_the_ratio_of_weights_matters(books: list[list[float]], factor: float) -> None:
    base = [1.0 + i for i in range(len(books))]
    assert consensus(books, [factor * w for w in base]).p == pytest.approx(consensus(books, base).p)


def test_vig_and_liquidity_weigh_too() -> None:
    made = consensus([[0.5, 0.5], [0.6, 0.4]], vig=[0.02, 0.04], vig_power=2, liquidity=[1, 0.5])
    assert made.weights == pytest.approx((8 / 9, 1 / 9))


def test_the_anchor_carries_half_and_the_rest_share_by_inverse_squared_vig() -> None:
    assert anchored_base(["PIN", "SBO", "ISN"], [0.02, 0.02, 0.04], "PIN") == pytest.approx(
        [0.5, 0.4, 0.1]
    )
    assert anchored_base(["SBO", "ISN"], [0.02, 0.04], "PIN") == pytest.approx([0.8, 0.2])
    assert anchored_base(["PIN"], [0.02], "PIN") == [1.0]


def test_a_vanishing_margin_does_not_take_all_the_weight() -> None:
    shares = anchored_base(["SBO", "ISN"], [0.0, 0.005], "PIN")
    assert shares == pytest.approx([0.5, 0.5])


def test_a_book_past_its_last_half_life_has_no_say() -> None:
    assert age_factor(601, 60, 10) == 0
    assert age_factor(600, 60, 10) > 0
    assert age_factor(-5, 60) == 1
    with pytest.raises(TooFewSourcesError):
        consensus(
            [[0.5, 0.5], [0.5, 0.5]],
            age_s=[0, 700],
            half_life_s=60,
            drop_after_half_lives=10,
            min_sources=2,
        )
    with pytest.raises(ValueError, match="half-life"):
        age_factor(1, 0)


def test_disagreement_is_measured_and_guarded() -> None:
    books = [[0.50, 0.50], [0.53, 0.47]]
    made = consensus(books)
    logits = [log(p / (1 - p)) for p in (0.5, 0.53)]
    assert made.spread_pct == pytest.approx(3)
    assert made.logit_sd == pytest.approx(abs(logits[1] - logits[0]) / sqrt(2))
    assert consensus(books, max_spread_pct=3.1, max_logit_sd=0.1).p == made.p
    with pytest.raises(SpreadTooWideError):
        consensus(books, max_spread_pct=2.9)
    with pytest.raises(SpreadTooWideError):
        consensus(books, max_logit_sd=0.06)


def test_one_book_agrees_with_itself() -> None:
    made = consensus([[0.4, 0.6]])
    assert (made.spread_pct, made.logit_sd) == (0, 0)
    assert made.p == pytest.approx((0.4, 0.6))


def test_what_cannot_be_pooled_is_refused_by_name() -> None:
    with pytest.raises(TooFewSourcesError):
        consensus([])
    with pytest.raises(IncompleteMarketError):
        consensus([[0.5, 0.5], [0.5, 0.3, 0.2]])
    with pytest.raises(InvalidOddsError):
        consensus([[1.0, 0.0]])
    with pytest.raises(InvalidOddsError):
        consensus([[0.5, 0.5]], [-1])
    with pytest.raises(InvalidOddsError):
        consensus([[0.5, 0.5]], [1, 2])
    with pytest.raises(InvalidOddsError):
        consensus([[0.5, 0.5]], [1], liquidity=[1, 2])
