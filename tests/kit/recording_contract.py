"""What every ledger must keep of an exchange's orders, whatever database holds it."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from keter.domain.order_events import (
    Accepted,
    CancelAsked,
    CancelConfirmed,
    Fill,
    Filled,
    Lapsed,
    OrderEvent,
    QuoteAsked,
    SendingCommitted,
    Settled,
    Voided,
)
from keter.domain.order_life import apply
from keter.domain.order_states import OrderState, Side
from keter.domain.orders import Order
from keter.domain.trading import ExecutionMode
from keter.errors import IllegalTransitionError
from keter.ledger import FencedError, Ledger, NotInLedgerError, SelectionOpenError
from tests.kit.execution import ACCOUNT, NOW, an_intent

DRY = ExecutionMode.DRY
S = OrderState
SENT: tuple[OrderEvent, ...] = (SendingCommitted(), Accepted("v1"))


def a_fill(name: str, size_minor: int, seconds: int = 0) -> Filled:
    at = NOW + timedelta(seconds=seconds)
    return Filled(Fill(name, "-110", Decimal("1.9090909"), size_minor, at))


async def live(ledger: Ledger, order: Order, *events: OrderEvent) -> Order:
    """Write what each event makes of the order, a second after the other."""
    for event in events:
        after = apply(order, event)
        later = msgspec.structs.replace(after, updated_at=order.updated_at + timedelta(seconds=1))
        cause = type(event).__name__
        order = await ledger.orders.record(order, later, cause=cause, worker="w")
    return order


async def sent(ledger: Ledger, intent_id: str = "i1", **how: object) -> Order:
    """Return an order that rests at the venue."""
    intent = msgspec.structs.replace(an_intent(intent_id), **how)
    return await live(ledger, await ledger.orders.create(intent, worker="w"), *SENT)


class RecordingContract:
    """Subclasses give the fixture ``ledger``."""

    async def test_the_life_of_an_order_is_kept_step_by_step(self, ledger: Ledger) -> None:
        order = await sent(ledger)
        order = await live(
            ledger,
            order,
            a_fill("a", 300, 5),
            a_fill("b", 200, 3),  # which the venue reports late
            CancelAsked(),
            Voided(100),
            CancelConfirmed(500),
        )
        assert (order.state, order.standing_minor) == (S.CANCELLED, 400)
        assert [fill.fill_id for fill in order.fills] == ["b", "a"]
        assert await ledger.orders.get("i1") == order
        assert await ledger.orders.open_orders(DRY) == [order]
        trail = await ledger.orders.trail("i1")
        assert [(step.source, step.target) for step in trail[1:]] == [
            (S.INTENDED, S.SENDING),
            (S.SENDING, S.OPEN),
            (S.OPEN, S.PARTLY_FILLED),
            (S.PARTLY_FILLED, S.PARTLY_FILLED),
            (S.PARTLY_FILLED, S.CANCELLING),
            (S.CANCELLING, S.CANCELLING),
            (S.CANCELLING, S.CANCELLED),
        ]
        assert [step.at for step in trail] == [NOW + timedelta(seconds=n) for n in range(8)]
        order = await live(ledger, order, Settled(S.WON, 390, NOW))
        assert await ledger.orders.open_orders(DRY) == []
        assert await ledger.integrity() == []

    async def test_an_event_that_says_nothing_new_writes_nothing(self, ledger: Ledger) -> None:
        order = await live(ledger, await sent(ledger), a_fill("a", 300))
        before = await ledger.orders.trail("i1")
        assert await live(ledger, order, a_fill("a", 300), Accepted("v1")) == order
        assert await ledger.orders.trail("i1") == before

    async def test_what_was_decided_on_an_older_order_is_refused_whole(
        self, ledger: Ledger
    ) -> None:
        """The state may be the same: other facts are enough."""
        old = await live(ledger, await sent(ledger), a_fill("a", 300))
        new = await live(ledger, old, a_fill("b", 200))
        trail = await ledger.orders.trail("i1")
        with pytest.raises(IllegalTransitionError, match="has changed"):
            await live(ledger, old, a_fill("c", 100))
        with pytest.raises(IllegalTransitionError, match="has changed"):
            await live(ledger, old, CancelAsked())
        assert await ledger.orders.get("i1") == new
        assert await ledger.orders.trail("i1") == trail

    async def test_of_several_who_record_at_once_one_succeeds(self, ledger: Ledger) -> None:
        order = await sent(ledger)
        tries = [live(ledger, order, a_fill(f"f{n}", 100)) for n in range(4)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        (winner,) = [one for one in found if isinstance(one, Order)]
        assert sum(isinstance(one, IllegalTransitionError) for one in found) == 3
        assert await ledger.orders.get("i1") == winner

    async def test_fills_intent_and_steps_are_checked_again(self, ledger: Ledger) -> None:
        order = await live(ledger, await sent(ledger), a_fill("a", 300))
        replace = msgspec.structs.replace
        for wrong, sentence in (
            (replace(order, fills=()), "does not lose fills"),
            (replace(order, fills=(a_fill("a", 299).fill,)), "does not lose fills"),
            (replace(order, intent=replace(order.intent, stake_minor=9)), "does not change"),
            (replace(order, state=S.QUOTED), "cannot go from PARTLY_FILLED to QUOTED"),
        ):
            with pytest.raises(IllegalTransitionError, match=sentence):
                await ledger.orders.record(order, wrong, cause="c", worker="w")
        assert await ledger.orders.get("i1") == order

    async def test_an_order_that_was_never_created_is_no_order(self, ledger: Ledger) -> None:
        order = Order(an_intent("nobody"), S.INTENDED, NOW)
        with pytest.raises(NotInLedgerError):
            await live(ledger, order, QuoteAsked())

    async def test_a_replaced_owner_records_nothing(self, ledger: Ledger) -> None:
        old = await ledger.orders.takeover(ACCOUNT, DRY, at=NOW, worker="old")
        order = await ledger.orders.create(an_intent("i1", fence=old.fence), worker="old")
        await ledger.orders.takeover(ACCOUNT, DRY, at=NOW, worker="new")
        order = await ledger.orders.get("i1")
        with pytest.raises(FencedError):
            await ledger.orders.record(
                order,
                msgspec.structs.replace(order, reason="x"),
                cause="c",
                worker="old",
                fence=old.fence,
            )

    async def test_sides_and_strategies_do_not_hold_each_others_selection(
        self, ledger: Ledger
    ) -> None:
        await sent(ledger, "i1")
        await sent(ledger, "i2", strategy="making")
        await sent(ledger, "i3", strategy="making", side=Side.LAY)
        for intent_id, strategy, side in (
            ("i4", "value", Side.BACK),
            ("i5", "making", Side.LAY),
        ):
            with pytest.raises(SelectionOpenError):
                await sent(ledger, intent_id, strategy=strategy, side=side)

    @pytest.mark.parametrize("late", [400, 1000])
    async def test_what_lapsed_without_an_amount_holds_its_selection_for_late_fills(
        self, ledger: Ledger, late: int
    ) -> None:
        """Of a part the order stays LAPSED, of the whole it becomes FILLED."""
        first = await live(ledger, await sent(ledger, "i1"), Lapsed())
        assert not first.is_final
        with pytest.raises(SelectionOpenError):
            await sent(ledger, "i2")
        first = await live(ledger, first, a_fill("late", late))
        assert first.state is (S.FILLED if late == 1000 else S.LAPSED)
        assert await ledger.orders.open_orders(DRY) == [first]
        with pytest.raises(SelectionOpenError):
            await sent(ledger, "i3")
        assert await ledger.integrity() == []

    async def test_a_cancelled_order_of_unknown_size_is_open_until_the_size_is_known(
        self, ledger: Ledger
    ) -> None:
        order = await live(ledger, await sent(ledger, "i1"), CancelAsked())
        order = await live(ledger, order, CancelConfirmed())
        assert (order.state, order.is_final) == (S.CANCELLED, False)
        assert await ledger.orders.open_orders(DRY) == [order]
        partly = await live(ledger, order, CancelConfirmed(600))
        assert await ledger.orders.open_orders(DRY) == [partly]
        whole = await live(ledger, partly, CancelConfirmed(1000))
        assert whole.is_final
        assert await ledger.orders.open_orders(DRY) == []

    async def test_a_cancelled_order_counts_with_what_was_filled(self, ledger: Ledger) -> None:
        nothing = await live(ledger, await sent(ledger, "i1"), Lapsed(1000))
        assert nothing.is_final
        order = await live(ledger, await sent(ledger, "i2"), a_fill("a", 300))
        for staked, event in ((1000, CancelAsked()), (300, CancelConfirmed(700))):
            summary = await ledger.summary(DRY, ACCOUNT, ledger.day_of(NOW))
            assert (summary.open, summary.outstanding_minor) == (1, 1000)
            assert summary.staked_minor == 1000
            order = await live(ledger, order, event)
            summary = await ledger.summary(DRY, ACCOUNT, ledger.day_of(NOW))
            assert (summary.open, summary.outstanding_minor) == (1, staked)
            _, day = await ledger.risk_picture(DRY, ACCOUNT, ledger.day_of(NOW))
            assert (day.staked_minor, day.bets) == (staked, 1)
        assert await ledger.orders.may_be_at_venue(DRY) == {ACCOUNT: 1}
