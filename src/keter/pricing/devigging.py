"""``devig``: the entry to margin removal, for one market or an array of markets."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, overload

from keter.errors import IncompleteMarketError
from keter.pricing.margin import fair

if TYPE_CHECKING:
    from numpy.typing import NDArray


@overload
def devig(
    odds: Sequence[float | None], method: str = "power", *, legs: int | None = None
) -> tuple[float, ...]: ...
@overload
def devig(
    odds: "NDArray[Any]", method: str = "power", *, legs: int | None = None
) -> "NDArray[Any]": ...
@overload
def devig(
    odds: Sequence[Sequence[float]], method: str = "power", *, legs: int | None = None
) -> "NDArray[Any]": ...
def devig(odds: Any, method: str = "power", *, legs: int | None = None) -> Any:
    """Return the fair probabilities of decimal odds.

    * ``odds`` is one market, a sequence; the result is then a tuple. An array of one dimension
      gives an array.
    * Or it is ``(n, k)`` markets of k legs; the result is then an array of the same shape.
    * ``legs`` is the number of selections that the market kind has, where known.
    * ``method`` is ``multiplicative``, ``additive``, ``power``, ``shin``, ``odds_ratio``,
      ``balanced_book``, ``goto`` or ``jsd``.

    Raises IncompleteMarketError, InvalidOddsError or NoSolutionError, for an array with the number
    of the first row concerned. Raises ValueError for an unknown method.
    """
    dimensions = getattr(odds, "ndim", None)
    if not dimensions and not isinstance(odds, list | tuple):
        odds, dimensions = _listed(odds), None
    if dimensions == 1:
        odds = odds.tolist()
    elif dimensions is not None or (
        odds and hasattr(odds[0], "__len__") and not isinstance(odds[0], str | bytes)
    ):
        # One market needs no numpy: only an array loads it.
        from keter.pricing.kernels import devig_array

        return devig_array(odds, method, legs=legs)
    p = fair(odds, method, legs=legs).p
    if dimensions is None:
        return p
    import numpy as np

    return np.array(p)


def _listed(odds: object) -> list[Any]:
    """Return any other ordered iterable as a list.

    Raises IncompleteMarketError for text, sets, mappings and single numbers (numpy's too).
    """
    if (
        getattr(odds, "ndim", 1) == 0
        or not isinstance(odds, Iterable)
        or isinstance(odds, str | bytes | Mapping | Set)
    ):
        raise IncompleteMarketError(f"a market is a sequence of prices, one a leg, not {odds!r}")
    return list(odds)
