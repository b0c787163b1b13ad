"""Losses in a row, and what a regrade does to them.

Bets count in the order in which they were first settled. A loss, half ones included, lengthens the
row and a win, half ones included, ends it; a push or a void bet does neither. A regrade changes a
bet where it stands in that order. A loss that becomes void goes out of the row and leaves the
losses around it. A win that becomes a loss joins those before it to those after it.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from keter.domain.bets import BetState

# Names the alert, and begins the reason of the pause, by which the audit is searched for it.
STREAK = "losing streak"
LOSSES = frozenset({BetState.LOST, BetState.HALF_LOST})
WINS = frozenset({BetState.WON, BetState.HALF_WON})
Results = Sequence[tuple[str, BetState]]
"""Names and states of settled bets, the one settled last first."""


def losing_streak(newest_first: Iterable[BetState]) -> int:
    """Losses since the newest win."""
    decided = (state for state in newest_first if state in LOSSES or state in WINS)
    return sum(1 for _ in takewhile(lambda state: state in LOSSES, decided))


def streak_change(results: Results, name: str, before: BetState | None) -> int:
    """What the bet ``name`` did to the row by moving from ``before``, None for not settled, to what
    ``results`` say.
    """
    earlier = [before if one == name else state for one, state in results]
    return losing_streak(state for _, state in results) - losing_streak(
        state for state in earlier if state is not None
    )
