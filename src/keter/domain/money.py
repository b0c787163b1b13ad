"""Money: an exact integer of minor units inside, ``Decimal`` at the edges, never a float.

Every currency handled so far has two decimals; ``MINOR_PER_UNIT`` is the single place that says so.
Amounts carry ``_minor`` in their names.
"""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation

MINOR_PER_UNIT = 100
_CENT = Decimal("0.01")


def to_minor(amount: Decimal | str | int) -> int:
    """Return the minor units of an amount that must be exact to the cent.

    Raises ValueError if it is no finite number or has a fraction of a cent.
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
    """Return minor units, rounded half away from zero as a bookmaker books.

    ``amount`` must be finite.
    """
    return int((amount * MINOR_PER_UNIT).to_integral_value(ROUND_HALF_UP))


def floor_to_minor(amount: Decimal, unit_minor: int = 1) -> int:
    """Return minor units, rounded toward zero to a multiple of ``unit_minor``, as stakes are."""
    units = (amount * MINOR_PER_UNIT / unit_minor).to_integral_value(ROUND_DOWN)
    return int(units) * unit_minor


def to_decimal(minor: int) -> Decimal:
    """Return the amount with two decimals."""
    return (Decimal(minor) / MINOR_PER_UNIT).quantize(_CENT)


def grouped_text(minor: float, *, signed: bool = False) -> str:
    """Return an amount for a reader, with groups of thousands: ``1,234.50`` or ``+1,234.50``.

    It also takes an expected value, which may be a fraction of a minor unit.
    """
    return f"{minor / MINOR_PER_UNIT:{'+' if signed else ''},.2f}"


def money_text(minor: int) -> str:
    """Return the decimal text for pages, logs and venues, such as ``-1234.50``."""
    return str(to_decimal(minor))
