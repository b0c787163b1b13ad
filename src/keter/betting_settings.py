"""The settings that decide what is bet and how much: quotes, value, stakes, limits, the router, and
fills on paper.

Pure.
"""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from keter.domain.markets import MarketKind, Period
from keter.domain.money import to_minor
from keter.setting_kinds import YEAR_S, Group, Money, Percent, Seconds, Words, checked_books

# The methods of keter.pricing.margin.
MarginMethod = Literal[
    "multiplicative", "additive", "power", "shin", "odds_ratio", "balanced_book", "goto", "jsd"
]


class ValidationSettings(Group):
    """What a market must be before it is priced."""

    max_quote_age_s: Seconds = Field(
        30, description="Oldest confirmation of a price that may still be used, before kick-off."
    )
    max_quote_age_live_s: Seconds = Field(8, description="The same in play.")
    in_play: bool = Field(False, description="Bet on events that have started.")
    horizon_h: Annotated[float, Field(gt=0, le=8_760)] = Field(
        72, description="Ignore events that kick off later than this."
    )
    league_blacklist: Words = Field(
        ("FANTASY", "EFOOTBALL", "E-FOOTBALL", "ESOCCER", "FRIENDLY"),
        description="Leagues whose name contains one of these, ignoring case.",
    )
    market_type_blacklist: Words = Field(
        (), description="Market kinds (1x2, ah, ou, ml) or periods (ft, ht) never to bet."
    )

    @field_validator("market_type_blacklist")
    @classmethod
    def _known_market_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = {
            *MarketKind,
            *Period,
            *(f"{period}.{kind}" for period in Period for kind in MarketKind),
        }
        if not {word.lower() for word in value} <= known:
            raise ValueError("must be of 1x2, ah, ou, ml, ft, ht, or both as in ht.ah")
        return value


class EdgeSettings(Group):
    """What a price must be worth."""

    sharp_whitelist: Words = Field(
        ("PIN", "ISN", "SBO"), description="Books whose prices make the consensus."
    )
    min_sharp_sources: Annotated[int, Field(ge=1)] = Field(
        2, description="Sharp books needed, the book being bet left out."
    )
    min_ev_pct: Percent = Field(5, description="Smallest expected value, in per cent of the stake.")
    ev_max_pct: Percent = Field(25, description="Above this the price is taken for an error.")
    max_consensus_spread_pct: Percent = Field(
        5, description="Largest disagreement of the sharp books, in points of probability."
    )
    confirmation_window_sec: Seconds = Field(
        0, description="Value must stand for this long before it counts."
    )
    devig_method_1x2: MarginMethod = Field("power", description="Margin removal for 1X2.")
    devig_method_ah: MarginMethod = Field(
        "multiplicative", description="Margin removal for Asian handicaps."
    )
    devig_method_ou: MarginMethod = Field("power", description="Margin removal for totals.")
    devig_method_ml: MarginMethod = Field(
        "power", description="Margin removal for two-way money lines."
    )
    sharp_anchor: str = Field("PIN", description="The sharp book that carries half of the weight.")
    anchor_settle_sec: Seconds = Field(
        30,
        description=(
            "The anchor's own price is bet only after it has stood this long while the other sharp"
            " books were confirmed: it moves first, and until they follow its new price looks like"
            " value."
        ),
    )
    sharp_half_life_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        300,
        description=(
            "Half-life of a sharp price's weight before kick-off; a fifth in the last hour, a"
            " hundredth in play."
        ),
    )
    bet_books: Words = Field(
        ("ALL",), description="Books that may be bet with, comma separated, or ALL."
    )

    @field_validator("sharp_whitelist", "bet_books")
    @classmethod
    def _book_codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_books(value)

    @field_validator("sharp_anchor")
    @classmethod
    def _one_book(cls, value: str) -> str:
        return checked_books((value,))[0] if value else value

    def devig_method(self, kind: MarketKind) -> str:
        method: str = getattr(self, f"devig_method_{kind.value}")
        return method


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
        Decimal(50), description="Hard cap of one stake, whatever the rule says."
    )
    max_exposure_event: Money = Field(Decimal(100), description="Largest loss one event may cause.")
    max_exposure_league: Money = Field(
        Decimal(500), description="Largest open stake in one league."
    )
    max_exposure_day: Money = Field(Decimal(1000), description="Largest stake of one betting day.")
    max_exposure_total: Money = Field(Decimal(1000), description="Largest open stake in all.")
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
    cooldown_event_sec: Seconds = Field(60, description="Rest of an event after an attempt.")
    cooldown_selection_sec: Seconds = Field(
        300, description="Rest of a selection after a skip or a refusal."
    )
    reservation_ttl_s: Annotated[float, Field(ge=5, le=YEAR_S)] = Field(
        120, description="How long an approval holds its exposure before a bet."
    )


LIVE_LIMITS = (
    "max_stake",
    "max_exposure_event",
    "max_exposure_league",
    "max_exposure_day",
    "max_exposure_total",
    "daily_loss_limit_units",
)


LONG_ODDS = 3.0


class RouterSettings(Group):
    """The last metres."""

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
        """How much worse than ``odds`` a price may be, in per cent of them."""
        return self.max_slippage_pct if odds <= LONG_ODDS else self.max_slippage_long_pct


class PaperSettings(Group):
    """How DRY fills are imagined. Defaults come from 1,497 real bets."""

    paper_refusal_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        0.24, description="Share of placements refused."
    )
    paper_accept_median_s: Seconds = Field(14, description="Median seconds to acceptance.")
    paper_accept_p90_s: Seconds = Field(43, description="90th percentile of the same.")
    paper_refuse_median_s: Seconds = Field(0.5, description="Median seconds to refusal.")
    paper_drift_pct: Percent = Field(
        0.5, description="Standard deviation of the price drift between quote and placement."
    )
    paper_speed: Annotated[float, Field(gt=0)] = Field(
        1, description="Divides the delays; for demonstrations."
    )
