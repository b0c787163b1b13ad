"""Changes to bets, each within one transaction of its caller.

This is the only module that writes the states of bets. Each change adds a row to ``transitions``.
"""

from datetime import datetime

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from keter.domain.order_states import FINAL, OrderState, check_step
from keter.domain.orders import Intent, Order, Transition
from keter.domain.trading import ExecutionMode
from keter.errors import IllegalTransitionError
from keter.ledger import rows
from keter.ledger.errors import NotInLedgerError
from keter.ledger.fences import check_fence, take_fence
from keter.ledger.schema import OPEN_NOW, bets, transitions

# What a new owner makes of an intent that an earlier owner left in a state.
_ENDS_OF_UNFINISHED = (
    (OrderState.INTENDED, OrderState.SKIPPED),
    (OrderState.QUOTED, OrderState.SKIPPED),
    (OrderState.SENDING, OrderState.UNKNOWN),
)


class OrderChanges(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step learned about a bet. None leaves a field as it is; no field is ever cleared."""

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
        """Return the known fields as values of columns of ``bets``."""
        known: dict[str, object] = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None
        }
        score = known.pop("score_at_bet", None)
        if isinstance(score, tuple):
            known |= {"score_home": score[0], "score_away": score[1]}
        return known


class Takeover(msgspec.Struct, frozen=True):
    """A new owner's fencing number and the unfinished intents of earlier owners that it ended."""

    fence: int
    skipped: tuple[Order, ...]
    unknown: tuple[Order, ...]


def create(connection: Connection, intent: Intent, worker: str) -> Order:
    """Insert the intent. Raises FencedError if the account has a newer owner."""
    check_fence(connection, intent.account, intent.mode, intent.fence)
    bet = Order(intent, OrderState.INTENDED, intent.created_at)
    connection.execute(insert(bets).values(rows.from_order(bet)))
    first = Transition(
        intent.intent_id, None, OrderState.INTENDED, intent.created_at, "intent", worker
    )
    connection.execute(insert(transitions).values(rows.from_transition(first)))
    return bet


def take_step(
    connection: Connection,
    step: Transition,
    changes: OrderChanges,
    fence: int | None = None,
    expected: OrderState | None = None,
) -> Order:
    """Move a bet to the step's target; the step's ``source`` is set from the bet.

    Raises NotInLedgerError, FencedError if ``fence`` is old, and IllegalTransitionError if the bet
    is not in ``expected`` or the step is not legal.
    """
    bet = _locked(connection, step.intent_id)
    if fence is not None:
        check_fence(connection, bet.intent.account, bet.intent.mode, fence)
    if expected is not None and bet.state is not expected:
        raise IllegalTransitionError(f"the bet is {bet.state} by now, not {expected}")
    check_step(bet.state, step.target)
    return _write(connection, bet, step, changes)


def amend(
    connection: Connection,
    intent_id: str,
    changes: OrderChanges,
    at: datetime,
    cause: str,
    worker: str,
    evidence: dict[str, object],
) -> Order:
    """Correct what is known of a bet without a change of state.

    Raises NotInLedgerError, and IllegalTransitionError for another stake of a final bet.
    """
    bet = _locked(connection, intent_id)
    if bet.state in FINAL and changes.standing_minor not in {None, bet.standing_minor}:
        raise IllegalTransitionError(f"the stake of a {bet.state} bet does not change")
    correction = Transition(intent_id, None, bet.state, at, cause, worker, evidence)
    return _write(connection, bet, correction, changes)


def take_over(
    connection: Connection, account: str, mode: ExecutionMode, at: datetime, worker: str
) -> Takeover:
    """Issue a new fencing number and end the unfinished intents of earlier owners."""
    fence = take_fence(connection, account, mode, at, worker)
    ended: dict[OrderState, list[Order]] = {OrderState.SKIPPED: [], OrderState.UNKNOWN: []}
    for source, target in _ENDS_OF_UNFINISHED:
        evidence: dict[str, object] = {"found": source.value, "fence": fence}
        for intent_id in _in_state(connection, account, mode, source):
            step = Transition(intent_id, None, target, at, "router_died", worker, evidence)
            ended[target].append(take_step(connection, step, OrderChanges(reason="router_died")))
    return Takeover(fence, tuple(ended[OrderState.SKIPPED]), tuple(ended[OrderState.UNKNOWN]))


def _in_state(
    connection: Connection, account: str, mode: ExecutionMode, state: OrderState
) -> list[str]:
    query = select(bets.c.intent_id).where(
        OPEN_NOW,
        bets.c.account == account,
        bets.c.mode == mode.value,
        bets.c.state == state.value,
    )
    return list(connection.execute(query).scalars())


def _locked(connection: Connection, intent_id: str) -> Order:
    row = connection.execute(
        select(bets).where(bets.c.intent_id == intent_id).with_for_update()
    ).one_or_none()
    if row is None:
        raise NotInLedgerError(f"no intent {intent_id}")
    return rows.to_order(row)


def _write(connection: Connection, bet: Order, step: Transition, changes: OrderChanges) -> Order:
    values = {**changes.columns(), "state": step.target.value, "updated_at": step.at}
    connection.execute(update(bets).where(bets.c.intent_id == step.intent_id).values(values))
    row = msgspec.structs.replace(step, source=bet.state)
    connection.execute(insert(transitions).values(rows.from_transition(row)))
    return _locked(connection, step.intent_id)
