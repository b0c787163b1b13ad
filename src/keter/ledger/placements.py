"""Facts about past placements: how fast a venue's books answer, and what."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import Connection, Row

from keter.domain.bets import Bet, BetState
from keter.domain.orders import PlaceOutcome
from keter.domain.trading import ExecutionMode
from keter.ledger import rows
from keter.ledger.schema import bets, transitions

# The steps that show when a placement was sent and when the book decided.
_STEPS = (BetState.SENDING, BetState.RUNNING, BetState.REFUSED)


class PlacementFact(msgspec.Struct, frozen=True):
    """One bet that was sent to a book.

    ``asked`` are (book, price text) as sent. ``decided_at`` is None while the book has not
    answered. ``refused`` means by the book: a placement that never reached it yields no fact.
    """

    bet: Bet
    asked: tuple[tuple[str, str], ...]
    sent_at: datetime
    decided_at: datetime | None
    refused: bool

    @property
    def delay_s(self) -> float | None:
        return None if self.decided_at is None else (self.decided_at - self.sent_at).total_seconds()


def read_placements(
    connection: Connection, mode: ExecutionMode, since: datetime
) -> list[PlacementFact]:
    """Return the facts of the bets created since ``since``, by the time of sending."""
    chosen = (bets.c.mode == mode.value) & (bets.c.created_at >= since)
    found = {
        row.intent_id: rows.to_bet(row)
        for row in connection.execute(select(bets).where(chosen)).all()
    }
    query = (
        select(transitions)
        .join(bets, bets.c.intent_id == transitions.c.intent_id)
        .where(chosen, transitions.c.target.in_([state.value for state in _STEPS]))
        .order_by(transitions.c.id)
    )
    steps: dict[str, list[Row[tuple[object, ...]]]] = {}
    for step in connection.execute(query).all():
        steps.setdefault(step.intent_id, []).append(step)
    facts = (_fact(found[intent_id], trail) for intent_id, trail in steps.items())
    return sorted((fact for fact in facts if fact is not None), key=lambda fact: fact.sent_at)


def _fact(bet: Bet, trail: Iterable[Row[tuple[object, ...]]]) -> PlacementFact | None:
    by_target: dict[str, Row[tuple[object, ...]]] = {}
    for step in trail:
        by_target.setdefault(step.target, step)
    sending = by_target.get(BetState.SENDING)
    decided = by_target.get(BetState.RUNNING) or by_target.get(BetState.REFUSED)
    if sending is None or (decided is not None and decided.cause.startswith(PlaceOutcome.NOT_SENT)):
        return None
    asked = tuple((str(book), str(text)) for book, text in sending.evidence.get("prices", ()))
    return PlacementFact(
        bet, asked, sending.at, decided.at if decided else None, bet.state is BetState.REFUSED
    )
