"""The bookmaker's ledger: money that always adds up, tickets decided and settled once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.settlement import result_halves
from keter.domain.sports import FULL_TIME
from keter.venues.asianodds.simulator.book import DAY_MS, Book, Decision, Order, State
from keter.venues.asianodds.simulator.config import AccountConfig
from keter.venues.asianodds.simulator.settlement import Selection, halves, profit
from keter.venues.simulation.match import Result

HOME = Selection(("H", True), "home", -3)
ORDER = Order(
    "ANNA",
    "WA-1",
    "IBC",
    HOME,
    2000,
    "00",
    1000,
    match_id=9,
    game_id=1,
    market_type=1,
    sport=1,
    league="L",
    home="H",
    away="A",
    start_ms=0,
    score=(0, 0),
)
WON = Result(9, 5000, True, (3, 0), (1, 0))


def a_book(deposit_minor: int = 10_000, keep_closed: int = 1000) -> Book:
    return Book(
        (AccountConfig("Anna", "secret", deposit_minor),),
        settle_after_ms=100,
        keep_closed=keep_closed,
    )


def test_credit_falls_on_acceptance_and_comes_back_with_the_profit() -> None:
    book = a_book()
    account = book.accounts["ANNA"]
    ticket = book.place(ORDER, Decision(50), 0)
    book.advance(49, [])
    assert (ticket.state, account.credit_minor, account.outstanding_minor) == (
        State.PENDING,
        10_000,
        0,
    )
    book.advance(50, [])
    assert (ticket.state, account.credit_minor, account.outstanding_minor) == (
        State.RUNNING,
        9000,
        1000,
    )
    book.advance(5099, [WON])
    assert ticket.state is State.RUNNING
    book.advance(5100, [])
    assert (ticket.state, ticket.pnl_info, ticket.pnl_minor, ticket.settled_ms) == (
        State.SETTLED,
        "Won",
        1000,
        5100,
    )
    assert (account.credit_minor, account.outstanding_minor, account.pnl_minor) == (11_000, 0, 1000)


def test_a_refused_ticket_moves_no_money() -> None:
    book = a_book()
    ticket = book.place(ORDER, Decision(50, refusal="Bet rejected by book"), 0)
    book.advance(50, [WON])
    book.advance(6000, [])
    assert (ticket.state, ticket.message, ticket.pnl_minor) == (
        State.REFUSED,
        "Bet rejected by book",
        0,
    )
    assert book.accounts["ANNA"].credit_minor == 10_000


def test_what_the_credit_does_not_cover_is_refused_on_acceptance() -> None:
    book = a_book(1500)
    first, second = book.place(ORDER, Decision(50), 0), book.place(ORDER, Decision(60), 0)
    book.advance(60, [])
    assert (first.state, second.state) == (State.RUNNING, State.REFUSED)
    assert second.message == "Credit limit exceeded. Available: 5.00"


def test_a_bet_taken_back_returns_its_stake_unless_it_has_settled() -> None:
    book = a_book()
    revoked = book.place(ORDER, Decision(50, revoke_ms=80), 0)
    settled = book.place(ORDER, Decision(50, revoke_ms=9000), 0)
    book.advance(80, [WON])
    assert (revoked.state, book.accounts["ANNA"].credit_minor) == (State.REFUSED, 9000)
    book.advance(9000, [])
    assert settled.state is State.SETTLED


def test_another_stake_and_price_than_asked_are_booked_when_the_decision_says_so() -> None:
    book = a_book()
    ticket = book.place(ORDER, Decision(50, stake_minor=400, odds_milli=1900), 0)
    book.advance(50, [])
    assert (ticket.stake_minor, ticket.odds_milli, ticket.order.stake_minor) == (400, 1900, 1000)
    assert book.accounts["ANNA"].outstanding_minor == 400


def test_a_ticket_accepted_after_the_end_settles_at_once() -> None:
    book = a_book()
    book.advance(6000, [WON])
    ticket = book.place(ORDER, Decision(6100), 6000)
    book.advance(6100, [])
    assert ticket.state is State.SETTLED


def test_half_time_bets_settle_at_half_time_and_are_void_when_the_match_is() -> None:
    book = a_book()
    half = replace(ORDER, selection=Selection(("O", False), "over", 2))
    first = book.place(half, Decision(1), 0)
    book.advance(1, [])
    book.advance(2000, [Result(9, 1000, False, (1, 0), (1, 0))])
    assert (first.state, first.pnl_info) == (State.SETTLED, "Won")
    other = book.place(replace(half, match_id=10), Decision(2001), 2000)
    book.advance(3000, [])
    book.advance(9000, [Result(10, 4000, True, (0, 0), None, void=True)])
    assert (other.state, other.pnl_minor) == (State.VOID, 0)


def test_in_play_handicaps_count_from_the_score_at_the_bet() -> None:
    book = a_book()
    ticket = book.place(replace(ORDER, score=(2, 0)), Decision(1), 0)
    book.advance(1, [])
    book.advance(9000, [WON])
    assert (ticket.pnl_info, ticket.pnl_minor) == ("Half won", 500)


def test_the_days_of_profit_are_kept_apart() -> None:
    book = a_book()
    book.place(ORDER, Decision(1), 0)
    book.place(replace(ORDER, match_id=10), Decision(1), 0)
    book.advance(1, [])
    book.advance(DAY_MS + 9000, [WON, Result(10, DAY_MS, True, (0, 0), (0, 0))])
    assert book.accounts["ANNA"].pnl_by_day == {0: 1000, 1: -1000}


def test_old_closed_tickets_are_forgotten_and_the_money_still_adds_up() -> None:
    book = a_book(10**9, keep_closed=10)
    for number in range(50):
        book.place(replace(ORDER, reference=f"WA-{number}"), Decision(1), 0)
    book.advance(1, [])
    book.advance(9000, [WON])
    assert len(book.tickets()) == 10
    assert book.by_reference("anna", "WA-0") == []
    assert len(book.by_reference("anna", "WA-49")) == 1
    assert book.accounts["ANNA"].balanced()
    assert book.accounts["ANNA"].pnl_minor == 50_000


SELECTIONS = st.one_of(
    st.builds(
        Selection, st.just(("H", True)), st.sampled_from(["home", "away"]), st.integers(-12, 12)
    ),
    st.builds(
        Selection, st.just(("O", True)), st.sampled_from(["over", "under"]), st.integers(2, 24)
    ),
    st.builds(
        Selection, st.just(("X", True)), st.sampled_from(["home", "away", "draw"]), st.none()
    ),
)
SCORES = st.tuples(st.integers(0, 6), st.integers(0, 6))


@given(
    st.lists(
        st.tuples(
            SELECTIONS,
            st.integers(500, 50_000),
            st.integers(1005, 20_000),
            st.integers(0, 9000),
            st.booleans(),
            st.one_of(st.none(), st.integers(0, 12_000)),
        ),
        max_size=30,
    ),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9000), SCORES, st.booleans()), max_size=6),
    st.lists(st.integers(0, 15_000), max_size=10),
)
def test_credit_and_outstanding_always_equal_deposit_and_profit(
    bets: list[tuple[Selection, int, int, int, bool, int | None]],
    results: list[tuple[int, int, tuple[int, int], bool]],
    looks: list[int],
) -> None:
    """Whatever is accepted, refused, taken back, settled or void, in whatever order and however
    often one looks.
    """
    book = a_book(100_000)
    for number, (selection, stake, odds, due, refused, revoke) in enumerate(bets):
        order = replace(
            ORDER, selection=selection, stake_minor=stake, odds_milli=odds, match_id=number % 4
        )
        revoke_ms = None if revoke is None else due + revoke
        book.place(order, Decision(due, "no" if refused else None, revoke_ms=revoke_ms), 0)
    ends = sorted(
        (Result(match, at, True, score, (0, 0), void=void) for match, at, score, void in results),
        key=lambda r: r.at_ms,
    )
    for now_ms in sorted([*looks, 30_000]):
        book.advance(now_ms, [result for result in ends if result.at_ms <= now_ms])
        ends = [result for result in ends if result.at_ms > now_ms]
        account = book.accounts["ANNA"]
        running = [t for t in book if t.state is State.RUNNING]
        assert account.balanced()
        assert account.outstanding_minor == sum(t.stake_minor for t in running)
        assert (
            account.pnl_minor == sum(t.pnl_minor for t in book) == sum(account.pnl_by_day.values())
        )
        assert account.credit_minor >= 0


_KINDS = {"H": MarketKind.ASIAN_HANDICAP, "O": MarketKind.OVER_UNDER, "X": MarketKind.ONE_X_TWO}


@given(SELECTIONS, SCORES, SCORES)
def test_both_sides_of_the_counter_settle_alike(
    selection: Selection, at_bet: tuple[int, int], later: tuple[int, int]
) -> None:
    """The bookmaker's own arithmetic and Keter's were written apart and must agree."""
    final = (at_bet[0] + later[0], at_bet[1] + later[1])
    market = Market(FULL_TIME, _KINDS[selection.slot[0]], selection.line_q)
    start = at_bet if selection.slot[0] == "H" else (0, 0)
    assert halves(selection, final, at_bet) == result_halves(
        market, Outcome(selection.name), *final, start=start
    )


@pytest.mark.parametrize(
    ("result", "milli", "stake", "expected"),
    [
        (2, 1970, 500, 485),
        (1, 1970, 500, 243),
        (0, 1970, 500, 0),
        (-1, 1970, 501, -251),
        (-2, 1970, 500, -500),
        (1, 1950, 10_000, 4750),
    ],
)
def test_profits_round_half_a_cent_away_from_zero(
    result: int, milli: int, stake: int, expected: int
) -> None:
    assert profit(result, milli, stake) == expected
