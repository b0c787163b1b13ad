"""The settings that decide how much is bet: stakes, limits, and the router's checks.

Pure.
"""

import re
from decimal import Decimal, DecimalException
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from keter.domain.money import to_minor
from keter.setting_kinds import YEAR_S, Group, Money, Percent, Seconds, Words


class StakeSettings(Group):
    """How much to stake."""

    stake_rule: Literal["fixed", "ev", "kelly"] = Field(
        "fixed", description="fixed, ev (proportional to value) or kelly."
    )
    fixed_stake: Money = Field(
        Decimal(10),
        description="Stake of the fixed rule; the unit of the ev rule; one unit of loss limits.",
    )
    ev_reference_pct: Annotated[float, Field(gt=0)] = Field(
        5, description="Value at which the ev rule stakes one unit."
    )
    kelly_fraction: Annotated[float, Field(gt=0, le=1)] = Field(
        0.25, description="Part of full Kelly that is staked."
    )
    bankroll: Money = Field(Decimal(1000), description="Bankroll of the kelly rule and of DRY.")
    min_stake: Money = Field(
        Decimal(5), description="Smaller stakes are dropped, never rounded up."
    )
    stake_step: Annotated[Decimal, Field(gt=0, decimal_places=2)] = Field(
        Decimal(1), description="Stakes are rounded down to this."
    )

    @property
    def unit_minor(self) -> int:
        return to_minor(self.fixed_stake)


class RiskSettings(Group):
    """Limits. LIVE asks for each amount to be set explicitly."""

    max_stake: Money = Field(
        Decimal(50),
        description="Hard cap of one stake, whatever the rule says; of a lay, of its liability.",
    )
    max_exposure_event: Money = Field(Decimal(100), description="Largest loss one event may cause.")
    max_exposure_league: Money = Field(
        Decimal(500), description="Largest sum of what the events of one league may lose."
    )
    max_exposure_day: Money = Field(Decimal(1000), description="Largest stake of one betting day.")
    max_exposure_total: Money = Field(
        Decimal(1000), description="Largest sum of what all events may lose."
    )
    daily_loss_limit_units: Annotated[float, Field(gt=0)] = Field(
        14, description="Settled loss of a day, in units of FIXED_STAKE, that stops betting."
    )
    losing_streak_limit: Annotated[int, Field(ge=1)] = Field(
        7, description="Losses in a row that pause betting."
    )
    losing_streak_pause_min: Annotated[float, Field(gt=0, le=525_600)] = Field(
        20, description="How long that pause is."
    )
    max_bets_per_event: Annotated[int, Field(ge=1)] = Field(
        3, description="Bets on one event, open and settled."
    )
    throttle_bets: Annotated[int, Field(ge=1)] = Field(6, description="At most this many bets ...")
    throttle_window_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        12, description="... in this many seconds."
    )
    gather_signals_sec: Annotated[float, Field(ge=0, le=5)] = Field(
        0.4,
        description=(
            "Signals that arrive within this time are weighed together, the one worth most first; 0"
            " takes them as they come."
        ),
    )
    cooldown_event_sec: Seconds = Field(60, description="Cooldown of an event after an attempt.")
    cooldown_selection_sec: Seconds = Field(
        300, description="Cooldown of a selection after a skip or a refusal."
    )
    reservation_ttl_s: Annotated[float, Field(ge=5, le=YEAR_S)] = Field(
        120, description="How long an approval holds its exposure before a bet."
    )


_CURRENCY = re.compile(r"[A-Z]{3}")
_RATES_SUCH_AS = "must be currencies with their rates, such as USD=0.92,GBP=1.17"


class CommonRiskSettings(Group):
    """Caps on all accounts together, beside each account's own. 0 sets none."""

    common_max_exposure_event: Money = Field(
        Decimal(0), description="Largest loss one event may cause on all accounts together."
    )
    common_max_exposure_league: Money = Field(
        Decimal(0),
        description="Largest sum of what the events of one league may lose on all accounts.",
    )
    common_max_exposure_total: Money = Field(
        Decimal(0), description="Largest sum of what all events may lose on all accounts."
    )
    risk_currency: str = Field(
        "EUR", pattern="^[A-Z]{3}$", description="Currency of the common caps."
    )
    currency_rates: Words = Field(
        (),
        description=(
            "Fixed price in RISK_CURRENCY of one unit of each other currency, such as"
            " USD=0.92,GBP=1.17."
        ),
    )

    @field_validator("currency_rates")
    @classmethod
    def _are_rates(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names = [_rate(word)[0] for word in value]
        if len(set(names)) < len(names):
            raise ValueError("names a currency twice")
        return value

    @property
    def has_cap(self) -> bool:
        """Whether any common cap is set."""
        return bool(
            self.common_max_exposure_event
            or self.common_max_exposure_league
            or self.common_max_exposure_total
        )

    def rate_of(self, currency: str) -> Decimal:
        """Return the price of one unit of a currency in RISK_CURRENCY.

        It is 1 where it is not set: ``check_rate`` lets that pass only while no cap needs it.
        """
        return self._rates.get(currency, Decimal(1))

    def check_rate(self, currency: str) -> None:
        """Raise ValueError if a common cap is set and the rate of ``currency`` is not."""
        if self.has_cap and currency not in self._rates:
            raise ValueError(
                f"the COMMON_MAX_EXPOSURE caps are in {self.risk_currency}, and an account is in"
                f" {currency}: put {currency}=<its price in {self.risk_currency}> into"
                " CURRENCY_RATES, or set RISK_CURRENCY"
            )

    @property
    def _rates(self) -> dict[str, Decimal]:
        return dict(map(_rate, self.currency_rates)) | {self.risk_currency: Decimal(1)}


def _rate(word: str) -> tuple[str, Decimal]:
    """Return the currency and the rate of ``USD=0.92``. Raises ValueError for other words."""
    currency, _, text = word.partition("=")
    try:
        rate = Decimal(text)
    except DecimalException as e:
        raise ValueError(_RATES_SUCH_AS) from e
    # Beyond these bounds it is a slip: no currency costs a millionth, or a million, of another.
    plausible = rate.is_finite() and Decimal("1e-6") <= rate <= Decimal("1e6")
    if not _CURRENCY.fullmatch(currency) or not plausible:
        raise ValueError(_RATES_SUCH_AS)
    return currency, rate


LONG_ODDS = 3.0


class RouterSettings(Group):
    """Placing bets: the last checks, and what is done where an outcome is unknown."""

    max_signal_age_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        15, description="A signal confirmed longer ago than this is neither approved nor placed."
    )
    max_slippage_pct: Percent = Field(
        1, description="How much worse than approved the price may be at odds up to 3."
    )
    max_slippage_long_pct: Percent = Field(2, description="The same at odds above 3.")
    exec_lock_ttl_s: Annotated[float, Field(ge=10, le=YEAR_S)] = Field(
        120, description="Life of a selection's lock; longer than the slowest placement."
    )
    unknown_alert_s: Seconds = Field(
        60, description="Alert when an outcome has been unknown for this long."
    )
    unknown_absent_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        900, description="An unknown bet that the venue has denied for this long was never placed."
    )
    unknown_error_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        180,
        description=(
            "The same where the venue answered the placement with an error code in its body."
            " Accepted tickets appeared up to 157 s late. HTTP 500 to 504 is no such answer: a"
            " proxy may say it of a bet that was accepted."
        ),
    )
    reconcile_interval_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        15, description="Seconds between comparisons with the venue."
    )
    halt_file: Path = Field(Path("HALT"), description="No bet is placed while this file exists.")
    trading_enabled: bool = Field(True, description="false starts with trading switched off.")

    def slippage_limit_pct(self, odds: float) -> float:
        """Return how much worse than ``odds`` a price may be, in per cent of them."""
        return self.max_slippage_pct if odds <= LONG_ODDS else self.max_slippage_long_pct
