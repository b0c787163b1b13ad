"""Money: an exact integer of minor units inside, ``Decimal`` at the edges, never a float.

Every currency handled so far has two decimals; ``MINOR_PER_UNIT`` is the single place that says so.
Amounts carry ``_minor`` in their names.
"""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation

MINOR_PER_UNIT = 100
_CENT = Decimal("0.01")


def to_minor(amount: Decimal | str | int) -> int:
    """Minor units of an amount that must be exact to the cent.

    Raises ValueError when it is not a finite number or has a fraction of a cent.
    """
    try:
        value = Decimal(amount)
        minor = value * MINOR_PER_UNIT
    except (InvalidOperation, TypeError) as e:
        raise ValueError(f"not an amount of money: {amount!r}") from e
    if not value.is_finite() or minor != minor.to_integral_value():
        raise ValueError(f"not an amount in whole cents: {amount!r}")
    return int(minor)


def round_to_minor(amount: Decimal) -> int:
    """Minor units, half up away from zero: what a bookmaker books. ``amount`` must be finite."""
    return int((amount * MINOR_PER_UNIT).to_integral_value(ROUND_HALF_UP))


def floor_to_minor(amount: Decimal, unit_minor: int = 1) -> int:
    """Minor units, toward zero to a multiple of ``unit_minor``: what may be staked."""
    units = (amount * MINOR_PER_UNIT / unit_minor).to_integral_value(ROUND_DOWN)
    return int(units) * unit_minor


def to_decimal(minor: int) -> Decimal:
    """The amount with two decimals."""
    return (Decimal(minor) / MINOR_PER_UNIT).quantize(_CENT)


def money_text(minor: int) -> str:
    """``-1234.50``: the decimal string that travels to pages, logs and venues."""
    return str(to_decimal(minor))
