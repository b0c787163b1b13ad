"""What tickets say of a bet: one, several, none accepted; and what is wrong with them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from keter.betting_settings import RouterSettings
from keter.bus.codec import encode
from keter.domain.feed import EventScore
from keter.domain.market_kinds import Outcome
from keter.domain.markets import parse_market
from keter.domain.order_events import Fill
from keter.domain.order_states import FINAL, SETTLED, OrderState
from keter.domain.orders import Order
from keter.domain.quotes import Score
from keter.domain.sports_scores import BasketballScore
from keter.domain.tickets import Ticket, TicketStatus
from keter.execution.reconcile.settling import compare, own_settlement
from keter.execution.reconcile.tickets import (
    contradicts,
    is_whole,
    new_changes,
    next_state,
    read_tickets,
)
from tests.kit.execution import NOW, TOTALS, an_intent, approved

S = OrderState
ROUTER = RouterSettings()
SIGNAL = encode(approved(offers={"IBC": 2.20, "GA": 2.10}))
BET = Order(an_intent(signal=SIGNAL), S.OPEN, NOW)


def a_ticket(status: TicketStatus = TicketStatus.RUNNING, number: int = 1, **values: Any) -> Ticket:
    ticket = Ticket(
        reference=BET.intent.reference,
        ticket_id=f"61{number}",
        book="IBC",
        status=status,
        odds="2.200",
        stake_minor=1000,
        pnl_minor=0,
        placed_at=NOW,
        market=TOTALS,
        outcome=Outcome.OVER,
        home="Alpha FC",
        away="Beta FC",
        league="L",
        kickoff=None,
    )
    return msgspec.structs.replace(ticket, **values)


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ([TicketStatus.PENDING], S.OPEN),
        ([TicketStatus.RUNNING], S.FILLED),
        ([TicketStatus.REFUSED], S.REFUSED),
        ([TicketStatus.VOID], S.VOID),
        ([TicketStatus.REFUSED, TicketStatus.RUNNING], S.FILLED),
        ([TicketStatus.PENDING, TicketStatus.RUNNING], S.OPEN),
        ([TicketStatus.REFUSED, TicketStatus.REFUSED], S.REFUSED),
        ([TicketStatus.VOID, TicketStatus.RUNNING], S.FILLED),
    ],
)
def test_a_bet_is_where_its_least_decided_accepted_ticket_is(
    statuses: list[TicketStatus], state: OrderState
) -> None:
    tickets = [a_ticket(status, n, stake_minor=500) for n, status in enumerate(statuses)]
    assert read_tickets(BET, tickets, ROUTER).state is state


@pytest.mark.parametrize(
    ("booked", "shown", "whole"),
    [
        (None, [1], True),
        ("611", [1], True),
        ("611,612", [1, 2], True),
        ("611,612", [2], False),
        ("611,612", [1, -2], True),  # one was taken back: all are there
        ("611,612", [-3, 2], False),
        ("611,612", [7, 8], True),  # the same under numbers of their own
    ],
)
def test_a_bet_is_whole_when_all_that_was_booked_is_shown(
    booked: str | None, shown: list[int], whole: bool
) -> None:
    names = booked.split(",") if booked else []
    fills = tuple(Fill(name, "2.200", Decimal("2.2"), 500, NOW) for name in names)
    bet = msgspec.structs.replace(BET, fills=fills)
    tickets = [
        a_ticket(TicketStatus.RUNNING if n > 0 else TicketStatus.REFUSED, abs(n)) for n in shown
    ]
    assert is_whole(bet, tickets) is whole


def test_a_split_bet_sums_its_tickets() -> None:
    tickets = [
        a_ticket(
            TicketStatus.SETTLED, 1, stake_minor=600, odds="2.20", pnl_minor=720, result="WON"
        ),
        a_ticket(
            TicketStatus.SETTLED,
            2,
            stake_minor=400,
            odds="2.10",
            pnl_minor=440,
            result="WON",
            book="GA",
        ),
        a_ticket(TicketStatus.REFUSED, 3, stake_minor=900),
    ]
    seen = read_tickets(BET, tickets, ROUTER)
    assert (seen.state, seen.changes.pnl_minor) == (S.WON, 1160)
    assert seen.changes.fills is not None
    bet = msgspec.structs.replace(BET, fills=seen.changes.fills)
    assert bet.standing_minor == 1000
    assert (bet.odds, bet.book, bet.ticket_id) == ("2.1600", "IBC,GA", "611,612")
    assert seen.problems == {}


def test_results_that_differ_are_decided_by_the_money_and_told() -> None:
    tickets = [
        a_ticket(TicketStatus.SETTLED, 1, stake_minor=500, pnl_minor=600, result="WON"),
        a_ticket(TicketStatus.VOID, 2, stake_minor=500),
    ]
    seen = read_tickets(BET, tickets, ROUTER)
    assert (seen.state, seen.changes.pnl_minor) == (S.WON, 600)
    assert "result" in seen.problems


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"stake_minor": 1001}, "stake"),
        ({"odds": "2.17"}, "price"),
        ({"outcome": Outcome.UNDER}, "selection"),
    ],
)
def test_what_the_venue_booked_otherwise_is_told(values: dict[str, Any], word: str) -> None:
    assert list(read_tickets(BET, [a_ticket(**values)], ROUTER).problems) == [word]


@pytest.mark.parametrize(
    "values",
    [{"stake_minor": 400}, {"odds": "2.18"}, {"odds": "2.30"}, {"market": None, "outcome": None}],
)
def test_a_partial_stake_or_a_price_within_slippage_is_no_trouble(values: dict[str, Any]) -> None:
    assert read_tickets(BET, [a_ticket(**values)], ROUTER).problems == {}


def test_an_older_answer_takes_no_step_back() -> None:
    assert next_state(S.FILLED, S.OPEN) is None
    assert next_state(S.WON, S.FILLED) is None
    assert next_state(S.UNKNOWN, S.OPEN) is S.OPEN
    assert next_state(S.WON, S.LOST) is S.LOST
    for state in OrderState:
        assert next_state(state, state) is None


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_bet_that_lives_contradicts_us(state: OrderState) -> None:
    assert contradicts(state, S.FILLED)
    assert contradicts(state, S.WON) is (state not in SETTLED)
    assert not contradicts(S.FILLED, S.WON)
    assert not contradicts(S.REFUSED, S.REFUSED)


def test_only_what_the_ledger_does_not_know_is_news() -> None:
    seen = read_tickets(BET, [a_ticket()], ROUTER)
    fresh = new_changes(BET, seen.changes)
    assert fresh is not None and fresh.fills is not None
    known = msgspec.structs.replace(BET, fills=fresh.fills)
    assert (known.standing_minor, known.odds, known.book) == (1000, "2.200", "IBC")
    assert new_changes(known, seen.changes) is None


def test_a_ticket_without_a_time_of_its_own_is_no_news_in_every_answer() -> None:
    first = read_tickets(BET, [a_ticket()], ROUTER).changes.fills
    known = msgspec.structs.replace(BET, fills=first)
    later = msgspec.structs.replace(a_ticket(), placed_at=NOW + timedelta(minutes=1))
    assert read_tickets(known, [later], ROUTER).changes.fills == first


@pytest.mark.parametrize("odds", ["", "?", "0", "NaN"])
def test_a_ticket_whose_price_cannot_be_read_counts_at_the_asked_price(odds: str) -> None:
    fills = read_tickets(BET, [a_ticket(odds=odds)], ROUTER).changes.fills
    assert fills is not None
    assert [(fill.price_text, fill.price) for fill in fills] == [("", BET.intent.asked_price)]


def result(home: int, away: int, half: tuple[int, int] | None = None) -> EventScore:
    return EventScore("ev", Score(home, away), half, ended=True, observed_at=NOW)


def test_our_own_settlement_takes_the_tickets_score_before_the_feeds() -> None:
    won = a_ticket(TicketStatus.SETTLED, final_score=(3, 0), pnl_minor=1200, result="WON")
    own = own_settlement(BET, [won], result(0, 0), from_score_at_bet=True)
    assert own is not None and (own.state, own.profit_minor) == (S.WON, 1200)
    row = compare(BET, S.WON, 1200, own, [won], NOW)
    assert row.agrees is True
    assert compare(BET, S.WON, 1201, own, [won], NOW).agrees is True, (
        "a cent of rounding is no quarrel"
    )
    assert compare(BET, S.WON, 1202, own, [won], NOW).agrees is False
    assert compare(BET, S.HALF_WON, 1200, own, [won], NOW).agrees is False


def test_without_a_final_score_we_do_not_judge() -> None:
    ticket = a_ticket(TicketStatus.SETTLED, pnl_minor=1200, result="WON")
    assert own_settlement(BET, [ticket], None, from_score_at_bet=True) is None
    half_only = msgspec.structs.replace(ticket, half_time_score=(3, 0))
    assert own_settlement(BET, [half_only], None, from_score_at_bet=True) is None
    assert compare(BET, S.WON, 1200, None, [ticket], NOW).agrees is None


def test_another_sport_is_settled_by_its_own_score_alone() -> None:
    spread = parse_market("bb", "ot.ah.-1.5")
    bet = Order(an_intent(market=spread, outcome=Outcome.HOME), S.FILLED, NOW)
    values: dict[str, Any] = {
        "market": spread,
        "outcome": Outcome.HOME,
        "result": "WON",
        "score_at_bet": (30, 20),
    }
    won = a_ticket(TicketStatus.SETTLED, final_score=(3, 0), pnl_minor=1200, **values)
    assert own_settlement(bet, [won], result(99, 97), from_score_at_bet=True) is None
    match = BasketballScore((90, 90), (99, 97))
    scored = msgspec.structs.replace(result(99, 97), match=match)
    own = own_settlement(bet, [won], scored, from_score_at_bet=True)
    # It counts from 0-0 whatever the score at the bet was.
    assert own is not None and (own.state, own.profit_minor) == (S.WON, 1200)


def test_a_first_half_is_settled_while_the_match_is_on() -> None:
    half = parse_market("fb", "ht.ou.0.5")
    bet = Order(an_intent(market=half), S.FILLED, NOW)
    ticket = a_ticket(TicketStatus.SETTLED, market=half, half_time_score=(1, 0), result="WON")
    own = own_settlement(bet, [ticket], None, from_score_at_bet=True)
    assert own is not None and own.state is S.WON
    unknown = msgspec.structs.replace(ticket, half_time_score=None, final_score=(1, 0))
    assert own_settlement(bet, [unknown], None, from_score_at_bet=True) is None


def test_money_of_many_tickets_is_never_rounded_twice() -> None:
    thirds = [
        a_ticket(TicketStatus.RUNNING, n, stake_minor=333, odds=odds)
        for n, odds in enumerate(("2.1", "2.2", "2.3"))
    ]
    fills = read_tickets(BET, thirds, ROUTER).changes.fills
    bet = msgspec.structs.replace(BET, fills=fills)
    assert Decimal(bet.odds or 0) == Decimal("2.2000")
