"""The settings, grouped by concern. ``keter.settings`` loads them; nothing else reads the environment."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from keter.domain.markets import MarketKind, Period
from keter.domain.money import to_minor
from keter.domain.trading import ExecutionMode
from keter.redis_address import is_host, problem_of_url

Words = Annotated[tuple[str, ...], NoDecode]
Money = Annotated[Decimal, Field(ge=0, decimal_places=2, max_digits=12)]
YEAR_S = 31_536_000  # no setting lasts so long that a date computed from it leaves the calendar
Seconds = Annotated[float, Field(ge=0, le=YEAR_S)]
Days = Annotated[float, Field(gt=0, le=36_500)]
Percent = Annotated[float, Field(ge=0, le=1000)]
# The methods of keter.pricing.margin.
MarginMethod = Literal["multiplicative", "additive", "power", "shin", "odds_ratio", "balanced_book", "goto", "jsd"]
SHORTEST_TOKEN = 16
LONGEST_ACCOUNT = 64  # what every table of the ledger holds of an account's name
_PLACEHOLDER = re.compile(r"(?i)(change|replace)[\W_]*(me|this)|place[\W_]*holder|example|your[\W_]*(secret|token)")


_BOOK_CODE = re.compile(r"[A-Za-z0-9]{1,10}")


def checked_books(value: tuple[str, ...]) -> tuple[str, ...]:
    """The codes of books, as the venue writes them. Raises ValueError for what can be none."""
    if not all(_BOOK_CODE.fullmatch(word) for word in value):
        raise ValueError("must be book codes with commas between, such as PIN,ISN,SBO, without brackets and quotes")
    return value


class Group(BaseModel):
    """One concern. Field names in upper case are the environment's names."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _split_words(cls, value: object, info: ValidationInfo) -> object:
        field = cls.model_fields[str(info.field_name)]
        if isinstance(value, str):
            value = value.strip()
            if field.annotation == tuple[str, ...]:
                if value.startswith("[") and any(quote in value for quote in "\"'"):
                    raise ValueError("must be words with commas between, such as A,B, without brackets and quotes")
                return tuple(word.strip() for word in value.split(",") if word.strip())
        return value


class ModeSettings(Group):
    """What may happen at all."""

    execution_mode: ExecutionMode = Field(ExecutionMode.DRY, description="DRY bets on paper, LIVE bets money. LIVE also needs "
                                          "credentials, a licence, explicit limits and `keter arm`.")  # fmt: skip
    account_currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="Currency of the account; every amount is in it.")
    time_zone: str = Field("UTC", description="IANA time zone in which a betting day starts and ends.")
    data_dir: Path = Field(Path("local"), description="Folder for the ledger, logs, captures and a private Redis.")

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as e:  # OSError: the name of a folder of zones
            raise ValueError("is not an IANA time zone such as Europe/Paris") from e
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class VenueSettings(Group):
    """The AsianOdds account. Without a user name the sandbox bookmaker is used."""

    ao_user: str = Field("", description="AsianOdds API user name, at most 64 characters. Empty: the sandbox bookmaker.")
    ao_pass: SecretStr = Field(SecretStr(""), description="AsianOdds API password.")
    ao_base_url: str = Field("https://webapi.asianodds88.com/AsianOddsService", description="Root of the venue's web service.")
    ao_sports: Words = Field(("1",), description="Sport ids to follow, comma separated (1 is football).")
    ao_bookies: Words = Field(("ALL",), description="Books to ask for, comma separated, or ALL.")
    max_answer_mb: Annotated[float, Field(ge=0, le=4_096)] = Field(
        0, description="Largest answer that is read, unpacked, in MB. 0: a 128th of the machine's memory, 32 to 256."
    )
    max_fixtures: Annotated[int, Field(ge=1)] = Field(
        5_000, description="Fixtures of the feed that are kept; of more the latest kick-offs go."
    )
    max_markets: Annotated[int, Field(ge=1)] = Field(50_000, description="The same for markets; one takes about 4 kB in Redis.")
    feed_stale_after_s: Seconds = Field(60, description="A market type without a good answer for this long is stale.")
    placement_timeout_s: Annotated[int, Field(ge=5, le=60)] = Field(
        20, description="Seconds the venue may ask books for a price."
    )
    http_timeout_s: Annotated[float, Field(gt=0, le=120)] = Field(
        15, description="Deadline of one venue call, placements apart."
    )

    ao_allow_plain_http: bool = Field(
        False, description="Accept a venue over plain http:// beyond this machine in LIVE: password and bets go in clear."
    )
    ao_session_hosts: Words = Field((), description="Hosts to which the venue's login may move the session, beside those of "
                                    "AO_BASE_URL's own domain.")  # fmt: skip

    @field_validator("ao_user")
    @classmethod
    def _fits_the_ledger(cls, value: str) -> str:
        """PostgreSQL would refuse each bet of an account whose name is longer than its column or holds a NUL."""
        if len(value) > LONGEST_ACCOUNT:
            raise ValueError(
                f"is longer than {LONGEST_ACCOUNT} characters, which is what the ledger holds of an account's name"
            )
        if not value.isprintable():
            raise ValueError("holds a character that cannot be seen; an account's name has none")
        return value

    @field_validator("ao_base_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if not _is_address(value, {"http", "https"}) or urlsplit(value).username:
            raise ValueError("must be an http(s) address without a user name")
        return value.rstrip("/")

    @field_validator("ao_bookies")
    @classmethod
    def _book_codes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return checked_books(value)

    @field_validator("ao_sports")
    @classmethod
    def _sport_numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(word.isascii() and word.isdigit() for word in value):
            raise ValueError("must be sport numbers such as 1,2")
        return value


class RedisSettings(Group):
    """Where Redis is. With no host and no URL Keter starts a private server."""

    redis_url: SecretStr = Field(SecretStr(""), description="redis:// or rediss:// address; wins over host and port.")
    redis_host: str = Field("", description="Host of a Redis that you run. Empty: Keter starts a private one.")
    redis_port: Annotated[int, Field(ge=1, le=65535)] = Field(6379, description="Its port.")
    redis_password: SecretStr = Field(SecretStr(""), description="Its password.")
    redis_db: Annotated[int, Field(ge=0)] = Field(0, description="Its database number.")
    redis_key_prefix: str = Field("", description="Put before every key, so that several programs can share a server.")
    redis_max_memory_mb: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0, description="Memory of the private Redis in MB. 0: an eighth of the machine's, 256 at least, 4096 at most."
    )
    redis_allow_unsafe: bool = Field(
        False, description="Accept a Redis beyond this machine without password or without TLS in LIVE."
    )

    @field_validator("redis_url")
    @classmethod
    def _redis_address(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text and (problem := problem_of_url(text)) is not None:
            raise ValueError(problem)
        return value

    @field_validator("redis_host")
    @classmethod
    def _host_alone(cls, value: str) -> str:
        if value and not is_host(value):
            raise ValueError("must be a host name or address alone; its port is REDIS_PORT, a whole address REDIS_URL")
        return value


class ValidationSettings(Group):
    """What a market must be before it is priced."""

    max_quote_age_s: Seconds = Field(30, description="Oldest confirmation of a price that may still be used, before kick-off.")
    max_quote_age_live_s: Seconds = Field(8, description="The same in play.")
    in_play: bool = Field(False, description="Bet on events that have started.")
    horizon_h: Annotated[float, Field(gt=0, le=8_760)] = Field(72, description="Ignore events that kick off later than this.")
    league_blacklist: Words = Field(("FANTASY", "EFOOTBALL", "E-FOOTBALL", "ESOCCER", "FRIENDLY"),
                                    description="Leagues whose name contains one of these, ignoring case.")  # fmt: skip
    market_type_blacklist: Words = Field((), description="Market kinds (1x2, ah, ou, ml) or periods (ft, ht) never to bet.")

    @field_validator("market_type_blacklist")
    @classmethod
    def _known_market_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = {*MarketKind, *Period, *(f"{period}.{kind}" for period in Period for kind in MarketKind)}
        if not {word.lower() for word in value} <= known:
            raise ValueError("must be of 1x2, ah, ou, ml, ft, ht, or both as in ht.ah")
        return value


class EdgeSettings(Group):
    """What a price must be worth."""

    sharp_whitelist: Words = Field(("PIN", "ISN", "SBO"), description="Books whose prices make the consensus.")
    min_sharp_sources: Annotated[int, Field(ge=1)] = Field(2, description="Sharp books needed, the book being bet left out.")
    min_ev_pct: Percent = Field(5, description="Smallest expected value, in per cent of the stake.")
    ev_max_pct: Percent = Field(25, description="Above this the price is taken for an error.")
    max_consensus_spread_pct: Percent = Field(
        5, description="Largest disagreement of the sharp books, in points of probability."
    )
    confirmation_window_sec: Seconds = Field(0, description="Value must stand for this long before it counts.")
    devig_method_1x2: MarginMethod = Field("power", description="Margin removal for 1X2.")
    devig_method_ah: MarginMethod = Field("multiplicative", description="Margin removal for Asian handicaps.")
    devig_method_ou: MarginMethod = Field("power", description="Margin removal for totals.")
    devig_method_ml: MarginMethod = Field("power", description="Margin removal for two-way money lines.")
    sharp_anchor: str = Field("PIN", description="The sharp book that carries half of the weight.")
    anchor_settle_sec: Seconds = Field(
        30,
        description="The anchor's own price is bet only after it has stood this long while the other sharp books were "
        "confirmed: it moves first, and until they follow its new price looks like value.",
    )
    sharp_half_life_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        300, description="Half-life of a sharp price's weight before kick-off; a fifth in the last hour, a hundredth in play."
    )
    bet_books: Words = Field(("ALL",), description="Books that may be bet with, comma separated, or ALL.")

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

    stake_rule: Literal["fixed", "ev", "kelly"] = Field("fixed", description="fixed, ev (proportional to value) or kelly.")
    fixed_stake: Money = Field(
        Decimal(10), description="Stake of the fixed rule; the unit of the ev rule; one unit of loss limits."
    )
    ev_reference_pct: Annotated[float, Field(gt=0)] = Field(5, description="Value at which the ev rule stakes one unit.")
    kelly_fraction: Annotated[float, Field(gt=0, le=1)] = Field(0.25, description="Part of full Kelly that is staked.")
    bankroll: Money = Field(Decimal(1000), description="Bankroll of the kelly rule and of DRY.")
    min_stake: Money = Field(Decimal(5), description="Smaller stakes are dropped, never rounded up.")
    stake_step: Annotated[Decimal, Field(gt=0, decimal_places=2)] = Field(
        Decimal(1), description="Stakes are rounded down to this."
    )

    @property
    def unit_minor(self) -> int:
        return to_minor(self.fixed_stake)


class RiskSettings(Group):
    """Limits. LIVE asks for each amount to be set explicitly."""

    max_stake: Money = Field(Decimal(50), description="Hard cap of one stake, whatever the rule says.")
    max_exposure_event: Money = Field(Decimal(100), description="Largest loss one event may cause.")
    max_exposure_league: Money = Field(Decimal(500), description="Largest open stake in one league.")
    max_exposure_day: Money = Field(Decimal(1000), description="Largest stake of one betting day.")
    max_exposure_total: Money = Field(Decimal(1000), description="Largest open stake in all.")
    daily_loss_limit_units: Annotated[float, Field(gt=0)] = Field(
        14, description="Settled loss of a day, in units of FIXED_STAKE, that stops betting."
    )
    losing_streak_limit: Annotated[int, Field(ge=1)] = Field(7, description="Losses in a row that pause betting.")
    losing_streak_pause_min: Annotated[float, Field(gt=0, le=525_600)] = Field(20, description="How long that pause is.")
    max_bets_per_event: Annotated[int, Field(ge=1)] = Field(3, description="Bets on one event, open and settled.")
    throttle_bets: Annotated[int, Field(ge=1)] = Field(6, description="At most this many bets ...")
    throttle_window_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(12, description="... in this many seconds.")
    gather_signals_sec: Annotated[float, Field(ge=0, le=5)] = Field(
        0.4,
        description="Signals that arrive within this time are weighed together, the one worth most first; 0 takes them as "
        "they come.",
    )
    cooldown_event_sec: Seconds = Field(60, description="Rest of an event after an attempt.")
    cooldown_selection_sec: Seconds = Field(300, description="Rest of a selection after a skip or a refusal.")
    reservation_ttl_s: Annotated[float, Field(ge=5, le=YEAR_S)] = Field(
        120, description="How long an approval holds its exposure before a bet."
    )


LIVE_LIMITS = ("max_stake", "max_exposure_event", "max_exposure_league", "max_exposure_day", "max_exposure_total",
               "daily_loss_limit_units")  # fmt: skip


LONG_ODDS = 3.0


class RouterSettings(Group):
    """The last metres."""

    max_signal_age_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        15, description="A signal confirmed longer ago than this is neither approved nor placed."
    )
    max_slippage_pct: Percent = Field(1, description="How much worse than approved the price may be at odds up to 3.")
    max_slippage_long_pct: Percent = Field(2, description="The same at odds above 3.")
    exec_lock_ttl_s: Annotated[float, Field(ge=10, le=YEAR_S)] = Field(
        120, description="Life of a selection's lock; longer than the slowest placement."
    )
    unknown_alert_s: Seconds = Field(60, description="Alert when an outcome has been unknown for this long.")
    unknown_absent_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        900, description="An unknown bet that the venue has denied for this long was never placed."
    )
    unknown_error_s: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        180,
        description="The same where the venue answered the placement with an error code in its body. Accepted tickets appeared "
        "up to 157 s late. HTTP 500 to 504 is no such answer: a proxy may say it of a bet that was accepted.",
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

    paper_refusal_rate: Annotated[float, Field(ge=0, le=1)] = Field(0.24, description="Share of placements refused.")
    paper_accept_median_s: Seconds = Field(14, description="Median seconds to acceptance.")
    paper_accept_p90_s: Seconds = Field(43, description="90th percentile of the same.")
    paper_refuse_median_s: Seconds = Field(0.5, description="Median seconds to refusal.")
    paper_drift_pct: Percent = Field(0.5, description="Standard deviation of the price drift between quote and placement.")
    paper_speed: Annotated[float, Field(gt=0)] = Field(1, description="Divides the delays; for demonstrations.")


class SandboxSettings(Group):
    """The bookmaker on localhost."""

    sandbox_port: Annotated[int, Field(ge=0, le=65535)] = Field(0, description="Its port; 0 takes a free one.")
    sandbox_seed: int = Field(7, description="Seed of its fixtures and prices.")
    sandbox_speed: Annotated[float, Field(gt=0)] = Field(
        30, description="How many times faster than life its games are played."
    )


class AlertSettings(Group):
    """When to call for help."""

    alert_consecutive_timeouts: Annotated[int, Field(ge=1)] = Field(
        5, description="Venue time-outs in a row that raise an alert."
    )
    alert_low_ev_streak: Annotated[int, Field(ge=1)] = Field(
        100, description="Different markets without value that raise an alert, after ALERT_LOW_EV_MIN."
    )
    alert_low_ev_min: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        60, description="Minutes without value that raise an alert, where ALERT_LOW_EV_STREAK markets were judged."
    )
    alert_refusal_pct: Percent = Field(30, description="Share of refusals among the last 20 placements that raises an alert.")
    alert_webhook_url: SecretStr = Field(SecretStr(""), description="Where alerts are posted as JSON.")
    telegram_bot_token: SecretStr = Field(SecretStr(""), description="Token of your Telegram bot.")
    telegram_user_ids: Words = Field((), description="Numeric Telegram users who may command it. Empty: nobody.")
    telegram_api_url: str = Field("https://api.telegram.org", description="Telegram's Bot API, or your own server of it.")
    apprise_urls: SecretStr = Field(SecretStr(""), description="Apprise addresses, comma separated, for e-mail and others.")


class DashboardSettings(Group):
    """The web page."""

    dash_host: str = Field(
        "127.0.0.1", description="Address it listens on. Others need a password, allowed hosts and DASH_ALLOW_REMOTE."
    )
    dash_port: Annotated[int, Field(ge=0, le=65535)] = Field(8080, description="Its port.")
    dash_allow_remote: bool = Field(False, description="Really listen beyond this machine.")
    dash_allowed_hosts: Words = Field((), description="Host names under which it may be reached.")
    dash_password_hash: SecretStr = Field(
        SecretStr(""), description="argon2id hash of the operator's password (`keter config password`)."
    )
    dash_viewer_password_hash: SecretStr = Field(SecretStr(""), description="The same for a viewer who may not command.")
    dash_totp_secret: SecretStr = Field(SecretStr(""), description="Base32 secret of the operator's second factor, if wanted.")
    dash_viewer_totp_secret: SecretStr = Field(
        SecretStr(""),
        description="The same for the viewer, another one. With DASH_TOTP_SECRET alone the viewer's login is off.",
    )
    dash_trusted_proxies: Words = Field((), description="Addresses whose X-Forwarded-* headers are believed.")
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token of 16 characters or more, for /metrics and /readyz from other machines. Empty: none.",
    )

    @field_validator("metrics_token")
    @classmethod
    def _hard_to_guess(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if 0 < len(token) < SHORTEST_TOKEN:
            raise ValueError(f"needs at least {SHORTEST_TOKEN} characters")
        if token and (_PLACEHOLDER.search(token) or len(set(token)) < SHORTEST_TOKEN // 2):
            raise ValueError("is a placeholder; make one, as with: openssl rand -hex 32")
        return value


class LicenseSettings(Group):
    """The licence LIVE needs."""

    keter_license_key: SecretStr = Field(
        SecretStr(""), description="Licence token; else the file local/.keter_license is read."
    )
    license_obtain_url: str = Field(
        "", description="Address where a licence is to be had, for messages; empty names docs/licences.md."
    )
    license_required_for: Literal["live", "all"] = Field("live", description="live, or all to ask for it in DRY too.")
    license_public_key: str = Field("", description="Ed25519 public key (PEM or base64) for self-issued licences.")


class LogSettings(Group):
    """Logs and records."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severity that is written.")
    log_console: Literal["all", "warnings", "none"] = Field(
        "all", description="What also goes to the console. `keter up` shows warnings of its children."
    )
    log_max_mb: Annotated[float, Field(gt=0)] = Field(20, description="Size at which a log file is rotated.")
    log_keep: Annotated[int, Field(ge=1)] = Field(5, description="Rotated files kept per process.")
    log_total_max_mb: Annotated[float, Field(gt=0)] = Field(
        500, description="Size of all log files in MB; of more the oldest rotated ones go."
    )
    capture_raw: bool = Field(True, description="Keep raw answers for replay.")
    capture_keep_days: Days = Field(7, description="Days of raw answers kept.")
    capture_max_mb: Annotated[float, Field(gt=0)] = Field(
        2_000, description="Size of all raw answers kept, in MB; of more the oldest go."
    )
    decision_keep_days: Days = Field(90, description="Days of decisions kept in the ledger.")
    ledger_max_mb: Annotated[float, Field(gt=0)] = Field(
        4_000, description="Size of the ledger in MB above which its oldest decisions go; bets and their history never do."
    )
    ledger_url: SecretStr = Field(SecretStr(""), description="SQLAlchemy address of the ledger. Empty: SQLite in DATA_DIR.")


class ProcessSettings(Group):
    """How many of what."""

    validator_copies: Annotated[int, Field(ge=1, le=32)] = Field(1, description="Validator processes.")
    edge_copies: Annotated[int, Field(ge=1, le=32)] = Field(1, description="Edge processes.")
    heartbeat_s: Annotated[float, Field(gt=0, le=30)] = Field(1, description="Seconds between heartbeats.")
    worker_lease_ttl_s: Annotated[float, Field(ge=2, le=YEAR_S)] = Field(
        10, description="A worker silent for this long loses what it holds."
    )


def _is_address(text: str, schemes: set[str]) -> bool:
    """Whether ``text`` has one of ``schemes``, a host and, if any, a port that is a number."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
