"""What the paper gateway needs from a ledger: its own tickets, our intents and the results.

Every method raises UnavailableError when the ledger cannot be used. Then it is unknown whether a
commit in flight took place.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from keter.domain.feed import EventScore
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.domain.placements import PaperSums, PaperTicket, PlacementFact
from keter.domain.trading import ExecutionMode


class PaperBook(Protocol):
    """The tickets that a bookmaker would hold of our DRY bets."""

    async def add(self, tickets: Sequence[PaperTicket]) -> None:
        """Store all tickets of one placement, or none."""
        ...

    async def settle(
        self, ticket_id: str, *, result: OrderState, pnl_minor: int, at: datetime
    ) -> bool:
        """Store the result of a ticket; return False when it was settled before."""
        ...

    async def by_reference(self, account: str, reference: str) -> Sequence[PaperTicket]:
        """Return the tickets of a placement, newest first."""
        ...

    async def since(self, account: str, moment: datetime) -> Sequence[PaperTicket]:
        """Return unsettled tickets, and those placed or settled since ``moment``; newest first."""
        ...

    async def unsettled(self, account: str, now: datetime) -> Sequence[PaperTicket]:
        """Return accepted tickets without a result."""
        ...

    async def sums(
        self, account: str, now: datetime, today: datetime, yesterday: datetime
    ) -> PaperSums:
        """Return the account's money at ``now``, given when today and yesterday began."""
        ...


class PaperOrders(Protocol):
    """Our own intents, by the reference under which they are placed."""

    async def by_reference(self, reference: str) -> Order | None: ...


class PaperResults(Protocol):
    """Scores of events, by their uid."""

    async def many(self, event_uids: Sequence[str]) -> Mapping[str, EventScore]: ...


class PaperLedger(Protocol):
    """The part of the ledger that the paper gateway uses."""

    @property
    def paper(self) -> PaperBook: ...

    @property
    def orders(self) -> PaperOrders: ...

    @property
    def results(self) -> PaperResults: ...

    async def placements(
        self, mode: ExecutionMode, account: str | None, since: datetime
    ) -> Sequence[PlacementFact]:
        """Return what became of each placement of bets made since then, oldest first.

        None means the bets of all accounts.
        """
        ...
