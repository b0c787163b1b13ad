"""Intents and bets: the only place where a bet changes state.

Each step is one transaction with a row of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Select, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from keter.domain.bets import FINAL, OPEN, Bet, BetState, Intent, Transition, check_transition
from keter.domain.trading import ExecutionMode
from keter.errors import IllegalTransitionError
from keter.ledger import rows
from keter.ledger.database import Database, unindexed
from keter.ledger.errors import (
    DuplicateDecisionError,
    NotInLedgerError,
    SelectionOpenError,
    UnstorableRowError,
)
from keter.ledger.fences import check_fence, take_fence
from keter.ledger.schema import OPEN_NOW, bets, transitions

NOT_SENT = frozenset({BetState.INTENDED, BetState.QUOTED})


class BetChanges(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step learned. None leaves a field as it is; nothing is ever unlearned."""

    placed_stake_minor: int | None = None
    odds: str | None = None
    book: str | None = None
    ticket_id: str | None = None
    pnl_minor: int | None = None
    reason: str | None = None
    score_at_bet: tuple[int, int] | None = None
    settled_at: datetime | None = None
    closing_fair_odds: float | None = None

    def columns(self) -> dict[str, object]:
        known: dict[str, object] = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None
        }
        score = known.pop("score_at_bet", None)
        if isinstance(score, tuple):
            known |= {"score_home": score[0], "score_away": score[1]}
        return known


class BetFilter(msgspec.Struct, frozen=True):
    """Which bets a list shows; None means all. ``since`` and ``until`` bound ``created_at``."""

    mode: ExecutionMode | None = None
    states: frozenset[BetState] | None = None
    account: str | None = None
    event_uid: str | None = None
    trace_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    settled_since: datetime | None = None


class Takeover(msgspec.Struct, frozen=True):
    """What a new owner found: its fencing number, and the intents that its predecessors left half
    done.
    """

    fence: int
    skipped: tuple[Bet, ...]
    unknown: tuple[Bet, ...]


class Intents:
    """The repository of bets. Raises LedgerUnavailableError where the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, intent: Intent, *, worker: str) -> Bet:
        """Commit the decision to bet.

        When this returns, no second intent for the decision or selection is possible.

        Raises DuplicateDecisionError, SelectionOpenError, UnstorableRowError, or FencedError when a
        newer owner has the account.
        """
        try:
            return await self._database.write(
                lambda connection: _create(connection, intent, worker)
            )
        except UnstorableRowError:
            await self._explain(intent)
            raise

    async def takeover(
        self, account: str, mode: ExecutionMode, *, at: datetime, worker: str
    ) -> Takeover:
        """Make the caller the account's only owner and ends what earlier owners left: one
        transaction.

        What was never sent becomes SKIPPED; what may have been sent becomes UNKNOWN, for the venue
        to tell.
        """
        return await self._database.write(
            lambda connection: _takeover(connection, account, mode, at, worker)
        )

    async def transition(
        self,
        intent_id: str,
        target: BetState,
        *,
        at: datetime,
        cause: str,
        worker: str,
        evidence: Mapping[str, object] | None = None,
        changes: BetChanges | None = None,
        fence: int | None = None,
        expected: BetState | None = None,
    ) -> Bet:
        """One legal step and what was learned with it.

        ``fence`` must still be the account's newest when given, and the bet must still be
        ``expected``: who decided on an older picture must look again.

        Raises IllegalTransitionError, NotInLedgerError, FencedError.
        """
        step = Transition(intent_id, None, target, at, cause, worker, dict(evidence or {}))
        return await self._database.write(
            lambda connection: _step(connection, step, changes or BetChanges(), fence, expected)
        )

    async def amend(
        self,
        intent_id: str,
        changes: BetChanges,
        *,
        at: datetime,
        cause: str,
        worker: str,
        evidence: Mapping[str, object] | None = None,
    ) -> Bet:
        """Corrects what is known of a bet (stake, price, closing price) where it stands; leaves a
        row like a step does.
        """
        return await self._database.write(
            lambda connection: _amend(
                connection, intent_id, changes, at, cause, worker, dict(evidence or {})
            )
        )

    async def get(self, intent_id: str) -> Bet:
        """Raise NotInLedgerError."""
        bet = await self._one(bets.c.intent_id == intent_id)
        if bet is None:
            raise NotInLedgerError(f"no intent {intent_id}")
        return bet

    async def by_reference(self, reference: str) -> Bet | None:
        return await self._one(bets.c.reference == reference)

    async def by_references(self, references: Sequence[str]) -> list[Bet]:
        """Those of the references that are ours, in no order."""
        if not references:
            return []
        query = select(bets).where(bets.c.reference.in_(references))
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [rows.to_bet(row) for row in found]

    async def by_decision(self, decision_id: str) -> Bet | None:
        return await self._one(bets.c.decision_id == decision_id)

    async def open_bets(self, mode: ExecutionMode, account: str | None = None) -> list[Bet]:
        """Every bet that is not final, oldest first."""
        return await self._database.read(lambda connection: read_open(connection, mode, account))

    async def list_bets(
        self, chosen: BetFilter, *, limit: int = 100, before: str | None = None
    ) -> list[Bet]:
        """Newest first.

        ``before`` is the intent id of the last row of the page before; NotInLedgerError for an
        unknown one.
        """
        marker = await self.get(before) if before is not None else None
        query = select(bets).where(*_conditions(chosen))
        if marker is not None:
            made, intent_id = marker.intent.created_at, marker.intent.intent_id
            # The first condition says nothing new: an index can begin there, and cannot with an OR.
            query = query.where(
                bets.c.created_at <= made,
                (bets.c.created_at < made) | (bets.c.intent_id < intent_id),
            )
        query = query.order_by(bets.c.created_at.desc(), bets.c.intent_id.desc()).limit(limit)
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [rows.to_bet(row) for row in found]

    async def neighbours(self, intent_id: str) -> tuple[str | None, str | None]:
        """The intents made just before and just after this one in its mode.

        Raises NotInLedgerError.
        """
        own = (await self.get(intent_id)).intent
        made, name, at = bets.c.created_at, bets.c.intent_id, own.created_at
        same = select(name).where(bets.c.mode == own.mode.value).limit(1)
        before = same.where(made <= at, (made < at) | (name < intent_id)).order_by(
            made.desc(), name.desc()
        )
        after = same.where(made >= at, (made > at) | (name > intent_id)).order_by(made, name)
        return await self._database.read(
            lambda connection: (connection.scalar(before), connection.scalar(after))
        )

    async def trail(self, intent_id: str) -> list[Transition]:
        """Every step of one bet, in order."""
        query = (
            select(transitions)
            .where(transitions.c.intent_id == intent_id)
            .order_by(transitions.c.id)
        )
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [rows.to_transition(row) for row in found]

    async def entered(self, intent_ids: Sequence[str]) -> dict[str, datetime]:
        """When each bet came to the state it is in. A correction where it stands is no step."""
        if not intent_ids:
            return {}
        query = entries_of(transitions.c.intent_id.in_(intent_ids))
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.intent_id: row.at for row in found}

    async def may_be_at_venue(self, mode: ExecutionMode) -> dict[str, int]:
        """By account, how many bets may stand at the venue now: sent and not final."""
        standing = (
            (bets.c.mode == mode.value) & OPEN_NOW & bets.c.state.in_(_values(OPEN - NOT_SENT))
        )
        query = select(bets.c.account, func.count()).where(standing).group_by(bets.c.account)
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return {account: int(count) for account, count in found}

    async def _one(self, condition: ColumnElement[bool]) -> Bet | None:
        query = select(bets).where(condition)
        row = await self._database.read(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else rows.to_bet(row)

    async def _explain(self, intent: Intent) -> None:
        """Turn a broken unique constraint into the error that says which promise it kept."""
        existing = await self.by_decision(intent.decision_id)
        if existing is not None:
            raise DuplicateDecisionError(intent.decision_id, existing.state)
        holder = await self._one(
            (bets.c.account == intent.account)
            & (bets.c.mode == intent.mode.value)
            & (bets.c.event_uid == intent.event_uid)
            & (bets.c.selection_id == intent.selection_id)
            & OPEN_NOW
        )
        if holder is not None:
            raise SelectionOpenError(
                f"{intent.event_uid} {intent.selection_id}", holder.intent.intent_id
            )


def entries_of(condition: ColumnElement[bool]) -> Select[tuple[str, datetime]]:
    """The newest step of each bet with such transitions.

    It goes by the row's number: clocks may be set back.
    """
    stepped = or_(transitions.c.source.is_(None), transitions.c.source != transitions.c.target)
    newest = (
        select(func.max(transitions.c.id))
        .where(condition, stepped)
        .group_by(transitions.c.intent_id)
    )
    return select(transitions.c.intent_id, transitions.c.at).where(transitions.c.id.in_(newest))


def read_open(connection: Connection, mode: ExecutionMode, account: str | None = None) -> list[Bet]:
    """Every bet that is not final, oldest first."""
    query = select(bets).where(bets.c.mode == mode.value, OPEN_NOW)
    if account is not None:
        query = query.where(bets.c.account == account)
    return [rows.to_bet(row) for row in connection.execute(query.order_by(bets.c.created_at))]


def _values(states: Iterable[BetState]) -> list[str]:
    return sorted(state.value for state in states)


def _conditions(chosen: BetFilter) -> list[ColumnElement[bool]]:
    narrow = {"event_uid": chosen.event_uid, "trace_id": chosen.trace_id}
    conditions: list[ColumnElement[bool]] = [
        bets.c[name] == value for name, value in narrow.items() if value is not None
    ]
    if chosen.mode is not None:
        # Few bets are of one event: its index is the one to use.
        conditions.append(
            (unindexed(bets.c.mode) if conditions else bets.c.mode) == chosen.mode.value
        )
    if chosen.account is not None:
        conditions.append(bets.c.account == chosen.account)
    if chosen.states is not None:
        conditions += _of_states(chosen.states)
    if chosen.since is not None:
        conditions.append(bets.c.created_at >= chosen.since)
    if chosen.until is not None:
        conditions.append(bets.c.created_at < chosen.until)
    if chosen.settled_since is not None:
        conditions.append(bets.c.settled_at >= chosen.settled_since)
    return conditions


def _of_states(states: frozenset[BetState]) -> list[ColumnElement[bool]]:
    """Of one state an index knows the newest; of several final ones most bets are, so the newest of
    all are looked through.
    """
    if states <= OPEN:
        return [OPEN_NOW, bets.c.state.in_(_values(states))]
    return [(bets.c.state if len(states) == 1 else unindexed(bets.c.state)).in_(_values(states))]


def _create(connection: Connection, intent: Intent, worker: str) -> Bet:
    check_fence(connection, intent.account, intent.mode, intent.fence)
    bet = Bet(intent, BetState.INTENDED, intent.created_at)
    connection.execute(insert(bets).values(rows.from_bet(bet)))
    first = Transition(
        intent.intent_id, None, BetState.INTENDED, intent.created_at, "intent", worker
    )
    connection.execute(insert(transitions).values(rows.from_transition(first)))
    return bet


def _locked(connection: Connection, intent_id: str) -> Bet:
    row = connection.execute(
        select(bets).where(bets.c.intent_id == intent_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotInLedgerError(f"no intent {intent_id}")
    return rows.to_bet(row)


def _step(
    connection: Connection,
    step: Transition,
    changes: BetChanges,
    fence: int | None = None,
    expected: BetState | None = None,
) -> Bet:
    bet = _locked(connection, step.intent_id)
    if fence is not None:
        check_fence(connection, bet.intent.account, bet.intent.mode, fence)
    if expected is not None and bet.state is not expected:
        raise IllegalTransitionError(f"the bet is {bet.state} by now, not {expected}")
    check_transition(bet.state, step.target)
    return _write(connection, bet, step, changes)


def _amend(
    connection: Connection,
    intent_id: str,
    changes: BetChanges,
    at: datetime,
    cause: str,
    worker: str,
    evidence: dict[str, object],
) -> Bet:
    bet = _locked(connection, intent_id)
    if bet.state in FINAL and changes.placed_stake_minor not in {None, bet.placed_stake_minor}:
        raise IllegalTransitionError(f"the stake of a {bet.state} bet does not change")
    return _write(
        connection,
        bet,
        Transition(intent_id, None, bet.state, at, cause, worker, evidence),
        changes,
    )


def _write(connection: Connection, bet: Bet, step: Transition, changes: BetChanges) -> Bet:
    values = {**changes.columns(), "state": step.target.value, "updated_at": step.at}
    connection.execute(update(bets).where(bets.c.intent_id == step.intent_id).values(values))
    row = msgspec.structs.replace(step, source=bet.state)
    connection.execute(insert(transitions).values(rows.from_transition(row)))
    return _locked(connection, step.intent_id)


def _takeover(
    connection: Connection, account: str, mode: ExecutionMode, at: datetime, worker: str
) -> Takeover:
    fence = take_fence(connection, account, mode, at, worker)
    ended: dict[BetState, list[Bet]] = {BetState.SKIPPED: [], BetState.UNKNOWN: []}
    for source, target in ((BetState.INTENDED, BetState.SKIPPED), (BetState.QUOTED, BetState.SKIPPED),
                           (BetState.SENDING, BetState.UNKNOWN)):  # fmt: skip
        found = connection.execute(
            select(bets.c.intent_id).where(
                OPEN_NOW,
                bets.c.account == account,
                bets.c.mode == mode.value,
                bets.c.state == source.value,
            )
        ).scalars()
        for intent_id in list(found):
            step = Transition(
                intent_id,
                None,
                target,
                at,
                "router_died",
                worker,
                {"found": source.value, "fence": fence},
            )
            ended[target].append(_step(connection, step, BetChanges(reason="router_died")))
    return Takeover(fence, tuple(ended[BetState.SKIPPED]), tuple(ended[BetState.UNKNOWN]))
