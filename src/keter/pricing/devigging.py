"""``devig``: the one entry to margin removal, for a market or an array of them."""

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
    """Fair probabilities from decimal odds.

    ``odds`` is one market (a sequence: the result is a tuple) or ``(n, k)`` markets of k legs (the
    result is an array of the same shape). ``legs`` is the number of selections the market kind
    declares, where known. Methods: ``multiplicative``, ``additive``, ``power``, ``shin``,
    ``odds_ratio``, ``balanced_book``, ``goto``, ``jsd``.

    Raises IncompleteMarketError, InvalidOddsError or NoSolutionError, for an array with the number
    of the first row concerned; ValueError for an unknown method.
    """
    dimensions = getattr(odds, "ndim", None)
    if not dimensions and not isinstance(odds, list | tuple):
        odds, dimensions = _listed(odds), None
    if dimensions == 1:
        odds = odds.tolist()
    elif dimensions is not None or (
        odds and hasattr(odds[0], "__len__") and not isinstance(odds[0], str | bytes)
    ):
        from keter.pricing.kernels import devig_array

        return devig_array(odds, method, legs=legs)
    p = fair(odds, method, legs=legs).p
    if dimensions is None:
        return p
    import numpy as np

    return np.array(p)


def _listed(odds: object) -> list[Any]:
    """Any other ordered iterable as a list; text, sets, mappings and single numbers (numpy's too)
    are no market.
    """
    if (
        getattr(odds, "ndim", 1) == 0
        or not isinstance(odds, Iterable)
        or isinstance(odds, str | bytes | Mapping | Set)
    ):
        raise IncompleteMarketError(f"a market is a sequence of prices, one a leg, not {odds!r}")
    return list(odds)
