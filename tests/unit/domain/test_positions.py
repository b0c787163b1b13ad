"""What an event may lose: fills net, open orders count only where they hurt."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.domain.commitments import Commitment, with_fills
from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.order_states import Side
from keter.domain.outcome_space import BASKETBALL, FOOTBALL, TENNIS
from keter.domain.positions import positions, worst_case, worst_case_by
from tests.kit.commitments import (
    FT,
    HT,
    RESULT,
    WINNER,
    commitment,
    commitments,
    exact_profit,
    filled,
    handicap,
    settled,
    total,
)

HOME, DRAW, AWAY, OVER, UNDER = Outcome
# Beyond the outermost line drawn, the score at the bet included.
SCORES = [(home, away) for home in range(11) for away in range(11)]
HALL = [(home, away) for home in range(97, 105) for away in range(97, 105)]  # around the lines
SETS = [(home, away) for home in range(8) for away in range(8)]  # games, around the lines
EXAMPLES = settings(max_examples=40, deadline=None)


def net(profits: Iterable[tuple[str, int]], commission: Fraction = Fraction(0)) -> int:
    """Return the sum of the markets' profits, each after commission rounded up to a cent."""
    by_market: dict[str, int] = {}
    for market_id, profit in profits:
        by_market[market_id] = by_market.get(market_id, 0) + profit
    return sum(one - max(0, ceil(one * commission)) for one in by_market.values())


def market_id(one: Commitment) -> str:
    assert one.market is not None
    return one.market.market_id


def oracle(
    held: Sequence[Commitment], scores: Sequence[tuple[int, int]], commission: str = "0"
) -> int:
    """Return the largest loss over every score and every subset of the open orders filled."""
    table = {(at, s): settled(one, s) for at, one in enumerate(held) for s in scores}
    choices = product(*[(True,) if one.filled else (False, True) for one in held])
    worst = min(
        net(
            ((market_id(one), table[at, score]) for at, one in enumerate(held) if chosen[at]),
            Fraction(commission),
        )
        for chosen in choices
        for score in scores
    )
    return max(0, -worst)


@EXAMPLES
@given(st.lists(commitments(filled=True, in_play=True), min_size=1, max_size=8))
def test_filled_positions_cost_the_largest_settled_loss_over_every_score(
    held: list[Commitment],
) -> None:
    assert worst_case(held, FOOTBALL) == oracle(held, SCORES)


@EXAMPLES
@given(st.lists(commitments(filled=True, in_play=True), min_size=1, max_size=8))
def test_the_figure_at_every_score_is_what_settlement_books(held: list[Commitment]) -> None:
    (position,) = positions(held, FOOTBALL)
    for score in SCORES:
        assert position.at(score) == sum(settled(one, score) for one in held)
    assert max(0, -min(figure for _, figure in position.cells())) == position.loss


@settings(max_examples=40, deadline=None)
@given(st.lists(commitments(), min_size=1, max_size=5), st.sampled_from(["0", "0.02", "0.05"]))
def test_open_orders_cost_the_worst_of_every_subset_that_may_be_filled(
    drawn: list[Commitment], rate: str
) -> None:
    held = [
        commitment(
            one.market, one.outcome, one.stake_minor, side=one.side, odds=one.odds,
            filled=one.filled, commission=rate,
        )
        for one in drawn
    ]  # fmt: skip
    assert worst_case(held, FOOTBALL) == oracle(held, SCORES, rate)


@EXAMPLES
@given(st.lists(commitments(filled=False), min_size=1, max_size=5), st.data())
def test_no_part_of_an_open_order_filled_costs_more_than_the_order_open(
    orders: list[Commitment], data: st.DataObject
) -> None:
    later: list[Commitment] = []
    for order in orders:
        part = data.draw(st.integers(0, order.stake_minor))
        still = data.draw(st.booleans())
        later += with_fills(order, [(part, order.odds)] if part else [], may_still_fill=still)
    # A fill of an odd part may be rounded on its own: a cent for each at most.
    assert worst_case(later, FOOTBALL) <= worst_case(orders, FOOTBALL) + len(later)


@EXAMPLES
@given(
    st.lists(
        commitments(
            filled=True,
            handicaps=(-10, 10),
            totals=(798, 810),
            kinds=(MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER, MarketKind.MONEY_LINE),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_basketball_positions_cost_the_largest_loss_over_every_score_that_is_no_draw(
    held: list[Commitment],
) -> None:
    scores = [score for score in HALL if score[0] != score[1]]
    assert worst_case(held, BASKETBALL) == oracle(held, scores)


@EXAMPLES
@given(
    st.lists(
        commitments(
            filled=True,
            handicaps=(-12, 12),
            totals=(1, 24),
            kinds=(MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER, MarketKind.MONEY_LINE),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_in_tennis_either_player_may_win_at_every_score_in_games(held: list[Commitment]) -> None:
    won = {HOME: (1, 0), AWAY: (0, 1)}

    def profit(one: Commitment, score: tuple[int, int], winner: Outcome) -> int:
        by_winner = one.market is not None and one.market.kind is MarketKind.MONEY_LINE
        return settled(one, won[winner] if by_winner else score)

    (position,) = positions(held, TENNIS)
    figures = {
        (score, winner): sum(profit(one, score, winner) for one in held)
        for score in SETS
        for winner in won
    }
    for (score, winner), figure in figures.items():
        assert position.at(score, winner) == figure
    assert min(figure for _, figure in position.cells()) == min(figures.values())


def test_tennis_money_lines_and_games_do_not_cover_each_other() -> None:
    """A player who gives up may leave the one standing and the other void."""
    sure = [filled(WINNER, side) for side in (HOME, AWAY)]
    games = [filled(total(22.5), OVER)]
    assert worst_case([*sure, *games], TENNIS) == 1000
    assert worst_case([filled(WINNER, HOME), filled(handicap(2.5), AWAY)], TENNIS) == 2000
    sure = [filled(total(22.5), side) for side in (OVER, UNDER)]
    assert worst_case([*sure, filled(WINNER, HOME)], TENNIS) == 1000


@EXAMPLES
@given(
    st.lists(commitments(periods=(FT, HT), filled=True), min_size=1, max_size=6),
    st.tuples(st.integers(0, 7), st.integers(0, 7)),
    st.tuples(st.integers(0, 7), st.integers(0, 7)),
)
def test_no_match_with_a_first_half_costs_more_than_the_worst_case(
    held: list[Commitment], half: tuple[int, int], more: tuple[int, int]
) -> None:
    final = half[0] + more[0], half[1] + more[1]
    booked = sum(
        settled(one, half if one.market and one.market.period is HT else final) for one in held
    )
    assert worst_case(held, FOOTBALL) >= -booked


@EXAMPLES
@given(st.lists(commitments(), min_size=1, max_size=5), commitments(filled=False))
def test_an_open_order_that_ends_unfilled_never_raises_the_worst_case(
    held: list[Commitment], order: Commitment
) -> None:
    together = worst_case([*held, order], FOOTBALL)
    alone = worst_case(held, FOOTBALL)
    assert alone <= together <= alone + order.liability_minor


@EXAMPLES
@given(
    st.lists(
        st.tuples(
            commitments(filled=True), st.integers(1, 9999), st.decimals("1.01", "30", places=3)
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["0.79", "1", "1.1734"]),
    st.sampled_from(["0", "0.05"]),
)
def test_every_rounding_goes_against_us_by_less_than_a_cent_each(
    drawn: list[tuple[Commitment, int, object]], rate: str, commission: str
) -> None:
    held = [
        filled(
            one.market, one.outcome, stake, side=one.side, odds=str(odds), rate=rate,
            commission=commission,
        )
        for one, stake, odds in drawn
        if one.market and one.outcome
    ]  # fmt: skip
    exactly = []
    for score in SCORES:
        by_market: dict[str, Fraction] = {}
        for one in held:
            key = market_id(one)
            by_market[key] = by_market.get(key, Fraction(0)) + exact_profit(one, score)
        kept = 1 - Fraction(commission)
        exactly.append(
            sum((Fraction(rate) * min(p, p * kept) for p in by_market.values()), Fraction(0))
        )
    loss = max(Fraction(0), -min(exactly))
    # Each fill is rounded once; each market at most twice more, commission and currency.
    assert loss <= worst_case(held, FOOTBALL) <= loss + ceil(3 * len(held) * Fraction("1.1734"))


@pytest.mark.parametrize("odds", ["2.10", "2.00"])
def test_both_sides_at_evens_or_better_risk_nothing_once_filled(odds: str) -> None:
    over, under = filled(total(2.5), OVER, odds=odds), filled(total(2.5), UNDER, odds=odds)
    assert worst_case([over, under], FOOTBALL) == 0


def test_a_sure_arbitrage_risks_its_open_side_alone_while_one_is_open() -> None:
    over, under = filled(total(2.5), OVER), commitment(total(2.5), UNDER)
    assert worst_case([over, under], FOOTBALL) == 1000
    assert worst_case([commitment(total(2.5), OVER), under], FOOTBALL) == 1000
    assert worst_case([over], FOOTBALL) == 1000


def test_a_three_way_arbitrage_risks_nothing_once_filled() -> None:
    legs = [filled(RESULT, side, odds="3.10") for side in (HOME, DRAW, AWAY)]
    assert worst_case(legs, FOOTBALL) == 0
    waiting = commitment(RESULT, DRAW, odds="3.10")
    # At 1-0 the other two give 2100 - 1000, and the open leg may cost 1000; a draw costs 2000.
    assert worst_case([legs[0], legs[2], waiting], FOOTBALL) == 2000
    assert worst_case([legs[0], waiting, commitment(RESULT, AWAY)], FOOTBALL) == 2000


def test_both_sides_of_a_basketball_total_do_not_add_up() -> None:
    over, under = commitment(total(220.5), OVER), commitment(total(220.5), UNDER)
    assert worst_case([over, under], BASKETBALL) == 1000
    first, second = (filled(total(220.5), side, odds="1.90") for side in (OVER, UNDER))
    assert worst_case([first, second], BASKETBALL) == 100


def test_the_middle_of_two_totals_is_a_gain_and_costs_only_the_margin_outside() -> None:
    held = [filled(total(218.5), OVER, odds="1.90"), filled(total(222.5), UNDER, odds="1.90")]
    assert worst_case(held, BASKETBALL) == 100
    (position,) = positions(held, BASKETBALL)
    assert position.at((111, 109)) == 1800
    assert position.at((111, 112)) == position.at((90, 89)) == -100


def test_the_wrong_middle_loses_both() -> None:
    held = [filled(total(222.5), OVER), filled(total(218.5), UNDER)]
    assert worst_case(held, BASKETBALL) == 2000


def test_a_draw_loses_both_half_point_handicaps_only_where_it_can_be() -> None:
    both = [filled(handicap(-0.5), HOME), filled(handicap(0.5), AWAY)]
    assert worst_case(both, FOOTBALL) == 2000
    assert worst_case(both, BASKETBALL) == 0


def test_a_lay_risks_its_liability_and_wins_the_backers_stake() -> None:
    lay = filled(RESULT, HOME, 1000, odds="3.50", side=Side.LAY)
    assert worst_case([lay], FOOTBALL) == 2500
    (position,) = positions([lay], FOOTBALL)
    assert (position.at((1, 0)), position.at((1, 1)), position.at((0, 2))) == (-2500, 1000, 1000)


def test_a_back_and_a_lay_of_the_same_terms_cancel() -> None:
    lay = filled(handicap(-0.25), HOME, side=Side.LAY)
    (position,) = positions([filled(handicap(-0.25), HOME), lay], FOOTBALL)
    assert {figure for _, figure in position.cells()} == {0}


def test_a_quarter_line_loses_half_the_stake_rounded_up() -> None:
    (position,) = positions([filled(handicap(-0.25), HOME, 5)], FOOTBALL)
    assert [position.at(score) for score in ((1, 0), (1, 1), (0, 1))] == [5, -3, -5]


def test_commission_is_taken_from_the_net_winnings_of_one_market() -> None:
    terms: dict[str, Any] = {"commission": "0.05"}
    back = filled(RESULT, HOME, 1000, odds="3.00", **terms)
    lay = filled(RESULT, HOME, 1500, odds="2.00", side=Side.LAY, **terms)
    (position,) = positions([back, lay], FOOTBALL)
    assert (position.at((1, 0)), position.at((0, 1))) == (475, 475)
    apart = filled(WINNER, HOME, 1500, odds="2.00", side=Side.LAY, **terms)
    (position,) = positions([back, apart], FOOTBALL)
    # Home wins 2000 less 100 in one market and loses 1500 in the other.
    assert (position.at((1, 0)), position.at((0, 1))) == (400, 425)


def test_markets_of_one_pool_pay_commission_on_their_net_winnings_together() -> None:
    terms: dict[str, Any] = {"commission": "0.05", "pool": "asian-handicap"}
    held = [
        filled(handicap(-0.5), HOME, odds="3.00", **terms),
        filled(handicap(0.5), AWAY, odds="2.00", **terms),
    ]
    (position,) = positions(held, FOOTBALL)
    assert (position.at((1, 0)), position.at((0, 1))) == (950, 0)


def test_accounts_pay_commission_apart() -> None:
    back = filled(RESULT, HOME, 1000, odds="2.00", account="book:a")
    lay = filled(RESULT, HOME, 1000, odds="2.00", side=Side.LAY, commission="0.02")
    (position,) = positions([back, lay], FOOTBALL)
    assert (position.at((1, 0)), position.at((0, 1))) == (0, -20)


def test_the_highest_commission_seen_in_a_market_counts() -> None:
    held = [filled(RESULT, HOME, commission=rate) for rate in ("0.02", "0.05")]
    (position,) = positions(held, FOOTBALL)
    assert position.at((1, 0)) == 2090


def test_a_currency_counts_at_its_rate_rounded_against_us() -> None:
    (position,) = positions([filled(RESULT, HOME, 1001, odds="2.00", rate="1.15")], FOOTBALL)
    assert (position.at((1, 0)), position.at((0, 1))) == (1151, -1152)


def test_of_two_rates_of_one_market_the_worse_counts_for_gain_and_loss() -> None:
    held = [filled(RESULT, HOME, 100, odds="2.00", rate=rate) for rate in ("1", "1.20")]
    (position,) = positions(held, FOOTBALL)
    assert (position.at((1, 0)), position.at((0, 1))) == (200, -240)


def test_fills_under_different_rules_never_cover_each_other() -> None:
    over = filled(total(2.5), OVER, rules="book")
    assert worst_case([over, filled(total(2.5), UNDER, rules="exchange")], FOOTBALL) == 2000
    assert worst_case([over, filled(total(2.5), UNDER, rules="book")], FOOTBALL) == 0


def test_a_sure_gain_of_the_first_half_does_not_cover_a_loss_of_the_match() -> None:
    sure = [filled(total(1.5, HT), side) for side in (OVER, UNDER)]
    assert worst_case([*sure, filled(RESULT, HOME)], FOOTBALL) == 1000


def test_a_ticket_that_nobody_can_read_counts_as_lost() -> None:
    readable = filled(RESULT, HOME)
    unread = commitment(None, None, 5001, rate="1.15", filled=True)
    assert worst_case([unread, readable], FOOTBALL) == 5752 + 1000
    assert worst_case([commitment(None, None, 100, odds="3", side=Side.LAY)], FOOTBALL) == 200


def test_nothing_at_risk_costs_nothing() -> None:
    assert worst_case([], FOOTBALL) == 0
    assert worst_case_by([], lambda one: one.league, {}) == {}


def test_a_position_is_of_one_event() -> None:
    other = commitment(RESULT, HOME, event_uid="f")
    with pytest.raises(ValueError, match="one event"):
        worst_case([commitment(RESULT, HOME), other], FOOTBALL)


def test_a_score_that_cannot_be_is_refused() -> None:
    (hall,) = positions([filled(WINNER, HOME)], BASKETBALL)
    (court,) = positions([filled(WINNER, HOME)], TENNIS)
    with pytest.raises(ValueError, match="level"):
        hall.at((100, 100))
    with pytest.raises(ValueError, match="needed"):
        court.at((12, 10))
    with pytest.raises(ValueError, match="not asked"):
        hall.at((100, 90), HOME)


def test_each_label_sums_the_worst_cases_of_its_events() -> None:
    held = [
        filled(total(2.5), OVER, strategy="making"),
        filled(total(2.5), UNDER, 600, strategy="matched"),
        filled(RESULT, HOME, 300, event_uid="f", strategy="making", league="M"),
    ]
    spaces = {"e": FOOTBALL, "f": FOOTBALL}
    assert worst_case_by(held, lambda one: one.event_uid, spaces) == {"e": 340, "f": 300}
    assert worst_case_by(held, lambda one: one.league, spaces) == {"L": 340, "M": 300}
    assert worst_case_by(held, lambda _: "", spaces) == {"": 640}
    # One strategy's bet is no cover for another's: each sum stands alone.
    assert worst_case_by(held, lambda one: one.strategy, spaces) == {"making": 1300, "matched": 600}
    with pytest.raises(ValueError, match="no outcome space"):
        worst_case_by(held, lambda one: one.league, {"e": FOOTBALL})


def test_a_gain_of_a_fraction_of_a_cent_is_rounded_down() -> None:
    one = filled(handicap(0.25), HOME, 333, odds="1.937")
    (position,) = positions([one], FOOTBALL)
    assert position.at((1, 1)) == floor(exact_profit(one, (1, 1))) == 156
