"""What an order of the ledger puts at risk, in every state of its life."""

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest

from keter.domain.accounts import Account, AccountId
from keter.domain.exposure import Exposure, ExposureStatus, Terms, exposure_of, terms_of
from keter.domain.order_events import (
    CancelAsked,
    CancelConfirmed,
    Lapsed,
    Matched,
    NoClearAnswer,
    OrderEvent,
    SendingCommitted,
    Voided,
)
from keter.domain.order_states import OrderState, Side
from keter.domain.trading import ExecutionMode
from tests.kit.orders import AT, after, an_order_intent, fill, fresh, one_fill, open_order

S = OrderState
TERMS = Terms("0.02", "1.17")


def at_risk(*events: OrderEvent, side: Side = Side.BACK) -> tuple[int, tuple[tuple[int, str], ...]]:
    """Return stake and fills of what an accepted order of 10 puts at risk after ``events``."""
    made = exposure_of(open_order(*events, side=side), TERMS)
    return made.stake_minor, made.fills


def test_it_carries_what_the_intent_and_the_account_say() -> None:
    order = open_order(side=Side.LAY)
    made = exposure_of(order, TERMS)
    assert (made.side, made.strategy, made.odds, made.account, made.terms, made.status) == (
        Side.LAY,
        "making",
        "2.12",
        "toy:main",
        TERMS,
        ExposureStatus.BET,
    )
    assert made.market == order.intent.market
    assert msgspec.json.decode(msgspec.json.encode(made), type=Exposure) == made


def test_an_approved_order_counts_whole_before_it_is_sent_while_it_rests_and_while_in_doubt() -> (
    None
):
    for order in (
        fresh(an_order_intent("r", 10, Side.BACK)),
        after(SendingCommitted()),
        after(SendingCommitted(), NoClearAnswer("time-out")),
        open_order(),
        open_order(CancelAsked()),
    ):
        made = exposure_of(order, TERMS)
        assert (made.stake_minor, made.rest_minor, made.fills) == (10, 10, ())


def test_filled_parts_stand_at_their_own_odds_and_the_rest_is_open() -> None:
    assert at_risk(fill("a", 3, "2.2"), fill("b", 2, "2.10")) == (10, ((3, "2.2"), (2, "2.1")))
    assert at_risk(fill("a", 3), CancelAsked()) == (10, ((3, "2"),))
    assert at_risk(fill("a", 10)) == (10, ((10, "2"),))


def test_of_a_cancelled_or_lapsed_order_only_the_fills_count() -> None:
    assert at_risk(fill("a", 3), CancelAsked(), CancelConfirmed(7)) == (3, ((3, "2"),))
    assert at_risk(fill("a", 3), Lapsed(7)) == (3, ((3, "2"),))
    assert at_risk(CancelAsked(), CancelConfirmed(10)) == (0, ())


def test_what_ended_without_a_word_on_how_much_may_still_turn_out_filled() -> None:
    assert at_risk(fill("a", 3), CancelAsked(), CancelConfirmed(None)) == (10, ((3, "2"),))


def test_a_part_of_a_resting_order_that_was_cancelled_is_gone() -> None:
    part = CancelConfirmed(4, nothing_rests=False)
    assert at_risk(fill("a", 3), part) == (6, ((3, "2"),))


def test_the_remainder_of_a_bookmakers_bet_counts_until_the_bet_is_final() -> None:
    order = msgspec.structs.replace(open_order(), state=S.FILLED, fills=one_fill(6))
    made = exposure_of(order, TERMS)
    assert (made.stake_minor, made.rest_minor, made.fills) == (10, 4, ((6, "2.1"),))
    more = msgspec.structs.replace(order, fills=one_fill(12))
    assert exposure_of(more, TERMS).stake_minor == 12


def test_totals_without_prices_count_at_their_average_rounded_against_us() -> None:
    matched = Matched(6, Decimal("2.5"))
    assert at_risk(matched) == (10, ((6, "2.5"),))
    # Of 3 at 2.0 and 4 at 2.1 a part is void, nobody says which: 2.057142... on the average.
    ((size, price),) = at_risk(fill("a", 3), fill("b", 4, "2.1"), Voided(2))[1]
    exact = Fraction(3 * 20 + 4 * 21, 70)
    assert (size, price) == (5, "2.0571428571428571428")
    assert 0 < exact - Fraction(price) < Fraction(1, 10**18)
    ((_, laid),) = at_risk(fill("a", 3), fill("b", 4, "2.1"), Voided(2), side=Side.LAY)[1]
    assert 0 < Fraction(laid) - exact < Fraction(1, 10**18)


@pytest.mark.parametrize("state", [S.SKIPPED, S.REFUSED])
def test_an_order_that_was_never_placed_puts_nothing_at_risk(state: S) -> None:
    order = msgspec.structs.replace(
        fresh(an_order_intent("r", 10, Side.BACK)), state=state, updated_at=AT
    )
    assert exposure_of(order, TERMS).alone_minor == 0


@pytest.mark.parametrize(
    ("commission", "rate", "text"),
    [
        ("0", "1", Terms()),
        ("0.020", "1.170", Terms("0.02", "1.17")),
        ("0E-2", "100", Terms("0", "100")),
    ],
)
def test_an_accounts_terms_are_plain_text(commission: str, rate: str, text: Terms) -> None:
    account = Account(
        AccountId("v", "a"), "GBP", Decimal(commission), ExecutionMode.DRY, Decimal(rate)
    )
    assert terms_of(account) == text
