"""``devig``: the one entry to margin removal, for a market or an array of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from keter.pricing.margin import fair

if TYPE_CHECKING:
    from numpy.typing import NDArray


@overload
def devig(odds: Sequence[float | None], method: str = "power", *, legs: int | None = None) -> tuple[float, ...]: ...
@overload
def devig(odds: "NDArray[Any]", method: str = "power", *, legs: int | None = None) -> "NDArray[Any]": ...
@overload
def devig(odds: Sequence[Sequence[float]], method: str = "power", *, legs: int | None = None) -> "NDArray[Any]": ...
def devig(odds: Any, method: str = "power", *, legs: int | None = None) -> Any:
    """Fair probabilities from decimal odds.

    ``odds`` is one market (a sequence: the result is a tuple) or ``(n, k)`` markets of k legs (the result is an array of
    the same shape). ``legs`` is the number of selections the market kind declares, where known. Methods: ``multiplicative``,
    ``additive``, ``power``, ``shin``, ``odds_ratio``, ``balanced_book``, ``goto``, ``jsd``.

    Raises IncompleteMarketError, InvalidOddsError or NoSolutionError, for an array with the number of the first row
    concerned; ValueError for an unknown method.
    """
    dimensions = getattr(odds, "ndim", None)
    if dimensions == 1:
        odds = odds.tolist()
    elif dimensions is not None or (odds and hasattr(odds[0], "__len__")):
        from keter.pricing.kernels import devig_array

        return devig_array(odds, method, legs=legs)
    p = fair(odds, method, legs=legs).p
    if dimensions is None:
        return p
    import numpy as np

    return np.array(p)
