"""An exchange in memory: matching by price and time, and faults on request.

It obeys ``keter.venues.base.Exchange`` and is the truth that ledger and risk book are compared
with. Others trade through ``offer``; what they leave in the book stands in the queue like ours.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from keter.domain.market_kinds import Outcome
from keter.domain.markets import Event, Market
from keter.domain.order_calls import (
    CancelAnswer,
    CancelOrder,
    CancelResult,
    OrderRequest,
    PlaceAnswer,
    PlaceResult,
)
from keter.domain.order_events import Fill
from keter.domain.order_reconciling import Absent, VenueOrder, VenueView
from keter.domain.order_states import OrderState, Side
from keter.domain.references import LOWER, ReferenceForm
from keter.domain.tickets import AccountSnapshot
from keter.venues.base import Capability, VenueTransientError
from tests.kit.orders import VenueRow

TOY = Capability(
    venue="toy",
    reference_form=ReferenceForm(LOWER, 32),
    can_lay=True,
    can_cancel=True,
    cancels_by_reference=True,
    handicap_from_score_at_bet=False,
)
Selection = tuple[str, Outcome]  # the venue's key of a market, and an outcome of it
BANK_MINOR = 1_000_000


@dataclass(kw_only=True)
class Row(VenueRow):
    """One order in the exchange's own books; a stranger's, of another account, has no reference."""

    order_id: str
    reference: str
    selection: Selection
    price: Decimal
    text: str
    placed_at: datetime
    pnl: int | None = None

    def takes(self, other: "Row") -> bool:
        """Return whether both agree on a price: the layer gives what the backer asks, or more."""
        if self.side is other.side or self.selection != other.selection:
            return False
        back, lay = (self, other) if self.side is Side.BACK else (other, self)
        return lay.price >= back.price

    def profit(self, won: bool) -> int:
        standing = self.filled - self.voided
        gain = standing * ((self.average or Decimal(1)) - 1)
        backer = gain if won else Decimal(-standing)
        return int(backer if self.side is Side.BACK else -backer)


class ToyExchange:
    """See the module.

    * ``place_faults`` and ``cancel_faults`` say how the next requests end, in turn; an empty one
      means that all is well. See ``_place`` and ``_cancel`` for the words.
    * ``before_cancel`` runs right before a cancel acts: a fill may overtake it.
    * ``names_fills`` and ``says_size``: whether fills have ids, and cancels an amount.
    * ``twice``: lists bring every order twice. ``down``: reads fail. ``unlisted``: references that
      lists leave out.
    * ``names`` are the markets of which Keter can read what they are.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        capability: Capability = TOY,
        *,
        names_fills: bool = True,
        says_size: bool = True,
        account: str = "toy:main",
    ) -> None:
        self.capability = capability
        self.names_fills, self.says_size = names_fills, says_size
        self.rows: list[Row] = []
        self.sends: Counter[str] = Counter()  # of each reference
        self.cancel_calls: list[tuple[CancelOrder, ...]] = []
        self.place_faults: list[str] = []
        self.cancel_faults: list[str] = []
        self.before_cancel: Callable[[str], None] = lambda _reference: None
        self.flying: dict[str, OrderRequest] = {}
        self.twice = self.down = False
        self.unlisted: set[str] = set()
        self.names: dict[str, tuple[Event, Market]] = {}
        self._frozen: list[VenueOrder] | None = None
        self._now, self._account = now, account
        self._numbers = itertools.count(1)

    # -- what Keter calls ------------------------------------------------------------------------

    async def place_many(self, requests: Sequence[OrderRequest]) -> Sequence[PlaceAnswer]:
        return [self._place(request) for request in requests]

    def _place(self, request: OrderRequest) -> PlaceAnswer:
        """Take one order.

        ``lost_before`` loses the request, ``lost_after`` the answer, ``late`` delivers the request
        with ``land`` only, ``refused`` refuses it.
        """
        self.sends[request.reference] += 1
        fault = self.place_faults.pop(0) if self.place_faults else ""
        if fault == "refused":
            return PlaceAnswer(PlaceResult.REFUSED, "refused")
        if fault == "late":
            self.flying[request.reference] = request
        elif fault != "lost_before":
            row = self._take(request)
            if not fault:
                return PlaceAnswer(PlaceResult.ACCEPTED, "ok", venue_order_id=row.order_id)
        return PlaceAnswer(PlaceResult.UNKNOWN, "timeout")

    async def cancel_many(self, cancels: Sequence[CancelOrder]) -> Sequence[CancelAnswer]:
        self.cancel_calls.append(tuple(cancels))
        return [self._cancel(cancel) for cancel in cancels]

    def _cancel(self, cancel: CancelOrder) -> CancelAnswer:
        """Cancel one order.

        ``lost_before`` loses the request, ``lost_after`` the answer, ``refused`` refuses it,
        ``not_yet`` says that the order is still being activated.
        """
        self.before_cancel(cancel.reference)
        fault = self.cancel_faults.pop(0) if self.cancel_faults else ""
        if fault == "lost_before":
            return CancelAnswer(CancelResult.UNKNOWN, "timeout")
        if fault in {"refused", "not_yet"}:
            return CancelAnswer(CancelResult(fault), fault)
        row = self.find(cancel.reference)
        if row is None:
            return CancelAnswer(CancelResult.REFUSED, "not_found")
        is_gone = not row.resting and not row.cancelled
        row.cancelled += row.resting
        if fault == "lost_after":
            return CancelAnswer(CancelResult.UNKNOWN, "timeout")
        if is_gone:
            return CancelAnswer(CancelResult.GONE, "taken_or_lapsed")
        said = row.cancelled if self.says_size else None
        return CancelAnswer(CancelResult.CANCELLED, "ok", cancelled_minor=said)

    async def order(self, reference: str) -> VenueView:
        self._read()
        row = self.find(reference)
        if row is None:
            return Absent(proven=reference not in self.flying, reason="not listed")
        return self._view(row)

    async def orders(self) -> Sequence[VenueOrder]:
        self._read()
        found = self._frozen if self._frozen is not None else self._list()
        return [*found, *found] if self.twice else found

    async def account(self) -> AccountSnapshot:
        self._read()
        ours = [row for row in self.rows if row.reference]
        held = sum(row.filled - row.voided + row.resting for row in ours if row.result is None)
        pnl = sum(row.pnl or 0 for row in ours)
        return AccountSnapshot(
            self._account, "EUR", BANK_MINOR + pnl - held, held, pnl, 0, self._now()
        )

    async def aclose(self) -> None:
        return

    # -- what happens there ----------------------------------------------------------------------

    def offer(self, selection: Selection, side: Side, price: str, size: int) -> int:
        """Let a stranger trade; return how much of it was taken. The rest stands in the book."""
        return self._enter("", selection, side, price, size).filled

    def by_hand(
        self, selection: Selection, side: Side, price: str, size: int, reference: str = ""
    ) -> Row:
        """Place an order on our account that Keter does not know; it may carry a reference."""
        row = self._enter(reference, selection, side, price, size)
        row.reference = reference or row.order_id
        return row

    def find(self, reference: str) -> Row | None:
        return next((row for row in self.rows if row.reference == reference), None)

    def land(self, reference: str) -> None:
        """Deliver a request that was on its way for long."""
        self._take(self.flying.pop(reference))

    def ahead_of(self, reference: str) -> int:
        """Return how much is taken before the order is: better prices, and older ones as good."""
        own = self.find(reference)
        assert own is not None
        queue = self._queue(own.selection, own.side)
        return sum(row.resting for row in itertools.takewhile(lambda row: row is not own, queue))

    def start(self, key: str) -> None:
        """Begin play: what rests on the market lapses."""
        for row in self.rows:
            if row.selection[0] == key:
                row.lapsed += row.resting

    def settle(self, key: str, winner: Outcome) -> None:
        """Settle every order of a market, also again after a wrong result."""
        self.start(key)
        for row in self.rows:
            if row.selection[0] == key and row.filled:
                won = (row.selection[1] is winner) is (row.side is Side.BACK)
                row.result = OrderState.WON if won else OrderState.LOST
                row.pnl, row.settled_at = row.profit(row.selection[1] is winner), self._now()

    def freeze_list(self) -> None:
        """Let the list lag: it shows what stands now until ``thaw_list``."""
        self._frozen = self._list()

    def thaw_list(self) -> None:
        self._frozen = None

    # -- within ----------------------------------------------------------------------------------

    def _take(self, request: OrderRequest) -> Row:
        ((_, text),) = request.prices
        selection = (request.ref.key, request.outcome)
        return self._enter(request.reference, selection, request.side, text, request.stake_minor)

    def _enter(
        self, reference: str, selection: Selection, side: Side, price: str, size: int
    ) -> Row:
        row = Row(
            order_id=self._name(),
            reference=reference,
            selection=selection,
            side=side,
            price=Decimal(price),
            text=price,
            size=size,
            placed_at=self._now(),
        )
        self._match(row)
        return row

    def _match(self, row: Row) -> None:
        """Let an order take what the book offers, at the book's prices; then it stands there."""
        opposite = Side.LAY if row.side is Side.BACK else Side.BACK
        for other in self._queue(row.selection, opposite):
            size = min(row.resting, other.resting)
            if size == 0 or not row.takes(other):
                break
            fill = Fill(self._name(), other.text, other.price, size, self._now())
            row.fills.append(fill)
            other.fills.append(fill)
        self.rows.append(row)

    def _queue(self, selection: Selection, side: Side) -> Iterator[Row]:
        """Yield what rests, in the order in which it is taken: the best price, then the oldest."""
        best_first = -1 if side is Side.LAY else 1
        resting = [
            row
            for row in self.rows
            if row.selection == selection and row.side is side and row.resting
        ]
        yield from sorted(resting, key=lambda row: best_first * row.price)

    def _view(self, row: Row) -> VenueOrder:
        event, market = self.names.get(row.selection[0], (None, None))
        return VenueOrder(
            reference=row.reference,
            venue_order_id=row.order_id,
            side=row.side,
            size_minor=row.size,
            price=row.price,
            placed_at=row.placed_at,
            matched_minor=row.filled - row.voided,
            average_price=row.average,
            resting_minor=row.resting,
            cancelled_minor=row.cancelled,
            lapsed_minor=row.lapsed,
            voided_minor=row.voided,
            fills=tuple(row.fills) if self.names_fills else (),
            result=row.result,
            pnl_minor=row.pnl,
            settled_at=row.settled_at,
            event=event,
            market=market,
            outcome=row.selection[1] if market else None,
        )

    def _list(self) -> list[VenueOrder]:
        ours = [row for row in self.rows if row.reference]
        return [self._view(row) for row in ours if row.reference not in self.unlisted]

    def _read(self) -> None:
        if self.down:
            raise VenueTransientError("timeout", "the toy exchange does not answer")

    def _name(self) -> str:
        return f"toy-{next(self._numbers)}"
