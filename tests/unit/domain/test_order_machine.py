"""An order's ledger view becomes the venue's view, whatever is late, lost, repeated or reordered.

The venue of the model is the truth: it fills, cancels, lapses, voids and settles on its own. What
it says travels over a network that delays, repeats, reorders and loses.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from keter.domain.order_events import (
    Accepted,
    CancelAsked,
    CancelConfirmed,
    CancelRefused,
    CancelUnknown,
    Fill,
    Filled,
    Lapsed,
    Matched,
    NoClearAnswer,
    OrderEvent,
    QuoteAsked,
    Refused,
    SendingCommitted,
    Settled,
    Voided,
)
from keter.domain.order_life import apply
from keter.domain.order_reconciling import Absent, VenueOrder, VenueView, mismatches, reconcile
from keter.domain.order_states import NOT_SENT, SETTLED, TRANSITIONS, OrderState, Side
from keter.domain.orders import CancelRequest, Order
from keter.errors import IllegalTransitionError
from tests.kit.orders import AT, VenueRow, an_order_intent, fresh

S = OrderState
START = datetime(2026, 11, 30, 12, tzinfo=UTC)
PRICES = [Decimal(text) for text in ("1.5", "2", "2.12", "3.75")]
# What must have happened in some run: else the promises below were held against too little.
REACHED = Counter[str]()
RACE, UNKNOWN_CANCEL, PARTIAL_FILL, LAPSE = WANTED = (
    "a cancel acts while a fill is still to be told",
    "a cancel without an answer leaves an order resting",
    "an order is filled in part and rests",
    "the rest of a partly filled order lapses",
)
# How a request ends; the more telling ways more often.
WAYS = st.sampled_from(["taken", "taken", "taken, lost", "late", "lost", "refused", "quoted first"])
CANCELS = st.sampled_from(["size", "no size", "answer lost", "lost", "lost", "refused"])
ORDERS = st.integers(0, 11)  # of which the rules take one that exists
MANY = 10**6


@dataclass(kw_only=True)
class Row(VenueRow):
    """One order as the venue really has it."""

    names_fills: bool

    def view(self, reference: str) -> VenueOrder:
        return VenueOrder(
            reference=reference,
            venue_order_id=f"v-{reference}",
            side=self.side,
            size_minor=self.size,
            price=Decimal("2.12"),
            placed_at=AT,
            matched_minor=self.filled - self.voided,
            average_price=self.average,
            resting_minor=self.resting,
            cancelled_minor=self.cancelled,
            lapsed_minor=self.lapsed,
            voided_minor=self.voided,
            fills=tuple(self.fills) if self.names_fills else (),
            result=self.result,
            pnl_minor=None if self.result is None else len(self.fills),
            settled_at=self.settled_at,
        )


class OrderLife(RuleBasedStateMachine):
    """Up to four orders, the venue's rows, and what is on its way between."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger: list[Order] = []
        self.names_fills: list[bool] = []
        self.rows: dict[int, Row] = {}
        self.flying: set[int] = set()  # requests that may still reach the venue
        self.sends: dict[int, int] = {}
        self.on_the_way: list[tuple[int, OrderEvent]] = []
        self.old_views: list[tuple[int, VenueView]] = []
        self.ticks = 0

    # -- ledger side ---------------------------------------------------------------------------

    def put(self, which: int, news: OrderEvent) -> None:
        """Apply the event and check that the step was a legal one."""
        before = self.ledger[which]
        after = apply(before, news)
        assert after.state is before.state or after.state in TRANSITIONS[before.state]
        assert happens_once(news) or apply(after, news) == after
        if before.state is S.UNKNOWN and after.state is not S.UNKNOWN:
            assert type(news).__name__ in {"Found", "NotPlaced"}
        self.ledger[which] = after
        if after.cancel is CancelRequest.UNKNOWN and after.resting_minor:
            reach(UNKNOWN_CANCEL)
        if after.filled_minor and after.resting_minor:
            reach(PARTIAL_FILL)

    @initialize(
        kinds=st.lists(
            st.tuples(st.integers(4, 12), st.sampled_from(Side), st.booleans(), WAYS),
            min_size=1,
            max_size=3,
        )
    )
    def decide(self, kinds: list[tuple[int, Side, bool, str]]) -> None:
        """Make the orders, and send them: what waits unsent tests little."""
        for which, (size, side, named, way) in enumerate(kinds):
            self.ledger.append(fresh(an_order_intent(f"r{which}", size, side)))
            self.names_fills.append(named)
            if way.startswith("quoted"):
                self.put(which, QuoteAsked())
            else:
                self.send(which, way)

    @rule(which=ORDERS, way=WAYS)
    def try_to_send(self, which: int, way: str) -> None:
        """Try in any state: only the first try may reach the venue."""
        self.send(which % len(self.ledger), way)

    def send(self, which: int, way: str) -> None:
        order = self.ledger[which]
        try:
            self.put(which, SendingCommitted())
        except IllegalTransitionError:
            assert order.state not in NOT_SENT
            return
        self.sends[which] = self.sends.get(which, 0) + 1
        if way == "late":
            self.flying.add(which)
        elif way.startswith("taken"):
            self.arrive(which)
        answers: dict[str, OrderEvent] = {
            "taken": Accepted(f"v-{order.intent.reference}"),
            "refused": Refused("suspended"),
        }
        self.say(which, answers.get(way, NoClearAnswer("timeout")))

    def arrive(self, which: int) -> None:
        order = self.ledger[which]
        assert which not in self.rows
        self.rows[which] = Row(
            size=order.stake_minor, side=order.intent.side, names_fills=self.names_fills[which]
        )

    @rule(which=ORDERS, way=CANCELS, overtaken_by=st.integers(0, 4))
    def cancel(self, which: int, way: str, overtaken_by: int) -> None:
        """Ask for a cancel; a fill may overtake it, and its answer races all that is on the way."""
        which = self.taken(which)[0] if self.rows else which % len(self.ledger)
        try:
            self.put(which, CancelAsked())
        except IllegalTransitionError:
            return
        row = self.rows.get(which)
        if row is not None and overtaken_by:
            self.fill_row(which, overtaken_by, PRICES[0])
        if row is None or row.resting == 0 or way == "refused":
            self.say(which, CancelRefused("nothing to cancel"))
            return
        if way != "lost":
            if row.filled > self.ledger[which].filled_minor:
                reach(RACE)
            row.cancelled += row.resting
        answers = {
            "size": CancelConfirmed(row.cancelled),
            "no size": CancelConfirmed(),
        }
        self.say(which, answers.get(way, CancelUnknown("timeout")))

    @rule(which=ORDERS)
    def die_while_sending(self, which: int) -> None:
        which %= len(self.ledger)
        if self.ledger[which].state is S.SENDING:
            self.put(which, NoClearAnswer("restart"))

    # -- venue side ----------------------------------------------------------------------------

    def say(self, which: int, *news: OrderEvent) -> None:
        self.on_the_way += [(which, one) for one in news]

    @rule(which=ORDERS, arrives=st.booleans())
    def request_lands_late(self, which: int, arrives: bool) -> None:
        which %= len(self.ledger)
        if which in self.flying:
            self.flying.discard(which)
            if arrives:
                self.arrive(which)

    def taken(self, which: int) -> tuple[int, Row]:
        """Return one of the orders that the venue has."""
        taken = sorted(self.rows)[which % len(self.rows)]
        return taken, self.rows[taken]

    @precondition(lambda self: self.rows)
    @rule(which=ORDERS, size=st.integers(1, 5), price=st.sampled_from(PRICES))
    def fill(self, which: int, size: int, price: Decimal) -> None:
        self.fill_row(self.taken(which)[0], size, price)

    def fill_row(self, which: int, size: int, price: Decimal) -> None:
        row = self.rows[which]
        if row.resting == 0 or row.result:
            return
        # At the order's price or better: the backer wants more, the layer less.
        limit = self.ledger[which].intent.asked_price
        price = max(price, limit) if row.side is Side.BACK else min(price, limit)
        self.ticks += 1
        at = START + timedelta(seconds=self.ticks)
        fill = Fill(f"f{self.ticks}", str(price), price, min(size, row.resting), at)
        row.fills.append(fill)
        if row.names_fills:
            self.say(which, Filled(fill))
        self.say(which, Matched(row.filled, row.average))

    @precondition(lambda self: self.rows)
    @rule(which=ORDERS, says_size=st.booleans(), filled_first=st.integers(0, 4))
    def lapse(self, which: int, says_size: bool, filled_first: int) -> None:
        which, row = self.taken(which)
        if filled_first:
            self.fill_row(which, filled_first, PRICES[0])
        if row.resting:
            if row.filled:
                reach(LAPSE)
            row.lapsed += row.resting
            self.say(which, Lapsed(row.lapsed if says_size else None))

    @precondition(lambda self: self.rows)
    @rule(which=ORDERS, size=st.integers(1, 12))
    def cancel_a_part_elsewhere(self, which: int, size: int) -> None:
        which, row = self.taken(which)
        if row.resting > size:
            row.cancelled += size
            self.say(which, CancelConfirmed(row.cancelled, nothing_rests=False))

    @precondition(lambda self: self.rows)
    @rule(which=ORDERS, size=st.integers(1, 12))
    def void_a_part(self, which: int, size: int) -> None:
        which, row = self.taken(which)
        if row.filled - row.voided >= size and row.result is None:
            row.voided += size
            self.say(which, Voided(row.voided))

    @precondition(lambda self: self.rows)
    @rule(which=ORDERS, result=st.sampled_from(sorted(SETTLED)))
    def settle_or_regrade(self, which: int, result: OrderState) -> None:
        which, row = self.taken(which)
        if not row.filled:
            return
        self.ticks += 1
        row.lapsed += row.resting
        row.result, row.settled_at = result, START + timedelta(seconds=self.ticks)
        self.say(which, Settled(result, len(row.fills), row.settled_at))

    # -- network -------------------------------------------------------------------------------

    @precondition(lambda self: self.on_the_way)
    @rule(index=st.integers(0, MANY), again=st.booleans())
    def deliver(self, index: int, again: bool) -> None:
        index %= len(self.on_the_way)
        which, news = self.on_the_way[index] if again else self.on_the_way.pop(index)
        self.put(which, news)

    @precondition(lambda self: self.on_the_way)
    @rule()
    def deliver_everything(self) -> None:
        while self.on_the_way:
            self.put(*self.on_the_way.pop(0))

    @precondition(lambda self: self.on_the_way)
    @rule(index=st.integers(0, MANY))
    def lose(self, index: int) -> None:
        self.on_the_way.pop(index % len(self.on_the_way))

    def look(self, which: int) -> VenueView:
        row = self.rows.get(which)
        if row is None:
            return Absent(proven=which not in self.flying, reason="not listed")
        return row.view(self.ledger[which].intent.reference)

    @rule(which=ORDERS)
    def keep_a_view(self, which: int) -> None:
        which %= len(self.ledger)
        if which in self.rows:
            self.old_views.append((which, self.look(which)))

    @precondition(lambda self: self.old_views)
    @rule(index=st.integers(0, MANY))
    def reconcile_with_an_old_view(self, index: int) -> None:
        which, view = self.old_views[index % len(self.old_views)]
        for found in reconcile(self.ledger[which], view):
            self.put(which, found)

    @rule(which=ORDERS)
    def reconcile_now(self, which: int) -> None:
        which %= len(self.ledger)
        for found in reconcile(self.ledger[which], self.look(which)):
            self.put(which, found)

    # -- promises ------------------------------------------------------------------------------

    @invariant()
    def nothing_is_sent_twice(self) -> None:
        assert all(count == 1 for count in self.sends.values())

    @invariant()
    def every_part_of_the_stake_is_in_one_place(self) -> None:
        for order in self.ledger:
            if order.state in NOT_SENT | {S.SKIPPED, S.REFUSED}:
                continue
            parts = order.accounted_minor + order.resting_minor
            assert parts + order.in_doubt_minor + order.awaited_minor == order.stake_minor

    @invariant()
    def nothing_is_counted_twice_and_nothing_at_risk_is_forgotten(self) -> None:
        for which, row in self.rows.items():
            order = self.ledger[which]
            assert order.filled_minor <= row.filled
            assert order.cancelled_minor <= row.cancelled
            assert order.lapsed_minor <= row.lapsed
            maybe = order.resting_minor + order.in_doubt_minor + order.awaited_minor
            assert order.standing_minor + maybe >= row.filled - row.voided + row.resting
            if order.state not in SETTLED:
                limit = Fraction(order.intent.asked_price)
                assert order.risk_minor >= liability(row, limit)

    def teardown(self) -> None:
        """Let everything in flight vanish and reconcile: both sides agree."""
        self.flying.clear()
        for which in range(len(self.ledger)):
            if self.ledger[which].state is S.SENDING:
                self.put(which, NoClearAnswer("restart"))
            view = self.look(which)
            for found in reconcile(self.ledger[which], view):
                self.put(which, found)
            assert reconcile(self.ledger[which], view) == ()
            assert mismatches(self.ledger[which], view) == ()
            self.agrees(self.ledger[which], self.rows.get(which))

    def agrees(self, order: Order, row: Row | None) -> None:
        if row is None:
            assert order.state in NOT_SENT | {S.REFUSED}
            return
        assert order.filled_minor == row.filled
        assert order.standing_minor == row.filled - row.voided
        assert (order.cancelled_minor, order.lapsed_minor) == (row.cancelled, row.lapsed)
        assert order.awaited_minor == order.in_doubt_minor == 0
        assert order.resting_minor == row.resting
        assert order.state in states_of(row)
        assert order.fills == (tuple(row.fills) if row.names_fills else ())
        if row.filled:
            assert order.average_price is not None
            exact = Fraction(sum((fill.size_minor * fill.price for fill in row.fills), Decimal(0)))
            assert abs(order.average_price - exact / row.filled) < Fraction(1, 10**20)
            assert not row.names_fills or order.average_price == exact / row.filled


def reach(what: str) -> None:
    REACHED[what] += 1
    event(what)


def happens_once(news: OrderEvent) -> bool:
    return isinstance(news, QuoteAsked | SendingCommitted)


def liability(row: Row, limit: Fraction) -> Fraction:
    """Return the most that the order may lose: what stands, and what may still be filled."""
    standing, price = row.filled - row.voided, Fraction(row.average or 1)
    if row.side is Side.BACK:
        return Fraction(standing + row.resting)
    return standing * (price - 1) + row.resting * (limit - 1)


def states_of(row: Row) -> set[OrderState]:
    """Return the states that may stand for what the venue has."""
    if row.result:
        return {row.result}
    if row.filled == row.size:
        return {S.FILLED}
    if row.resting:
        return {S.CANCELLING, S.PARTLY_FILLED if row.filled > row.voided else S.OPEN}
    both = bool(row.cancelled and row.lapsed)
    return {S.CANCELLED, S.LAPSED} if both else {S.CANCELLED if row.cancelled else S.LAPSED}


def test_the_ledgers_view_becomes_the_venues_whatever_is_late_lost_repeated_or_reordered() -> None:
    REACHED.clear()
    thorough = settings(max_examples=200, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(OrderLife, settings=thorough)
    assert {what for what in WANTED if not REACHED[what]} == set()
