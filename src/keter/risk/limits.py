"""The limits an operator may lower while Keter runs, and raise again up to the settings, never
beyond them.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from keter.betting_settings import LIVE_LIMITS, RiskSettings
from keter.errors import UsageError


def lowered(risk: RiskSettings, wanted: Mapping[str, Decimal]) -> RiskSettings:
    """``risk`` with the lower of setting and wish for each limit; unknown names are left alone."""
    changes = {
        name: value
        for name, value in wanted.items()
        if name in LIVE_LIMITS and value < setting_of(risk, name)
    }
    if "daily_loss_limit_units" in changes:
        return risk.model_copy(
            update={**changes, "daily_loss_limit_units": float(changes["daily_loss_limit_units"])}
        )
    return risk.model_copy(update=changes)


def setting_of(risk: RiskSettings, name: str) -> Decimal:
    """The limit as an amount (of units for the daily loss)."""
    return Decimal(str(getattr(risk, name)))


def checked_limit(risk: RiskSettings, name: str, value: str) -> tuple[str, Decimal]:
    """Name and amount of a wish, told as on the command line.

    Raises UsageError for what may not be.
    """
    field = name.lower()
    if field not in LIVE_LIMITS:
        raise UsageError(
            f"{name} is no limit that can be changed; these are: {', '.join(LIVE_LIMITS).upper()}"
        )
    try:
        amount = Decimal(value)
    except InvalidOperation as e:
        raise UsageError(f"{value} is no amount") from e
    most = setting_of(risk, field)
    if not amount.is_finite() or not 0 < amount <= most:
        raise UsageError(
            f"{field.upper()} must be above 0 and at most {most}, which the settings allow"
        )
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -2:
        raise UsageError(f"{value} has more than two decimal places")
    return field, amount
