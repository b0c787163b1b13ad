"""The limits that an operator may lower while Keter runs.

An operator may also raise one again, up to what the settings allow and never beyond.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol, Self, TypeVar

from keter.domain.money import floor_to_minor
from keter.errors import UsageError

DAILY_LOSS_UNITS = "daily_loss_limit_units"
# The names of the settings that hold these limits. LIVE asks for each to be set explicitly.
LIVE_LIMITS = (
    "max_stake",
    "max_exposure_event",
    "max_exposure_league",
    "max_exposure_day",
    "max_exposure_total",
    DAILY_LOSS_UNITS,
)


class Limits(Protocol):
    """Hold one attribute for each name of LIVE_LIMITS, as ``RiskSettings`` does."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None) -> Self: ...


L = TypeVar("L", bound=Limits)


def lowered(limits: L, wanted: Mapping[str, Decimal]) -> L:
    """Return ``limits`` with the lower of setting and wish for each name.

    Names that are no limit are ignored.
    """
    changes = {
        name: float(value) if name == DAILY_LOSS_UNITS else value
        for name, value in wanted.items()
        if name in LIVE_LIMITS and value < setting_of(limits, name)
    }
    return limits.model_copy(update=changes)


def setting_of(limits: object, name: str) -> Decimal:
    """Return the limit ``name`` as an amount; that of the daily loss is in units of FIXED_STAKE."""
    return Decimal(str(getattr(limits, name)))


def checked_limit(limits: object, name: str, value: str) -> tuple[str, Decimal]:
    """Return the setting's name and the amount of a wish as typed on the command line.

    Raises UsageError if the name is no limit, or the amount is not above 0, above the settings, or
    has more than two decimal places.
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
    most = setting_of(limits, field)
    if not amount.is_finite() or not 0 < amount <= most:
        raise UsageError(
            f"{field.upper()} must be above 0 and at most {most}, which the settings allow"
        )
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -2:
        raise UsageError(f"{value} has more than two decimal places")
    return field, amount


def limit_text(account: str, name: str, amount: Decimal) -> str:
    """Return how the audit names a limit that was set, such as ``max_stake=5@asianodds:me``."""
    return f"{name}={amount}@{account}"


def parse_limit(text: str) -> tuple[str, str, Decimal]:
    """Return account, name and amount of such a text.

    The account is empty in the rows of older versions: the limit then is every account's.
    """
    name, _, rest = text.partition("=")
    amount, _, account = rest.partition("@")
    return account, name, Decimal(amount)


def daily_loss_limit_minor(units: float, unit: Decimal) -> int:
    """Return DAILY_LOSS_LIMIT_UNITS times FIXED_STAKE in minor units, rounded down."""
    return floor_to_minor(Decimal(str(units)) * unit)
