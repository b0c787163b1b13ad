"""The repository of intents and orders. Each method is one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, func, select

from keter.domain.order_states import OrderState
from keter.domain.orders import Intent, Order, Transition
from keter.domain.trading import ExecutionMode
from keter.ledger import order_steps, rows
from keter.ledger.database import Database
from keter.ledger.errors import (
    DuplicateDecisionError,
    NotInLedgerError,
    SelectionOpenError,
    UnstorableRowError,
)
from keter.ledger.order_queries import (
    MAYBE_AT_VENUE,
    OrderFilter,
    conditions_of,
    entries_of,
    holder_of,
    orders_of,
    read_open,
    read_orders,
    state_names,
)
from keter.ledger.order_schema import OPEN_NOW, orders, transitions
from keter.ledger.order_steps import OrderChanges, Takeover


class Orders:
    """Intents and what came of them. Every method raises LedgerUnavailableError.

    Money is in minor units; odds are the venue's own text.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, intent: Intent, *, worker: str) -> Order:
        """Commit the decision to bet.

        After the return no second intent for the decision or for the selection can be created.

        Raises DuplicateDecisionError, SelectionOpenError, UnstorableRowError, and FencedError if
        the account has a newer owner.
        """
        try:
            return await self._database.write(
                lambda connection: order_steps.create(connection, intent, worker)
            )
        except (UnstorableRowError, SelectionOpenError):
            # A decision that comes again holds its own selection: the decision is looked for first.
            await self._explain(intent)
            raise

    async def takeover(
        self, account: str, mode: ExecutionMode, *, at: datetime, worker: str
    ) -> Takeover:
        """Make the caller the account's only owner and end what earlier owners left unfinished.

        An intent that was never sent becomes SKIPPED. One that may have been sent becomes UNKNOWN,
        because only the venue knows whether it holds a bet.
        """
        return await self._database.write(
            lambda connection: order_steps.take_over(connection, account, mode, at, worker)
        )

    async def transition(
        self,
        intent_id: str,
        target: OrderState,
        *,
        at: datetime,
        cause: str,
        worker: str,
        evidence: Mapping[str, object] | None = None,
        changes: OrderChanges | None = None,
        fence: int | None = None,
        expected: OrderState | None = None,
    ) -> Order:
        """Take one legal step and store what was learned with it.

        ``fence``, if given, must be the account's newest fencing number. ``expected``, if given,
        must be the order's state: a caller that decided on an older state has to read it again.

        Raises IllegalTransitionError, NotInLedgerError, FencedError.
        """
        step = Transition(intent_id, None, target, at, cause, worker, dict(evidence or {}))
        return await self._database.write(
            lambda connection: order_steps.take_step(
                connection, step, changes or OrderChanges(), fence, expected
            )
        )

    async def amend(
        self,
        intent_id: str,
        changes: OrderChanges,
        *,
        at: datetime,
        cause: str,
        worker: str,
        evidence: Mapping[str, object] | None = None,
    ) -> Order:
        """Correct what is known of an order (fills, closing price) without a change of state.

        The correction is a row of ``transitions`` with equal source and target.

        Raises NotInLedgerError, and IllegalTransitionError for another stake of a final order.
        """
        return await self._database.write(
            lambda connection: order_steps.amend(
                connection, intent_id, changes, at, cause, worker, dict(evidence or {})
            )
        )

    async def record(
        self,
        before: Order,
        after: Order,
        *,
        cause: str,
        worker: str,
        evidence: Mapping[str, object] | None = None,
        fence: int | None = None,
    ) -> Order:
        """Write what ``order_life.apply`` made of ``before``; ``after.updated_at`` says when.

        The row of ``transitions`` has equal source and target if only facts changed. Nothing is
        written if ``after`` says nothing new.

        Raises IllegalTransitionError if the ledger no longer holds ``before``: the caller has to
        read the order again. Raises NotInLedgerError, FencedError.
        """
        if msgspec.structs.replace(after, updated_at=before.updated_at) == before:
            return before
        name, at = before.intent.intent_id, after.updated_at
        step = Transition(name, None, after.state, at, cause, worker, dict(evidence or {}))
        return await self._database.write(
            lambda connection: order_steps.record(connection, before, after, step, fence)
        )

    async def get(self, intent_id: str) -> Order:
        """Return the order of an intent. Raises NotInLedgerError."""
        order = await self._one(orders.c.intent_id == intent_id)
        if order is None:
            raise NotInLedgerError(f"no intent {intent_id}")
        return order

    async def by_reference(self, reference: str) -> Order | None:
        """Return the order with this venue reference, or None."""
        return await self._one(orders.c.reference == reference)

    async def by_references(self, references: Sequence[str]) -> list[Order]:
        """Return the orders that have one of the references, in no particular order."""
        if not references:
            return []
        query = select(orders).where(orders.c.reference.in_(references))
        return await self._database.read(lambda connection: read_orders(connection, query))

    async def by_decision(self, decision_id: str) -> Order | None:
        """Return the order of a decision, or None."""
        return await self._one(orders.c.decision_id == decision_id)

    async def open_orders(self, mode: ExecutionMode, account: str | None = None) -> list[Order]:
        """Return every order that is not final, oldest first; None means those of all accounts."""
        return await self._database.read(lambda connection: read_open(connection, mode, account))

    async def list_orders(
        self, chosen: OrderFilter, *, limit: int = 100, before: str | None = None
    ) -> list[Order]:
        """Return one page of orders, newest first.

        ``before`` is the intent id of the last row of the preceding page.

        Raises NotInLedgerError if ``before`` is unknown.
        """
        marker = await self.get(before) if before is not None else None
        query = select(orders).where(*conditions_of(chosen))
        if marker is not None:
            made, intent_id = marker.intent.created_at, marker.intent.intent_id
            # The second condition includes the first. The first lets an index start there, which
            # an OR does not.
            query = query.where(
                orders.c.created_at <= made,
                (orders.c.created_at < made) | (orders.c.intent_id < intent_id),
            )
        query = query.order_by(orders.c.created_at.desc(), orders.c.intent_id.desc()).limit(limit)
        return await self._database.read(lambda connection: read_orders(connection, query))

    async def neighbours(self, intent_id: str) -> tuple[str | None, str | None]:
        """Return the ids of the intents that its account created just before and just after it.

        They are of the same mode. Raises NotInLedgerError.
        """
        own = (await self.get(intent_id)).intent
        made, name, at = orders.c.created_at, orders.c.intent_id, own.created_at
        same = select(name).where(orders_of(own.mode, own.account)).limit(1)
        before = same.where(made <= at, (made < at) | (name < intent_id)).order_by(
            made.desc(), name.desc()
        )
        after = same.where(made >= at, (made > at) | (name > intent_id)).order_by(made, name)
        return await self._database.read(
            lambda connection: (connection.scalar(before), connection.scalar(after))
        )

    async def trail(self, intent_id: str) -> list[Transition]:
        """Return every step and correction of one order, in order."""
        query = (
            select(transitions)
            .where(transitions.c.intent_id == intent_id)
            .order_by(transitions.c.id)
        )
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [rows.to_transition(row) for row in found]

    async def entered(self, intent_ids: Sequence[str]) -> dict[str, datetime]:
        """Return when each order entered its present state; corrections do not count."""
        if not intent_ids:
            return {}
        query = entries_of(transitions.c.intent_id.in_(intent_ids))
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.intent_id: row.at for row in found}

    async def may_be_at_venue(self, mode: ExecutionMode) -> dict[str, int]:
        """Return, by account, the number of orders that were sent and are not final."""
        sent = (
            (orders.c.mode == mode.value)
            & OPEN_NOW
            & orders.c.state.in_(state_names(MAYBE_AT_VENUE))
        )
        query = select(orders.c.account, func.count()).where(sent).group_by(orders.c.account)
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return {account: int(count) for account, count in found}

    async def _one(self, condition: ColumnElement[bool]) -> Order | None:
        query = select(orders).where(condition)
        found = await self._database.read(lambda connection: read_orders(connection, query))
        return found[0] if found else None

    async def _explain(self, intent: Intent) -> None:
        """Raise the error that says which unique constraint refused the intent; else return."""
        existing = await self.by_decision(intent.decision_id)
        if existing is not None:
            raise DuplicateDecisionError(intent.decision_id, existing.state)
        holder = await self._database.read(lambda connection: holder_of(connection, intent))
        if holder is not None:
            raise SelectionOpenError(f"{intent.event_uid} {intent.selection_id}", holder)
