"""Odds formats, converted exactly, and what a stake means in each.

Every number is a ``Fraction``: Malay -0.98 is 99/49, not 2.02. Round only for display or for a
venue's ladder.

| format | of decimal odds |
| --- | --- |
| Hong Kong | ``hk = decimal - 1`` |
| Malay | ``hk`` up to evens, else ``-1/hk`` |
| Indonesian | ``hk`` from evens, else ``-1/hk`` |
| American | a hundred times Indonesian |
| fractional | ``hk`` as n/d |
| implied | ``1/decimal`` |

Even money is written as the positive number; both signs are read.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from numbers import Rational
from typing import NamedTuple

from keter.errors import InvalidOddsError

OddsValue = str | int | float | Decimal | Fraction
# As an exact fraction 1e9999999 has ten million digits and takes minutes; it is nobody's odds.
_ABSURD_EXPONENT = re.compile(r"[eE][+-]?0*[1-9]\d{3}")


class OddsFormat(StrEnum):
    """How odds are written; see the table above."""

    DECIMAL = "decimal"
    HONGKONG = "hongkong"
    MALAY = "malay"
    INDONESIAN = "indonesian"
    AMERICAN = "american"
    FRACTIONAL = "fractional"
    IMPLIED = "implied"


class StakeConvention(StrEnum):
    """What the nominal stake means where the quoted number is negative.

    Each venue's adapter states its convention.
    """

    TO_WIN_WHEN_NEGATIVE = "to_win_when_negative"
    RISK = "risk"


class StakeMeaning(NamedTuple):
    """The amount lost if the bet loses, and the amount won if it wins."""

    risk: Fraction
    to_win: Fraction


def exact(value: OddsValue) -> Fraction:
    """Return the exact number that was written.

    A float (numpy's too) counts as its shortest decimal text. Raises InvalidOddsError for a value
    that is no finite number of plausible size.
    """
    if isinstance(value, bool):
        raise InvalidOddsError(f"not a number: {value!r}")
    if isinstance(value, Rational):  # Fraction, int and numpy's integers
        return Fraction(int(value.numerator), int(value.denominator))
    text = float.__repr__(value) if isinstance(value, float) else str(value)
    if _ABSURD_EXPONENT.search(text):
        raise InvalidOddsError(f"not a number of plausible size: {value!r}")
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as e:
        raise InvalidOddsError(f"not a finite number: {value!r}") from e


def as_float(value: object) -> float:
    """Return a float of any number or numeric text; infinity and NaN pass.

    Raises InvalidOddsError for a value that is no number.
    """
    if isinstance(value, bool):
        raise InvalidOddsError(f"not a number: {value!r}")
    try:
        return float(value)  # type: ignore[arg-type]  # that it may be anything is the point
    except (TypeError, ValueError, OverflowError) as e:
        raise InvalidOddsError(f"not a number: {value!r}") from e


def convert(value: OddsValue, from_format: str = "decimal", to_format: str = "decimal") -> Fraction:
    """Return ``value`` of one format in another, exactly.

    Raises InvalidOddsError for an unknown format, and for a number that is not finite or outside
    the domain of its format.
    """
    number, source, target = exact(value), _format(from_format), _format(to_format)
    if not _DOMAIN[source](number):
        raise InvalidOddsError(f"{value} is outside the domain of {source} odds")
    return _FROM_NET[target](_TO_NET[source](number))


def to_decimal(value: OddsValue, from_format: str) -> Fraction:
    """Return decimal odds, exactly. Raises InvalidOddsError as ``convert`` does."""
    return convert(value, from_format, OddsFormat.DECIMAL)


def stake_meaning(
    value: OddsValue,
    odds_format: str,
    nominal: OddsValue,
    convention: StakeConvention = StakeConvention.TO_WIN_WHEN_NEGATIVE,
) -> StakeMeaning:
    """Return risk and winnings of a nominal stake quoted at ``value``.

    Raises InvalidOddsError as ``convert`` does, ValueError for a negative stake.
    """
    net = convert(value, odds_format, OddsFormat.HONGKONG)
    stake = exact(nominal)
    if stake < 0:
        raise ValueError(f"a stake cannot be negative: {nominal}")
    if convention is StakeConvention.TO_WIN_WHEN_NEGATIVE and exact(value) < 0:
        return StakeMeaning(stake / net, stake)
    return StakeMeaning(stake, stake * net)


def opposing(value: OddsValue, odds_format: str = "decimal") -> Fraction:
    """Return the price of the other side of a two-way market without margin.

    In decimal odds it is ``o / (o - 1)``. American prices flip their sign; +100 and -100 both give
    +100. Raises InvalidOddsError as ``convert`` does.
    """
    net = convert(value, odds_format, OddsFormat.HONGKONG)
    return convert(1 / net, OddsFormat.HONGKONG, odds_format)


_SHORT_NAMES = {
    "eu": "decimal",
    "hk": "hongkong",
    "my": "malay",
    "indo": "indonesian",
    "us": "american",
}


def _format(name: str) -> OddsFormat:
    plain = re.sub(r"[\s_-]", "", str(name).lower())
    try:
        return OddsFormat(_SHORT_NAMES.get(plain, plain))
    except ValueError as e:
        raise InvalidOddsError(
            f"unknown odds format {name!r}; one of {', '.join(OddsFormat)}"
        ) from e


def _signed_to_net(number: Fraction) -> Fraction:
    return number if number > 0 else -1 / number


_F = OddsFormat
_DOMAIN: dict[OddsFormat, Callable[[Fraction], bool]] = {
    _F.DECIMAL: lambda o: o > 1,
    _F.HONGKONG: lambda o: o > 0,
    _F.MALAY: lambda o: 0 < abs(o) <= 1,
    _F.INDONESIAN: lambda o: abs(o) >= 1,
    _F.AMERICAN: lambda o: abs(o) >= 100,
    _F.FRACTIONAL: lambda o: o > 0,
    _F.IMPLIED: lambda o: 0 < o < 1,
}
_TO_NET: dict[OddsFormat, Callable[[Fraction], Fraction]] = {
    _F.DECIMAL: lambda o: o - 1,
    _F.HONGKONG: lambda o: o,
    _F.MALAY: _signed_to_net,
    _F.INDONESIAN: _signed_to_net,
    _F.AMERICAN: lambda o: _signed_to_net(o / 100),
    _F.FRACTIONAL: lambda o: o,
    _F.IMPLIED: lambda o: 1 / o - 1,
}
_FROM_NET: dict[OddsFormat, Callable[[Fraction], Fraction]] = {
    _F.DECIMAL: lambda net: net + 1,
    _F.HONGKONG: lambda net: net,
    _F.MALAY: lambda net: net if net <= 1 else -1 / net,
    _F.INDONESIAN: lambda net: net if net >= 1 else -1 / net,
    _F.AMERICAN: lambda net: 100 * net if net >= 1 else -100 / net,
    _F.FRACTIONAL: lambda net: net,
    _F.IMPLIED: lambda net: 1 / (net + 1),
}
