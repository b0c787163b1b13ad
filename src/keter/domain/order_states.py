"""The states of an order and the steps between them (design section 7).

A bet at a bookmaker is an order that cannot rest: sent it is OPEN, accepted it is FILLED.
"""

from enum import StrEnum

from keter.errors import IllegalTransitionError


class Side(StrEnum):
    """Whether an order bets on its outcome or against it."""

    BACK = "back"
    LAY = "lay"


class OrderState(StrEnum):
    """The states of an order, as the ledger holds them; see TRANSITIONS."""

    INTENDED = "INTENDED"
    QUOTED = "QUOTED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    PARTLY_FILLED = "PARTLY_FILLED"
    FILLED = "FILLED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    LAPSED = "LAPSED"
    SKIPPED = "SKIPPED"
    REFUSED = "REFUSED"
    WON = "WON"
    LOST = "LOST"
    HALF_WON = "HALF_WON"
    HALF_LOST = "HALF_LOST"
    PUSHED = "PUSHED"
    VOID = "VOID"


_S = OrderState
SETTLED = frozenset({_S.WON, _S.LOST, _S.HALF_WON, _S.HALF_LOST, _S.PUSHED, _S.VOID})
# The venue has not been asked to take the order.
NOT_SENT = frozenset({_S.INTENDED, _S.QUOTED})
# The venue was asked and its answer is not known.
IN_DOUBT = frozenset({_S.SENDING, _S.UNKNOWN})
# The venue can still fill it. A cancel without confirmation changes nothing about that.
RESTING = frozenset({_S.OPEN, _S.PARTLY_FILLED, _S.CANCELLING})
# Nothing rests any more; what was filled stays and settles.
ENDED = frozenset({_S.FILLED, _S.CANCELLED, _S.LAPSED})
# Nothing comes after these, whatever the venue says.
NEVER_PLACED = frozenset({_S.SKIPPED, _S.REFUSED})
PLACED = RESTING | ENDED | SETTLED
# The call to the venue has ended.
ANSWERED = PLACED | {_S.REFUSED, _S.UNKNOWN}
# Final in any case. Of CANCELLED and LAPSED see ``Order.is_final``.
FINAL = SETTLED | NEVER_PLACED
NOT_FINAL = frozenset(OrderState) - FINAL

TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    _S.INTENDED: frozenset({_S.QUOTED, _S.SENDING, _S.SKIPPED}),
    _S.QUOTED: frozenset({_S.SENDING, _S.SKIPPED}),
    # A stream may report fills, a lapse or a result before the answer to the call arrives.
    _S.SENDING: PLACED | {_S.REFUSED, _S.UNKNOWN},
    _S.UNKNOWN: PLACED | {_S.REFUSED},
    # ProphetX checks the balance after it answered: an OPEN order can still be refused.
    # A bookmaker may lose a bet that it was sent: UNKNOWN until it is asked for again.
    _S.OPEN: frozenset({_S.PARTLY_FILLED, _S.CANCELLING, _S.REFUSED, _S.UNKNOWN}) | ENDED | SETTLED,
    # It is OPEN again when the venue voids all that was filled.
    _S.PARTLY_FILLED: frozenset({_S.OPEN, _S.CANCELLING}) | ENDED | SETTLED,
    # A refused cancel leaves the order as it was.
    _S.CANCELLING: frozenset({_S.OPEN, _S.PARTLY_FILLED, _S.REFUSED}) | ENDED | SETTLED,
    # A bookmaker may take back a bet that it had accepted.
    _S.FILLED: SETTLED | {_S.REFUSED},
    # The last fill may be reported after the end: then the whole order was filled.
    _S.CANCELLED: SETTLED | {_S.FILLED},
    _S.LAPSED: SETTLED | {_S.FILLED},
    _S.SKIPPED: frozenset(),
    _S.REFUSED: frozenset(),
    # A later regrade replaces the earlier result.
    **{state: SETTLED - {state} for state in SETTLED},
}


def check_step(current: OrderState, target: OrderState) -> None:
    """Raise IllegalTransitionError unless ``target`` may follow ``current``."""
    if target not in TRANSITIONS[current]:
        raise IllegalTransitionError(f"an order cannot go from {current} to {target}")
