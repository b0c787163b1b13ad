"""What a bet is worth: the five results of a bet, their masses, expected value and variance.

* ``W = P(win) + P(half win)/2``, ``X = P(loss) + P(half loss)/2``.
* ``EV = W(o-1) - X`` per unit staked; fair odds are ``1 + X/W``.
* The effective probability is ``e = W/(W+X)``: margin removal of a handicap or totals line gives
  it.
* ``e*o - 1`` is the value per unit of *action*, larger than EV where pushes occur.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from keter.domain.odds import as_float
from keter.errors import InvalidOddsError

RESULTS = ("win", "half_win", "push", "half_loss", "loss")
_TOLERANCE = 1e-6


class Chances(NamedTuple):
    """Probabilities of the five results of a bet; they sum to 1."""

    win: float
    half_win: float = 0.0
    push: float = 0.0
    half_loss: float = 0.0
    loss: float = 0.0

    @classmethod
    def of(cls, chances: "float | Mapping[str, float] | Sequence[float] | Chances") -> Self:
        """Make chances of a win's probability, of all five in order, or of some by name.

        A missing ``loss`` is what remains to 1. Raises InvalidOddsError unless they are
        probabilities that sum to 1.
        """
        if isinstance(chances, Chances):
            made = cls(*chances)
        elif isinstance(chances, Mapping):
            if unknown := set(chances) - set(RESULTS):
                raise InvalidOddsError(f"no results of a bet: {sorted(unknown)}")
            if not chances:
                raise InvalidOddsError("no chances given")
            known = {name: as_float(chance) for name, chance in chances.items()}
            known.setdefault("loss", 1 - sum(known.values()))
            made = cls(**{"win": 0.0, **known})
        elif (five := _listed(chances)) is not None:
            if len(five) != len(RESULTS):
                raise InvalidOddsError(
                    f"the chances of {', '.join(RESULTS)} are five numbers, not {five}"
                )
            made = cls(*map(as_float, five))
        else:
            win = as_float(chances)
            made = cls(win=win, loss=1 - win)
        if (
            not all(-_TOLERANCE <= chance <= 1 + _TOLERANCE for chance in made)
            or not abs(sum(made) - 1) <= _TOLERANCE
        ):
            raise InvalidOddsError(
                f"not probabilities that sum to 1: {dict(zip(RESULTS, made, strict=True))}"
            )
        return made

    @property
    def win_mass(self) -> float:
        return self.win + self.half_win / 2

    @property
    def loss_mass(self) -> float:
        return self.loss + self.half_loss / 2

    @property
    def action(self) -> float:
        """W + X: the part of the stake that is at risk on average, the rest being returned."""
        return self.win_mass + self.loss_mass

    @property
    def effective_p(self) -> float:
        return self.win_mass / self.action

    @property
    def fair_odds(self) -> float:
        """The odds of value zero; infinite if the bet cannot win."""
        return 1 + self.loss_mass / self.win_mass if self.win_mass else float("inf")

    def returns(self, odds: float) -> tuple[float, ...]:
        """Return the profit per unit staked of each result, in the order of ``RESULTS``."""
        net = odds - 1
        return (net, net / 2, 0.0, -0.5, -1.0)

    def by_name(self) -> dict[str, float]:
        """Return the chances by name, without results that cannot happen."""
        return {name: chance for name, chance in zip(RESULTS, self, strict=True) if chance}


def _listed(chances: Any) -> list[Any] | None:
    """Return the items of a list, tuple or array, None for a single number."""
    if (
        isinstance(chances, str | bytes)
        or not hasattr(chances, "__len__")
        or getattr(chances, "ndim", 1) != 1
    ):
        return None
    return list(chances)


def expected_value(
    chances: float | Mapping[str, float] | Sequence[float] | Chances,
    odds: float,
    *,
    commission: float = 0.0,
) -> float:
    """Return the expected profit per unit staked, with pushes and half results.

    ``chances`` is the probability of a win, a ``Chances``, five numbers in its order, or
    probabilities by name. ``commission`` is taken from net winnings. Raises InvalidOddsError.
    """
    made = Chances.of(chances)
    return mass_value(made.win_mass, made.loss_mass, effective_odds(odds, commission))


def mass_value(win_mass: float, loss_mass: float, odds: float) -> float:
    """Return ``W(o-1) - X``: the expected profit per unit staked."""
    return win_mass * (odds - 1) - loss_mass


def variance(chances: float | Mapping[str, float] | Chances, odds: float) -> float:
    """Return the variance of the profit per unit staked. Raises InvalidOddsError."""
    made, returns = Chances.of(chances), Chances(0).returns(effective_odds(odds))
    mean = sum(q * r for q, r in zip(made, returns, strict=True))
    return sum(q * (r - mean) ** 2 for q, r in zip(made, returns, strict=True))


def effective_odds(odds: float, commission: float = 0.0) -> float:
    """Return ``1 + (o-1)(1-c)``: the odds after commission on net winnings.

    Raises InvalidOddsError for odds not above 1 or a commission outside [0, 1).
    """
    if type(odds) is not float or type(commission) is not float:
        odds, commission = as_float(odds), as_float(commission)
    if not 1 < odds < float("inf"):
        raise InvalidOddsError(f"decimal odds must be finite and above 1: {odds}")
    if not 0 <= commission < 1:
        raise InvalidOddsError(f"commission is a share of winnings from 0 to below 1: {commission}")
    return 1 + (odds - 1) * (1 - commission) if commission else odds
