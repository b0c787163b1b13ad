"""Reads what the ledger has recorded: orders, trails, signals, results. Changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from keter.bus.connection import Bus
from keter.bus.state.reconciliation import read_doubt
from keter.dashboard import models
from keter.dashboard.errors import not_found
from keter.dashboard.ledgers import LazyLedgers
from keter.dashboard.trail import trail
from keter.dashboard.views import order_row, signal_row, sport_text
from keter.domain.order_states import SETTLED, OrderState
from keter.domain.orders import Order
from keter.errors import KeterError, UnavailableError
from keter.ledger import Ledger, NotInLedgerError, OrderFilter
from keter.redaction import Redactor
from keter.settings import Settings

DEADLINE_S = 3.0
# The page waits for 8 s.
SEARCH_S = 6.0
ORDERS_PAGE = 1000


class Records:
    """Answers queries over an account's part of the ledger. A search has a deadline.

    ``redactor`` takes the secrets of all accounts out of what is shown.
    """

    def __init__(
        self, settings: Settings, bus: Bus, ledgers: LazyLedgers, redactor: Redactor
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._ledgers = ledgers
        self._redactor = redactor

    async def ledger(self) -> Ledger:
        """Return a read-only ledger. Raises LedgerUnavailableError while there is none."""
        return await self._ledgers.reading()

    async def orders(self, query: models.OrdersQuery) -> models.Orders:
        """Return one page of bets, newest first.

        Raises UnavailableError when the search takes longer than SEARCH_S.
        """
        found: list[Order] = []
        try:
            async with asyncio.timeout(SEARCH_S):
                async for bets in self.matching(query):
                    found += bets
                    if len(found) > query.limit:
                        break
        except TimeoutError as e:
            raise UnavailableError(
                f"the search took longer than {SEARCH_S:g} s; narrow it by time or state"
            ) from e
        return models.Orders(
            items=[order_row(bet) for bet in found[: query.limit]], more=len(found) > query.limit
        )

    async def matching(self, query: models.OrdersQuery) -> AsyncIterator[list[Order]]:
        """Yield every bet that matches, newest first, a page of the ledger at a time.

        The query's ``limit`` does not count here.
        """
        ledger, before = await self._ledgers.reading(), query.before
        while page := await self._page(ledger, query, before):
            yield [bet for bet in page if matches(bet, query)]
            if len(page) < ORDERS_PAGE:
                return
            before = page[-1].intent.intent_id

    async def _page(
        self, ledger: Ledger, query: models.OrdersQuery, before: str | None
    ) -> list[Order]:
        chosen = OrderFilter(
            mode=self._settings.account.mode,
            account=self._settings.account.key,
            states=frozenset({query.state}) if query.state is not None else None,
            since=query.since,
            until=query.until,
        )
        try:
            return await ledger.orders.list_orders(chosen, limit=ORDERS_PAGE, before=before)
        except NotInLedgerError as e:
            raise not_found("the order to continue from") from e

    async def trail(self, intent_id: str) -> models.OrderTrail:
        """Return a bet with everything that led to it and came of it. Raises ApiError 404."""
        ledger = await self._ledgers.reading()
        try:
            bet = await ledger.orders.get(intent_id)
        except NotInLedgerError as e:
            raise not_found("this order") from e
        decisions = await ledger.decisions.by_trace(bet.intent.trace_id)
        steps, neighbours = (
            await ledger.orders.trail(intent_id),
            await ledger.orders.neighbours(intent_id),
        )
        found = trail(bet, decisions, steps, neighbours, self._redactor.value)
        if bet.state is not OrderState.UNKNOWN:
            return found
        since = (await ledger.orders.entered([intent_id])).get(intent_id, bet.updated_at)
        return found.model_copy(update={"doubt": await self._doubt(intent_id, since)})

    async def _doubt(self, intent_id: str, since: datetime) -> models.Doubt:
        try:
            async with asyncio.timeout(DEADLINE_S):
                found = await read_doubt(self._bus, intent_id)
        except (KeterError, OSError, TimeoutError):
            # The trail comes from the ledger, so it is shown without Redis too.
            return models.Doubt(since=since, asked=None, last_at=None)
        return models.Doubt(since=since, asked=found.asked, last_at=found.last_at)

    async def settled(self, limit: int) -> list[models.BetRow]:
        """Return bets with a result, newest first."""
        ledger, account = await self._ledgers.reading(), self._settings.account
        chosen = OrderFilter(mode=account.mode, account=account.key, states=SETTLED)
        bets = await ledger.orders.list_orders(chosen, limit=limit)
        return [order_row(bet) for bet in bets]

    async def signals(self, query: models.SignalsQuery) -> list[models.SignalRow]:
        """Return the newest decisions of the gates for the account."""
        ledger = await self._ledgers.reading()
        found = await ledger.decisions.recent(
            query.limit,
            stage=query.stage,
            reason=query.reason,
            account=self._settings.account.key,
        )
        return [signal_row(decision) for decision in found]


def matches(bet: Order, query: models.OrdersQuery) -> bool:
    """Return whether a bet passes the filters that the ledger does not know."""
    intent = bet.intent
    words = (
        f"{intent.home} {intent.away} {intent.league} {intent.event_uid} {intent.intent_id}"
        f" {bet.ticket_id or ''}".lower()
    )
    return (
        (query.book is None or query.book.lower() == (bet.book or intent.book).lower())
        and (query.sport is None or sport_text(intent.event_uid) == query.sport)
        and (query.market is None or intent.market.family == query.market)
        and (query.min_ev is None or intent.ev_pct >= query.min_ev)
        and (query.text is None or query.text.lower() in words)
    )
