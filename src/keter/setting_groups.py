"""The settings that belong to no venue and no strategy, grouped by concern.

``keter.settings`` loads them. Nothing else reads the environment.
"""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator

from keter.domain.trading import ExecutionMode
from keter.redis_address import is_host, problem_of_url
from keter.setting_kinds import YEAR_S, Days, Group, Percent, Words

SHORTEST_TOKEN = 16
_PLACEHOLDER = re.compile(
    r"(?i)(change|replace)[\W_]*(me|this)|place[\W_]*holder|example|your[\W_]*(secret|token)"
)


class ModeSettings(Group):
    """What may happen at all."""

    execution_mode: Literal[ExecutionMode.DRY, ExecutionMode.LIVE] = Field(
        ExecutionMode.DRY,
        description="DRY bets on paper, LIVE bets money. LIVE also needs "
        "credentials, a licence, explicit limits and `keter arm`.",
    )
    accounts: Words = Field(
        (),
        description="Names of several accounts, such as ALICE,BOB. Each has its own AO_USER__ALICE "
        "and AO_PASS__ALICE, and may have its own stakes, limits, mode and currency "
        "(FIXED_STAKE__ALICE). Empty for one account.",
    )
    account_currency: str = Field(
        "EUR", pattern="^[A-Z]{3}$", description="Currency of the account; every amount is in it."
    )
    time_zone: str = Field(
        "UTC", description="IANA time zone in which a betting day starts and ends."
    )
    data_dir: Path = Field(
        Path("local"), description="Folder for the ledger, logs, captures and a private Redis."
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as e:
            # OSError: the name is that of a folder of zones.
            raise ValueError("is not an IANA time zone such as Europe/Paris") from e
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class RedisSettings(Group):
    """Where Redis is. With no host and no URL Keter starts a private server."""

    redis_url: SecretStr = Field(
        SecretStr(""), description="redis:// or rediss:// address; wins over host and port."
    )
    redis_host: str = Field(
        "", description="Host of a Redis that you run. Empty: Keter starts a private one."
    )
    redis_port: Annotated[int, Field(ge=1, le=65535)] = Field(6379, description="Its port.")
    redis_password: SecretStr = Field(SecretStr(""), description="Its password.")
    redis_db: Annotated[int, Field(ge=0)] = Field(0, description="Its database number.")
    redis_key_prefix: str = Field(
        "", description="Put before every key, so that several programs can share a server."
    )
    redis_max_memory_mb: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0,
        description=(
            "Memory of the private Redis in MB. 0: an eighth of the machine's, 256 at least, 4096"
            " at most."
        ),
    )
    redis_allow_unsafe: bool = Field(
        False,
        description="Accept a Redis beyond this machine without password or without TLS in LIVE.",
    )

    @property
    def url(self) -> str | None:
        """The address with its password, or None where no server is named."""
        if url := self.redis_url.get_secret_value():
            return url
        if not self.redis_host:
            return None
        password = self.redis_password.get_secret_value()
        login = f":{quote(password, safe='')}@" if password else ""
        host = f"[{self.redis_host}]" if ":" in self.redis_host else self.redis_host
        return f"redis://{login}{host}:{self.redis_port}/{self.redis_db}"

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
            raise ValueError(
                "must be a host name or address alone; its port is REDIS_PORT, a whole address"
                " REDIS_URL"
            )
        return value


class AlertSettings(Group):
    """When to call for help."""

    alert_consecutive_timeouts: Annotated[int, Field(ge=1)] = Field(
        5, description="Venue time-outs in a row that raise an alert."
    )
    alert_low_ev_streak: Annotated[int, Field(ge=1)] = Field(
        100,
        description="Different markets without value that raise an alert, after ALERT_LOW_EV_MIN.",
    )
    alert_low_ev_min: Annotated[float, Field(gt=0, le=YEAR_S)] = Field(
        60,
        description=(
            "Minutes without value that raise an alert, where ALERT_LOW_EV_STREAK markets were"
            " judged."
        ),
    )
    alert_refusal_pct: Percent = Field(
        30, description="Share of refusals among the last 20 placements that raises an alert."
    )
    alert_webhook_url: SecretStr = Field(
        SecretStr(""), description="Where alerts are posted as JSON."
    )
    telegram_bot_token: SecretStr = Field(SecretStr(""), description="Token of your Telegram bot.")
    telegram_user_ids: Words = Field(
        (), description="Numeric Telegram users who may command it. Empty: nobody."
    )
    telegram_api_url: str = Field(
        "https://api.telegram.org", description="Telegram's Bot API, or your own server of it."
    )
    apprise_urls: SecretStr = Field(
        SecretStr(""), description="Apprise addresses, comma separated, for e-mail and others."
    )


class DashboardSettings(Group):
    """The web page."""

    dash_host: str = Field(
        "127.0.0.1",
        description=(
            "Address it listens on. Others need a password, allowed hosts and DASH_ALLOW_REMOTE."
        ),
    )
    dash_port: Annotated[int, Field(ge=0, le=65535)] = Field(8080, description="Its port.")
    dash_allow_remote: bool = Field(False, description="Really listen beyond this machine.")
    dash_allowed_hosts: Words = Field((), description="Host names under which it may be reached.")
    dash_password_hash: SecretStr = Field(
        SecretStr(""),
        description="argon2id hash of the operator's password (`keter config password`).",
    )
    dash_viewer_password_hash: SecretStr = Field(
        SecretStr(""), description="The same for a viewer who may not command."
    )
    dash_totp_secret: SecretStr = Field(
        SecretStr(""), description="Base32 secret of the operator's second factor, if wanted."
    )
    dash_viewer_totp_secret: SecretStr = Field(
        SecretStr(""),
        description=(
            "The same for the viewer, another one. With DASH_TOTP_SECRET alone the viewer's login"
            " is off."
        ),
    )
    dash_trusted_proxies: Words = Field(
        (), description="Addresses whose X-Forwarded-* headers are believed."
    )
    metrics_token: SecretStr = Field(
        SecretStr(""),
        description=(
            "Bearer token of 16 characters or more, for /metrics and /readyz from other machines."
            " Empty: none."
        ),
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
        "",
        description=(
            "Address where a licence is to be had, for messages; empty names docs/licences.md."
        ),
    )
    license_required_for: Literal["live", "all"] = Field(
        "live", description="live, or all to ask for it in DRY too."
    )
    license_public_key: str = Field(
        "", description="Ed25519 public key (PEM or base64) for self-issued licences."
    )


class LogSettings(Group):
    """Logs and records."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severity that is written."
    )
    log_console: Literal["all", "warnings", "none"] = Field(
        "all",
        description="What also goes to the console. `keter up` shows warnings of its children.",
    )
    log_max_mb: Annotated[float, Field(gt=0)] = Field(
        20, description="Size at which a log file is rotated."
    )
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
        4_000,
        description=(
            "Size of the ledger in MB above which its oldest decisions go; bets and their history"
            " never do."
        ),
    )
    ledger_url: SecretStr = Field(
        SecretStr(""), description="SQLAlchemy address of the ledger. Empty: SQLite in DATA_DIR."
    )


class ProcessSettings(Group):
    """How many processes run, and how they prove that they live."""

    validator_copies: Annotated[int, Field(ge=1, le=32)] = Field(
        1, description="Validator processes."
    )
    edge_copies: Annotated[int, Field(ge=1, le=32)] = Field(1, description="Edge processes.")
    heartbeat_s: Annotated[float, Field(gt=0, le=30)] = Field(
        1, description="Seconds between heartbeats."
    )
    worker_lease_ttl_s: Annotated[float, Field(ge=2, le=YEAR_S)] = Field(
        10, description="A worker silent for this long loses what it holds."
    )
