"""The configuration of a sandbox. Its defaults make a good demonstration."""

from dataclasses import dataclass, field
from hashlib import md5
from math import inf
from pathlib import Path
from typing import Literal

from keter.venues.asianodds.settings import SIMULATED_PASSWORD, SIMULATED_USER
from keter.venues.asianodds.sport_terms import FOLLOWED, FOOTBALL_NUMBER

SHARP_BOOKS = ("PIN", "ISN", "SBO", "SIN")
SOFT_BOOKS = ("IBC", "GA", "3ET", "P88")
ALL_BOOKS = SHARP_BOOKS + SOFT_BOOKS
SERVICE = "AsianOddsService"
FEED_INTERVAL_S = {0: 5.0, 1: 10.0, 2: 20.0}


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """One customer. Amounts are cents of ``currency``."""

    user: str
    password: str = field(repr=False)
    deposit_minor: int = 1_000_000
    currency: str = "EUR"
    bookies: tuple[str, ...] = ALL_BOOKS

    @property
    def password_md5(self) -> str:
        """Lower-case hex MD5, which is what the protocol sends."""
        return md5(self.password.encode(), usedforsecurity=False).hexdigest()


DEMO_ACCOUNT = AccountConfig(SIMULATED_USER, SIMULATED_PASSWORD)


@dataclass(frozen=True, slots=True)
class ProtocolConfig:
    """Choices that the public record of the protocol leaves open: a client must cope with each."""

    throttle_answer: Literal["810", "-810", "429"] = "810"
    expired_answer: Literal["401", "-1"] = "401"
    since_zero: Literal["full", "ignored"] = "full"
    price_field: Literal["both", "odds", "price"] = "both"
    hdp_sign: Literal["unsigned", "away"] = "unsigned"
    xml_without_json: bool = True
    bom: bool = False
    second_port: bool = False
    place_needs_info: bool = False
    refuse_trimmed_list: bool = True
    register_within_s: float = 60
    idle_expiry_s: float = 300
    cursor_idle_s: float = 240
    transit_s: float = 0.5
    closing_s: float = 300
    keepalive_floor_s: float = 60


@dataclass(frozen=True, slots=True)
class MarketConfig:
    """The made-up market.

    Times are seconds of the wall clock, not of played time.
    """

    today_fixtures: int = 24
    early_fixtures: int = 8
    kickoff_every_s: float | None = None
    news_every_s: float = 5.0
    news_goals: tuple[float, float] = (0.14, 0.26)
    drift_every_s: float = 12.0
    drift_goals: float = 0.008
    sharp_lag_s: tuple[float, float] = (0.5, 2.5)
    soft_lag_s: tuple[float, float] = (18.0, 42.0)
    corrupt_every_s: float = 40.0
    corrupt_for_s: float = 15.0
    today_copy_lingers_s: float = 45.0
    suspended_after_goal_s: float = 3.0
    corners_share: float = 0.15
    noise_share: float = 0.05
    abandoned_share: float = 0.004
    tick_s: float = 1.0


@dataclass(frozen=True, slots=True)
class BettingConfig:
    """How bets are decided.

    Rates and delays come from 1,497 recorded bets (protocol page, section 5.2).
    """

    refusal_rate: float = 0.2
    refusal_by_book: dict[str, float] = field(
        default_factory=lambda: {"P88": 0.33, "PIN": 0.18, "SIN": 0.16}
    )
    accept_median_s: float = 14.0
    accept_p90_s: float = 43.0
    accept_max_s: float = 157.0
    refuse_median_s: float = 0.5
    refuse_p90_s: float = 2.1
    refuse_max_s: float = 2640.0
    quote_delay_s: tuple[float, float] = (0.05, 0.6)
    quote_drift_rate: float = 0.1
    minimum_minor: int = 500
    maximum_minor: tuple[int, int] = (20_000, 300_000)
    keep_settled: int = 20_000


@dataclass(frozen=True, slots=True)
class CsvConfig:
    """Real fixtures, from files of football-data.co.uk.

    ``first`` and ``last`` are ISO dates, both included. Outside them nothing is served.
    """

    paths: tuple[Path, ...] = ()
    first: str | None = None
    last: str | None = None
    lead_h: float = 48.0
    start_after_s: float = 5.0


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Everything that can be chosen. Raises ValueError for values that do not fit together.

    ``speed`` divides played time. ``feed_interval_scale`` scales the feed's throttles and
    ``delay_scale`` the books' delays.

    The scenario is that of ``csv`` when it names files, a fixed one when ``fixed_fixtures`` is
    above 0, else the made-up market. All are of football but the fixed one, which is of
    ``fixed_sport``.
    """

    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 7
    speed: float = 30.0
    feed_interval_scale: float = 1.0
    delay_scale: float = 1.0
    settle_after_s: float = 2.0
    accounts: tuple[AccountConfig, ...] = (DEMO_ACCOUNT,)
    protocol: ProtocolConfig = ProtocolConfig()
    market: MarketConfig = MarketConfig()
    betting: BettingConfig = BettingConfig()
    csv: CsvConfig = CsvConfig()
    fixed_fixtures: int = 0
    fixed_sport: int = FOOTBALL_NUMBER

    @property
    def final_shown_ms(self) -> int:
        """How long a final score stays in the Live feed, so that a slow client sees it."""
        return round(1000 * max(3 * FEED_INTERVAL_S[0] * self.feed_interval_scale, 1.0))

    def __post_init__(self) -> None:
        if not (
            0 < self.speed < inf
            and 0 <= self.feed_interval_scale < inf
            and 0 <= self.delay_scale < inf
        ):
            raise ValueError("speed must be above 0, the scales at least 0")
        if not 0 <= self.port <= 65535 or self.fixed_fixtures < 0:
            raise ValueError("the port must be from 0 to 65535, the number of fixtures at least 0")
        if self.fixed_sport not in FOLLOWED:
            raise ValueError(f"no sport that is modelled has the number {self.fixed_sport}")
        if len({account.user.upper() for account in self.accounts}) != len(self.accounts):
            raise ValueError("two sandbox accounts share a name")
