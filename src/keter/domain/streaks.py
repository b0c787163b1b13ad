"""Losses in a row, and what a regrade does to them.

* Bets count in the order in which they were first settled.
* A loss lengthens the streak and a win ends it, half ones included; a push or a void bet does
  neither.
* A regrade changes a bet at its place in that order. A loss that becomes void leaves the losses
  around it. A win that becomes a loss joins the losses before and after it.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from keter.domain.order_states import OrderState

# Names the alert, and begins the reason of the pause, by which the audit is searched for it.
STREAK = "losing streak"
LOSSES = frozenset({OrderState.LOST, OrderState.HALF_LOST})
WINS = frozenset({OrderState.WON, OrderState.HALF_WON})
Results = Sequence[tuple[str, OrderState]]
"""Names and states of settled bets, the one settled last first."""


def losing_streak(newest_first: Iterable[OrderState]) -> int:
    """Return the number of losses since the newest win."""
    decided = (state for state in newest_first if state in LOSSES or state in WINS)
    return sum(1 for _ in takewhile(lambda state: state in LOSSES, decided))


def streak_change(results: Results, name: str, before: OrderState | None) -> int:
    """Return by how much the streak changed when the bet ``name`` left the state ``before``.

    ``results`` have its new state. ``before`` is None if the bet was not settled.
    """
    earlier = [before if one == name else state for one, state in results]
    return losing_streak(state for _, state in results) - losing_streak(
        state for state in earlier if state is not None
    )
