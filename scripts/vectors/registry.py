"""Which function answers which category, and how an answer is held against what a vector
expects.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from keter.domain.odds import as_float, exact
from keter.errors import IncompleteMarketError, PricingError

Inputs = Mapping[str, Any]
# Words about a vector, not answers.
REMARKS = frozenset({"note", "comment", "source"})
Check = Callable[[Inputs, Any, float], Mapping[str, Any]]
EXACT = 1e-12
CHECKS: dict[str, Check] = {}
NEEDS_DATA: set[str] = set()


def category(*names: str, data: bool = False) -> Callable[[Check], Check]:
    """Register the answer to a category: a function of the inputs, what is expected and the
    tolerance.
    """

    def register(check: Check) -> Check:
        CHECKS.update(dict.fromkeys(names, check))
        NEEDS_DATA.update(names if data else ())
        return check

    return register


def number(value: Any) -> float:
    """Return the float of a JSON number or of a string such as ``1.5``, ``10/11`` or ``Infinity``.

    The library is to judge the value. Raises IncompleteMarketError for null and
    InvalidOddsError for what is no number, as the library does.
    """
    if value is None:
        raise IncompleteMarketError("null where a number is needed")
    return float(exact(value)) if isinstance(value, str) and "/" in value else as_float(value)


def numbers(values: Any) -> list[float]:
    if not isinstance(values, list | tuple):
        raise IncompleteMarketError(f"a list of numbers is needed, not {values!r}")
    return [number(value) for value in values]


def given(inputs: Inputs, key: str, default: Any) -> Any:
    """Return an input, or the default where it is absent or null."""
    value = inputs.get(key)
    return default if value is None else value


def error_name(error: Exception) -> str:
    """``InvalidOdds`` for InvalidOddsError."""
    return re.sub("Error$", "", type(error).__name__)


def differences(
    expected: Any, actual: Any, tolerance: float | None, path: str = ""
) -> Iterator[str]:
    """Where an answer is not what is expected; the answer may hold more than the expectation
    names.
    """
    if isinstance(expected, Mapping):
        yield from _mapping_differences(expected, actual, tolerance, path)
    elif isinstance(expected, list | tuple):
        if not isinstance(actual, list | tuple) or len(actual) != len(expected):
            yield f"{path}: expected {list(expected)}, got {_shown(actual)}"
            return
        for i, (want, got) in enumerate(zip(expected, actual, strict=True)):
            yield from differences(want, got, tolerance, f"{path}[{i}]")
    elif not _same(expected, actual, tolerance):
        yield f"{path}: expected {expected}, got {_shown(actual)}"


def _mapping_differences(
    expected: Mapping[str, Any], actual: Any, tolerance: float | None, path: str
) -> Iterator[str]:
    if "exact" in expected and isinstance(actual, Fraction):
        if Fraction(str(expected["exact"])) != actual:
            yield f"{path}: expected exactly {expected['exact']}, got {actual}"
        if "value" in expected and not _same(expected["value"], actual, tolerance):
            yield f"{path}: expected {expected['value']}, got {float(actual)!r}"
        return
    if not isinstance(actual, Mapping):
        yield f"{path}: expected {dict(expected)}, got {_shown(actual)}"
        return
    for key, want in expected.items():
        if key in REMARKS and key not in actual:
            continue
        place = f"{path}.{key}" if path else key
        if key in actual:
            yield from differences(want, actual[key], tolerance, place)
        else:
            yield f"{place}: expected {want}, but nothing computes it"


def _same(expected: Any, actual: Any, tolerance: float | None) -> bool:
    if expected is None or actual is None:
        return expected is actual
    if isinstance(expected, bool) or isinstance(actual, bool):
        return isinstance(actual, bool) and expected is actual
    if isinstance(actual, str):
        return plain(expected) == plain(actual)
    try:
        want = number(expected)
    except PricingError:
        return False
    if isinstance(actual, Fraction) and tolerance is None:
        return Fraction(str(expected)) == actual
    got = float(actual)
    if not math.isfinite(want) or not math.isfinite(got):
        return want == got
    limit = EXACT * max(1.0, abs(want)) if tolerance is None else tolerance
    return abs(want - got) <= limit + EXACT * abs(want)


def plain(word: Any) -> str:
    """Return a word as it is compared: ``Half loss`` and ``half_loss`` are one result."""
    return "_".join(str(word).lower().replace("-", " ").split())


def _shown(actual: Any) -> str:
    if isinstance(actual, Fraction):
        return repr(float(actual))
    if isinstance(actual, list | tuple):
        return f"[{', '.join(map(_shown, actual))}]"
    return repr(actual)
