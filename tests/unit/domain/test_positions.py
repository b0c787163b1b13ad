"""What an event may lose: fills net, open orders count only where they hurt."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product
from math import ceil, floor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.domain.commitments import Commitment, liability_minor
from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market, parse_market
from keter.domain.order_states import Side
from keter.domain.positions import positions
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
    loss,
    settled,
    total,
)

HOME, DRAW, AWAY, OVER, UNDER = Outcome
# Beyond the outermost line drawn, the score at the bet included.
SCORES = [(home, away) for home in range(11) for away in range(11)]
HALL = [(home, away) for home in range(97, 105) for away in range(97, 105)]  # around the lines


def hall(points: float) -> Market:
    return parse_market("bb", f"ot.ou.{points}")


EXAMPLES = settings(max_examples=40, deadline=None)


def net(profits: Iterable[tuple[str, int]], commission: Fraction = Fraction(0)) -> int:
    """Return the sum of the markets' profits, each after commission rounded up to a cent."""
    by_market: dict[str, int] = {}
    for market_id, profit in profits:
        by_market[market_id] = by_market.get(market_id, 0) + profit
    return sum(one - max(0, ceil(one * commission)) for one in by_market.values())


def oracle(
    held: Sequence[Commitment], scores: Sequence[tuple[int, int]], commission: str = "0"
) -> int:
    """Return the largest loss over every score and every subset of the open orders filled."""
    table = {(at, s): settled(one, s) for at, one in enumerate(held) for s in scores}
    choices = product(*[(True,) if one.filled else (False, True) for one in held])
    worst = min(
        net(
            ((one.market.market_id, table[at, score]) for at, one in enumerate(held) if chosen[at]),
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
    assert loss(*held) == oracle(held, SCORES)


@EXAMPLES
@given(st.lists(commitments(filled=True, in_play=True), min_size=1, max_size=8))
def test_the_figure_at_every_score_is_what_settlement_books(held: list[Commitment]) -> None:
    (position,) = positions(held)
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
    assert loss(*held) == oracle(held, SCORES, rate)


@EXAMPLES
@given(st.lists(commitments(filled=False), min_size=1, max_size=5), st.data())
def test_no_part_of_an_open_order_filled_costs_more_than_the_order_open(
    orders: list[Commitment], data: st.DataObject
) -> None:
    later: list[Commitment] = []
    for order in orders:
        part = data.draw(st.integers(0, order.stake_minor))
        later.append(order._replace(stake_minor=part, filled=True))
        if data.draw(st.booleans()):
            later.append(order._replace(stake_minor=order.stake_minor - part))
    # A fill of an odd part may be rounded on its own: a cent for each at most.
    assert loss(*later) <= loss(*orders) + len(later)


@EXAMPLES
@given(
    st.lists(
        commitments(
            filled=True,
            sport="bb",
            periods=("ot",),
            handicaps=(-10, 10),
            totals=(798, 810),
            kinds=(MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER, MarketKind.MONEY_LINE),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_basketball_positions_cost_the_largest_loss_over_every_score(
    held: list[Commitment],
) -> None:
    booked = [sum(floored(one, score) for one in held) for score in HALL]
    assert loss(*held) == max(0, -min(booked))


def floored(one: Commitment, score: tuple[int, int]) -> int:
    return floor(exact_profit(one, score))


def test_the_winner_the_games_and_the_sets_of_a_match_do_not_cover_each_other() -> None:
    """A player who gives up may leave the one standing and the others void."""
    winner, games, sets = (
        parse_market("te", one) for one in ("ft.ml", "ft.games-ah.-2.5", "ft.sets-ah.-1.5")
    )
    for sure in (winner, games, sets):
        both = [filled(sure, side) for side in (HOME, AWAY)]
        for other in {winner, games, sets} - {sure}:
            assert loss(*both, filled(other, HOME)) == 1000
    assert loss(filled(winner, HOME), filled(games, AWAY)) == 2000
    assert loss(commitment(winner, HOME), commitment(sets, AWAY)) == 2000


def test_in_baseball_called_early_the_winner_stands_without_the_run_line() -> None:
    line, winner = parse_market("bs", "ft.ah.-0.5"), parse_market("bs", "ft.ml")
    assert loss(filled(winner, HOME), filled(line, AWAY)) == 2000
    assert loss(filled(winner, HOME), filled(winner, AWAY)) == 0


def test_a_total_that_may_be_void_alone_covers_no_handicap() -> None:
    """The first five innings: called after 4.5 with the home team ahead the total is void."""
    sure = [filled(parse_market("bs", "f5.ou.4.5"), side) for side in (OVER, UNDER)]
    assert loss(*sure) == 0
    assert loss(*sure, filled(parse_market("bs", "f5.ah.-0.5"), HOME)) == 1000


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
    booked = sum(settled(one, half if one.market.period == HT else final) for one in held)
    assert loss(*held) >= -booked


@EXAMPLES
@given(st.lists(commitments(), min_size=1, max_size=5), commitments(filled=False))
def test_an_open_order_that_ends_unfilled_never_raises_the_worst_case(
    held: list[Commitment], order: Commitment
) -> None:
    together = loss(*held, order)
    alone = loss(*held)
    assert alone <= together <= alone + liability_minor(order.side, order.odds, order.stake_minor)


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
    ]  # fmt: skip
    exactly = []
    for score in SCORES:
        by_market: dict[str, Fraction] = {}
        for one in held:
            key = one.market.market_id
            by_market[key] = by_market.get(key, Fraction(0)) + exact_profit(one, score)
        kept = 1 - Fraction(commission)
        exactly.append(
            sum((Fraction(rate) * min(p, p * kept) for p in by_market.values()), Fraction(0))
        )
    lost = max(Fraction(0), -min(exactly))
    # Each fill is rounded once; each market at most twice more, commission and currency.
    assert lost <= loss(*held) <= lost + ceil(3 * len(held) * Fraction("1.1734"))


@pytest.mark.parametrize("odds", ["2.10", "2.00"])
def test_both_sides_at_evens_or_better_risk_nothing_once_filled(odds: str) -> None:
    over, under = filled(total(2.5), OVER, odds=odds), filled(total(2.5), UNDER, odds=odds)
    assert loss(over, under) == 0


def test_a_sure_arbitrage_risks_its_open_side_alone_while_one_is_open() -> None:
    over, under = filled(total(2.5), OVER), commitment(total(2.5), UNDER)
    assert loss(over, under) == 1000
    assert loss(commitment(total(2.5), OVER), under) == 1000
    assert loss(over) == 1000


def test_a_three_way_arbitrage_risks_nothing_once_filled() -> None:
    legs = [filled(RESULT, side, odds="3.10") for side in (HOME, DRAW, AWAY)]
    assert loss(*legs) == 0
    waiting = commitment(RESULT, DRAW, odds="3.10")
    # At 1-0 the other two give 2100 - 1000, and the open leg may cost 1000; a draw costs 2000.
    assert loss(legs[0], legs[2], waiting) == 2000
    assert loss(legs[0], waiting, commitment(RESULT, AWAY)) == 2000


def test_both_sides_of_a_basketball_total_do_not_add_up() -> None:
    line = parse_market("bb", "ot.ou.220.5")
    over, under = commitment(line, OVER), commitment(line, UNDER)
    assert loss(over, under) == 1000
    first, second = (filled(line, side, odds="1.90") for side in (OVER, UNDER))
    assert loss(first, second) == 100


def test_the_middle_of_two_totals_is_a_gain_and_costs_only_the_margin_outside() -> None:
    held = [filled(hall(218.5), OVER, odds="1.90"), filled(hall(222.5), UNDER, odds="1.90")]
    assert loss(*held) == 100
    (position,) = positions(held)
    assert position.at((111, 109)) == 1800
    assert position.at((111, 112)) == position.at((90, 89)) == -100


def test_the_wrong_middle_loses_both() -> None:
    held = [filled(hall(222.5), OVER), filled(hall(218.5), UNDER)]
    assert loss(*held) == 2000


def test_a_draw_loses_both_half_point_handicaps() -> None:
    """In basketball too: a game that is stopped may end level, and its bets may stand."""
    assert loss(filled(handicap(-0.5), HOME), filled(handicap(0.5), AWAY)) == 2000
    home, away = (parse_market("bb", f"ot.ah.{line}") for line in ("-0.5", "0.5"))
    assert loss(filled(home, HOME), filled(away, AWAY)) == 2000


def test_a_lay_risks_its_liability_and_wins_the_backers_stake() -> None:
    lay = filled(RESULT, HOME, 1000, odds="3.50", side=Side.LAY)
    assert loss(lay) == 2500
    (position,) = positions([lay])
    assert (position.at((1, 0)), position.at((1, 1)), position.at((0, 2))) == (-2500, 1000, 1000)


def test_a_back_and_a_lay_of_the_same_terms_cancel() -> None:
    lay = filled(handicap(-0.25), HOME, side=Side.LAY)
    (position,) = positions([filled(handicap(-0.25), HOME), lay])
    assert {figure for _, figure in position.cells()} == {0}


def test_a_quarter_line_loses_half_the_stake_rounded_up() -> None:
    (position,) = positions([filled(handicap(-0.25), HOME, 5)])
    assert [position.at(score) for score in ((1, 0), (1, 1), (0, 1))] == [5, -3, -5]


def test_commission_is_taken_from_the_net_winnings_of_one_market() -> None:
    terms: dict[str, Any] = {"commission": "0.05"}
    back = filled(RESULT, HOME, 1000, odds="3.00", **terms)
    lay = filled(RESULT, HOME, 1500, odds="2.00", side=Side.LAY, **terms)
    (position,) = positions([back, lay])
    assert (position.at((1, 0)), position.at((0, 1))) == (475, 475)
    apart = filled(WINNER, HOME, 1500, odds="2.00", side=Side.LAY, **terms)
    (position,) = positions([back, apart])
    # Home wins 2000 less 100 in one market and loses 1500 in the other.
    assert (position.at((1, 0)), position.at((0, 1))) == (400, 425)


def test_accounts_pay_commission_apart() -> None:
    back = filled(RESULT, HOME, 1000, odds="2.00", account="book:a")
    lay = filled(RESULT, HOME, 1000, odds="2.00", side=Side.LAY, commission="0.02")
    (position,) = positions([back, lay])
    assert (position.at((1, 0)), position.at((0, 1))) == (0, -20)


def test_the_highest_commission_seen_in_a_market_counts() -> None:
    held = [filled(RESULT, HOME, commission=rate) for rate in ("0.02", "0.05")]
    (position,) = positions(held)
    assert position.at((1, 0)) == 2090


def test_a_currency_counts_at_its_rate_rounded_against_us() -> None:
    (position,) = positions([filled(RESULT, HOME, 1001, odds="2.00", rate="1.15")])
    assert (position.at((1, 0)), position.at((0, 1))) == (1151, -1152)


def test_of_two_rates_of_one_market_the_worse_counts_for_gain_and_loss() -> None:
    held = [filled(RESULT, HOME, 100, odds="2.00", rate=rate) for rate in ("1", "1.20")]
    (position,) = positions(held)
    assert (position.at((1, 0)), position.at((0, 1))) == (200, -240)


def test_a_sure_gain_of_the_first_half_does_not_cover_a_loss_of_the_match() -> None:
    sure = [filled(total(1.5, HT), side) for side in (OVER, UNDER)]
    assert loss(*sure, filled(RESULT, HOME)) == 1000


def test_nothing_at_risk_costs_nothing() -> None:
    assert loss() == 0


def test_a_gain_of_a_fraction_of_a_cent_is_rounded_down() -> None:
    one = filled(handicap(0.25), HOME, 333, odds="1.937")
    (position,) = positions([one])
    assert position.at((1, 1)) == floor(exact_profit(one, (1, 1))) == 156
