"""Arbitrage, matched betting, exposure, ladders and market making keep their profit identities."""

from fractions import Fraction
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.markets import Market, MarketKind, Outcome, Period
from keter.errors import IncompleteMarketError, InvalidOddsError, NoSolutionError
from keter.pricing.arbitrage import TotalsLeg, arbitrage, back_lay, middle, round_to_unit
from keter.pricing.exposure import (
    Direction,
    LineStake,
    Position,
    covers_every_score,
    net_of_commission,
    outcome_pnl,
    score_pnl,
    with_orders,
    worst_case_loss,
)
from keter.pricing.goals import poisson
from keter.pricing.ladders import Ladder, betdaq, betfair, prophetx
from keter.pricing.making import (
    hold,
    must_pull,
    quotes,
    reservation_exponential,
    reservation_log,
    stoikov_spread,
    two_sided,
)
from keter.pricing.matched import (
    is_inverted,
    liquidity_floor,
    matched_bet,
    offer_score,
    profits_with_lay,
)

FT = Period.FULL_TIME


def exactly(*values: str | int) -> tuple[Fraction, ...]:
    return tuple(Fraction(value) for value in values)


price = st.decimals("1.05", "20", places=2).map(str)
rate = st.sampled_from(["0", "0.02", "0.05"])


@given(st.lists(price, min_size=2, max_size=4), rate)
def test_exact_arbitrage_stakes_return_alike_in_every_outcome(
    odds: list[str], commission: str
) -> None:
    made = arbitrage(odds, 1000, commission=[commission] * len(odds))
    assert len({stake * e for stake, e in zip(made.stakes, made.effective_odds, strict=True)}) == 1
    assert sum(made.stakes) == made.total == 1000
    assert made.is_arb == (made.booksum < 1) == (made.roi > 0)
    assert made.worst_profit == min(
        s * e - sum(made.rounded) for s, e in zip(made.rounded, made.effective_odds, strict=True)
    )


def test_the_reference_arbitrages() -> None:
    two = arbitrage(["2.10", "2.05"], 1000, unit=1)
    assert two.rounded == exactly(494, 506)
    assert two.profits == exactly("37.4", "37.3")
    three = arbitrage(["2.60", "3.60", "3.40"], 500)
    assert [float(s) for s in three.rounded] == [201.05, 145.2, 153.75]
    assert three.worst_profit == Fraction("22.72")
    limited = arbitrage(["2.15", "2.02"], 2000, limits=["300", None], unit=5)
    assert float(limited.total) == pytest.approx(619.3069306931)
    assert limited.profits == exactly(25, "26.4")


def test_coarse_units_can_turn_an_arbitrage_into_a_loss_and_it_says_so() -> None:
    made = arbitrage(["2.02", "2.02"], 5, unit=5, rounding="up")
    assert made.is_arb
    small = arbitrage(["1.50", "3.10"], 10, unit=5)
    assert small.is_arb
    assert small.worst_profit < 0


def test_lists_that_do_not_match_are_no_market() -> None:
    with pytest.raises(IncompleteMarketError):
        arbitrage(["2.1", "2.1"], 10, commission=[0])
    with pytest.raises(IncompleteMarketError):
        arbitrage(["2.1", "2.1"], 10, limits=[1, 2, 3])
    with pytest.raises(IncompleteMarketError):
        arbitrage(["2.1"], 10)
    with pytest.raises(IncompleteMarketError):
        arbitrage(["2.1", None], 10)  # type: ignore[list-item]  # it must refuse it by name
    with pytest.raises(InvalidOddsError):
        arbitrage(["2.1", "1"], 10)
    with pytest.raises(InvalidOddsError):
        arbitrage(["2.1", "2.1"], 10, commission=[1, 0])


def test_rounding_has_three_directions() -> None:
    assert [round_to_unit(Fraction("2.5"), 1, how) for how in ("half_up", "down", "up")] == [
        3,
        2,
        3,
    ]
    with pytest.raises(ValueError, match="sideways"):
        round_to_unit(Fraction(1), 1, "sideways")
    with pytest.raises(ValueError, match="round to 0"):
        round_to_unit(Fraction(1), 0)


@given(price, price, rate)
def test_back_and_lay_pay_alike_both_ways(back: str, lay: str, commission: str) -> None:
    made = back_lay(100, back, lay, commission)
    if_back_wins = 100 * (Fraction(back) - 1) - made.liability
    assert if_back_wins == made.profit
    assert made.is_arb == (made.profit > 0)


def test_a_middle_wins_twice_between_its_lines() -> None:
    row = poisson(2.7, 30)
    made = middle(
        TotalsLeg(Outcome.OVER, "2.5", "2.05", 100),
        TotalsLeg(Outcome.UNDER, "3.5", "2.00", 100),
        row,
    )
    assert [made.profit_by_total[n] for n in range(5)] == [0, 0, 0, 205, 5]
    assert made.worst == 0
    assert made.p_middle == pytest.approx(row[3])
    assert made.ev == pytest.approx(
        sum(p * float(made.profit_by_total[n]) for n, p in enumerate(row))
    )


@given(st.sampled_from(["qualifying", "snr", "sr"]), price, price, rate)
def test_the_equalising_lay_pays_alike_and_any_other_is_worse_one_way(
    kind: str, back: str, lay: str, commission: str
) -> None:
    made = matched_bet(kind, 25, back, lay, commission)
    assert made.profits.back_wins == made.profits.lay_wins
    for factor in (Fraction(9, 10), Fraction(11, 10)):
        other = profits_with_lay(kind, 25, back, lay, made.lay_stake * factor, commission)
        assert other.worst < made.profits.worst
        assert (other.back_wins > other.lay_wins) == (factor < 1)


@given(price, price, rate)
def test_the_break_even_anchors_of_a_qualifier_break_even(
    back: str, lay: str, commission: str
) -> None:
    made = matched_bet("qualifying", 10, back, lay, commission)
    assert made.breakeven_lay_wins is not None
    assert made.breakeven_back_wins is not None
    assert (
        profits_with_lay("qualifying", 10, back, lay, made.breakeven_lay_wins, commission).lay_wins
        == 0
    )
    assert (
        profits_with_lay(
            "qualifying", 10, back, lay, made.breakeven_back_wins, commission
        ).back_wins
        == 0
    )


def test_the_reference_matched_bets() -> None:
    qualifier = matched_bet("qualifying", 10, "2.00", "2.04", "0.02")
    assert float(qualifier.lay_stake) == pytest.approx(9.9009900990)
    assert qualifier.rounded_lay == Fraction("9.9")
    assert float(qualifier.profits.worst) == pytest.approx(-0.297029703)
    assert matched_bet("qualifying", 100, "2.20", "2.12", "0.02").is_arb
    assert float(matched_bet("snr", 50, "3.00", "3.05", "0.05").retention or 0) == pytest.approx(
        0.6333333333
    )
    assert float(matched_bet("sr", 20, "4.00", "4.20", "0.02").retention or 0) == pytest.approx(
        0.9377990431
    )
    with pytest.raises(InvalidOddsError):
        matched_bet("snr", 0, "3", "3.1")
    with pytest.raises(ValueError, match="gift"):
        matched_bet("gift", 1, "3", "3.1")


def test_the_offer_score_is_clamped_where_it_would_diverge() -> None:
    assert float(offer_score(25, "0.85", 90, "0.78")) == pytest.approx(0.2549019608)
    assert float(offer_score(10, "0.50", 1440, "0.80", "0.5")) == pytest.approx(0.0055555556)
    assert offer_score(10, 0, 60, "0.75") == Fraction("12.5")
    assert offer_score(10, "-3", 60, "0.75") == Fraction("12.5")
    assert offer_score(10, "0.4", -5, "0.8") == offer_score(10, "0.4", 0, "0.8") == 0
    assert offer_score(10, 1, "0.2", 2, 7) == offer_score(10, 1, 1, 1, 1)
    assert liquidity_floor(50, 200) == Fraction(1, 4)
    assert liquidity_floor(500, 200) == liquidity_floor(0, 0) == 1


@pytest.mark.parametrize(
    ("back", "lay", "inverted"),
    [("4.0", "3.79", True), ("4.0", "3.80", False), ("2.0", "1.90", False)],
)
def test_the_inversion_guard_is_strict_and_exact(back: str, lay: str, inverted: bool) -> None:
    assert is_inverted(back, lay) is inverted


OUTCOMES = ("H", "D", "A")
positions = st.builds(
    Position,
    direction=st.sampled_from(Direction),
    selection=st.sets(st.sampled_from(OUTCOMES), min_size=1, max_size=2).map(frozenset),
    odds=price,
    stake=st.integers(0, 500),
)


@given(st.lists(positions, max_size=6), st.lists(positions, max_size=4))
def test_open_orders_never_make_a_book_look_better(
    matched: list[Position], orders: list[Position]
) -> None:
    pnl = outcome_pnl(OUTCOMES, matched)
    loaded = with_orders(OUTCOMES, pnl, orders)
    assert all(loaded[outcome] <= pnl[outcome] for outcome in OUTCOMES)
    assert worst_case_loss(loaded) >= worst_case_loss(pnl) >= 0
    for order in orders:
        filled = outcome_pnl(OUTCOMES, [*matched, order])
        assert worst_case_loss(filled) <= worst_case_loss(loaded)


@given(positions)
def test_a_back_and_a_lay_of_the_same_terms_cancel(position: Position) -> None:
    other = Direction.LAY if position.direction is Direction.BACK else Direction.BACK
    pnl = outcome_pnl(OUTCOMES, [position, position._replace(direction=other)])
    assert set(pnl.values()) == {0}


def test_commission_is_taken_from_the_net_winnings_of_the_market() -> None:
    bets = [
        Position(Direction.BACK, frozenset("H"), "2.50", 100),
        Position(Direction.LAY, frozenset("H"), "2.30", 80),
        Position(Direction.BACK, frozenset("D"), "3.6", 20),
    ]
    gross = outcome_pnl(OUTCOMES, bets)
    assert gross == {"H": 26, "D": 32, "A": -40}
    assert net_of_commission(gross, "0.02") == {
        "H": Fraction("25.48"),
        "D": Fraction("31.36"),
        "A": -40,
    }
    assert worst_case_loss(gross) == 40
    with pytest.raises(ValueError, match="X"):
        outcome_pnl(OUTCOMES, [Position(Direction.BACK, frozenset("X"), 2, 1)])
    with pytest.raises(ValueError, match="negative"):
        outcome_pnl(OUTCOMES, [Position(Direction.BACK, frozenset("H"), 2, -1)])


def test_bets_on_two_lines_net_score_by_score() -> None:
    market = Market(FT, MarketKind.ASIAN_HANDICAP, -1)
    bets = [
        LineStake(market, Outcome.HOME, "2.05", 100),
        LineStake(market, Outcome.AWAY, "1.92", 105),
    ]
    pnl = score_pnl(bets)
    assert (min(pnl.values()), max(pnl.values())) == exactly("-3.4", 0)
    assert (pnl[0, 0], pnl[1, 0], pnl[0, 1]) == exactly("-1.7", 0, "-3.4")


def test_an_arbitrage_by_name_may_leak_in_a_push_state() -> None:
    home = LineStake(Market(FT, MarketKind.ASIAN_HANDICAP, 0), Outcome.HOME, "2.10", 100)
    away = LineStake(Market(FT, MarketKind.ASIAN_HANDICAP, 0), Outcome.AWAY, "2.10", 100)
    lost = LineStake(Market(FT, MarketKind.ASIAN_HANDICAP, -2), Outcome.HOME, "2.10", 100)
    assert covers_every_score([home, away])
    assert not covers_every_score([lost, away])


@pytest.mark.parametrize(
    ("value", "up", "down"),
    [("2.01", "2.02", "2"), ("3.03", "3.05", "3"), ("7.3", "7.4", "7.2"), ("1.005", "1.01", None)],
)
def test_betfair_prices_round_to_the_ladder(value: str, up: str, down: str | None) -> None:
    ladder = betfair()
    assert ladder.up(value) == Fraction(up)
    assert ladder.down(value) == (None if down is None else Fraction(down))
    assert not ladder.contains(value)


def test_the_published_ladders_have_their_published_size() -> None:
    assert len(betfair()) == 350
    assert (betfair().prices[0], betfair().prices[-1]) == exactly("1.01", 1000)
    american = prophetx()
    assert len(american) == 291
    assert sum(label > 0 for label in american.labels) == 146
    assert (american.prices[0], american.prices[-1]) == exactly("1.01", 101)
    assert betdaq().prices[-1] == 1000
    assert betdaq().contains("2.01")


def test_prophetx_rounds_in_decimal_order_and_writes_american() -> None:
    ladder = prophetx()
    assert (ladder.up("1.909"), ladder.down("1.909")) == exactly(-110, -111)
    assert (ladder.up("2.21"), ladder.down("2.21")) == exactly(122, 120)
    assert ladder.up("2.00") == ladder.down("2.00") == 100
    assert -100 not in ladder.labels


@given(st.sampled_from([betfair(), betdaq(), prophetx()]), st.data())
def test_steps_along_a_ladder_are_counted_and_reversed(ladder: Ladder, data: st.DataObject) -> None:
    here = data.draw(st.integers(0, len(ladder) - 1))
    there = data.draw(st.integers(0, len(ladder) - 1))
    start = ladder.prices[here]
    assert ladder.move(start, there - here) == ladder.labels[there]
    assert ladder.ticks_between(start, ladder.prices[there]) == there - here
    assert ladder.up(start) == ladder.down(start) == ladder.labels[here]


def test_ladders_refuse_what_is_not_on_them_and_end_in_none() -> None:
    assert betfair().move("1.01", -1) is betfair().move("1000", 1) is None
    for refused in (
        lambda: betfair().move("2.01", 1),
        lambda: betfair().ticks_between("2", "2.01"),
    ):
        with pytest.raises(ValueError, match=r"2\.01"):
            refused()
    with pytest.raises(ValueError, match="rise"):
        Ladder([Fraction(2), Fraction(2)])


@given(st.floats(1.2, 6), st.floats(1.2, 6), st.floats(1, 500), st.floats(1, 500))
def test_copying_two_sides_is_zero_sum_with_the_takers(
    a: float, b: float, on_a: float, on_b: float
) -> None:
    made = two_sided(a, b, on_a, on_b)
    assert made.pnl_if_a == pytest.approx(on_b - on_a * (a - 1))
    assert made.worst == min(made.pnl_if_a, made.pnl_if_b)
    balanced = two_sided(a, b, made.balanced_ratio * on_b, on_b)
    assert balanced.pnl_if_a == pytest.approx(balanced.pnl_if_b, abs=1e-6)
    turnover = made.balanced_ratio * on_b + on_b
    assert balanced.pnl_if_a / turnover == pytest.approx(hold([a, b]), abs=1e-9)


def test_quotes_carry_their_margin_and_are_pulled_when_the_price_moves() -> None:
    made = quotes([0.5, 0.3, 0.2], 0.05)
    assert sum(1 / odds for odds in made) == pytest.approx(1.05)
    assert must_pull(0.5, 0.514, 0.05, 1, 5)
    assert must_pull(0.5, 0.5, 0.05, 6, 5)
    assert not must_pull(0.5, 0.51, 0.05, 1, 5)
    with pytest.raises(InvalidOddsError):
        quotes([0.99, 0.01], 0.05)


def test_inventory_skews_the_quotes_as_in_the_reference() -> None:
    assert reservation_exponential([0.5, 0.5], [100, -100], 0.002) == pytest.approx(
        (0.4013123399, 0.5986876601), abs=1e-9
    )
    assert reservation_log([0.5, 0.5], [100, -100], 5000) == pytest.approx((0.49, 0.51))
    assert reservation_exponential([0.45, 0.27, 0.28], [-120, 80, 40], 0.001) == pytest.approx(
        (0.4946916485, 0.2430115595, 0.2622967920), abs=1e-9
    )


@given(st.floats(0.05, 0.95), st.floats(-500, 500))
def test_an_even_inventory_moves_nothing(p: float, held: float) -> None:
    assert reservation_exponential([p, 1 - p], [held, held], 0.01) == pytest.approx((p, 1 - p))
    assert reservation_log([p, 1 - p], [held, held], 5000) == pytest.approx((p, 1 - p))


def test_making_refuses_what_makes_no_sense() -> None:
    with pytest.raises(InvalidOddsError):
        reservation_log([0.5, 0.5], [-5000, 0], 5000)
    with pytest.raises(IncompleteMarketError):
        reservation_exponential([0.5, 0.5], [1], 0.1)
    for pnl, gamma in (([nan, 0], 0.1), ([1, 0], inf), ([inf, 0], 0.1)):
        with pytest.raises(InvalidOddsError):
            reservation_exponential([0.5, 0.5], pnl, gamma)
    with pytest.raises(NoSolutionError):
        reservation_exponential([0.5, 0.5], [-1e6, 0], 1)
    with pytest.raises(InvalidOddsError):
        reservation_exponential([0.5, 0.6], [1, 1], 0.1)
    with pytest.raises(InvalidOddsError):
        stoikov_spread(0, 1, 1)
    with pytest.raises(InvalidOddsError):
        stoikov_spread(inf, 1, 1)
    with pytest.raises(InvalidOddsError):
        two_sided(1.0, 2.0, 1, 1)
    with pytest.raises(InvalidOddsError):
        two_sided(2.0, 2.0, nan, 1)


def test_the_stoikov_spread_of_the_reference() -> None:
    made = stoikov_spread(0.1, 1.5, 0.25)
    assert made == pytest.approx((0.6578852114, 0.025), abs=1e-9)
