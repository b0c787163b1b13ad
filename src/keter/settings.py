"""Settings: the only reader of the environment and of ``.env``.

* Names are flat and without a prefix outside (``FIXED_STAKE=5``).
  They are grouped by concern inside (``settings.stake.fixed_stake``).
* The process environment wins over the file.
* Relative paths start at the folder of the file in use and are kept absolute.
  So every process and command uses the same files.
* An unknown key in the file and a value that does not parse are errors.
  Messages never show the value.

``.env.example`` and ``docs/configuration.md`` are generated from here.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal, Self

from dotenv.parser import parse_stream
from pydantic import SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from keter.betting_settings import RiskSettings, RouterSettings, StakeSettings
from keter.domain.accounts import Account
from keter.domain.limits import LIVE_LIMITS
from keter.domain.trading import ExecutionMode
from keter.errors import ConfigurationError
from keter.setting_groups import (
    AlertSettings,
    DashboardSettings,
    LicenseSettings,
    LogSettings,
    ModeSettings,
    ProcessSettings,
    RedisSettings,
)
from keter.setting_kinds import Group
from keter.strategies.value.settings import EdgeSettings, ValidationSettings
from keter.system.paths import env_file_in_use, places, places_of_others, rooted, rooted_ledger
from keter.system.text_files import read_text
from keter.venues.asianodds.settings import SandboxSettings, VenueSettings
from keter.venues.paper.settings import PaperSettings

PLACEHOLDERS = frozenset(
    {"change-me", "changeme", "your-password", "your-username", "secret", "password", "xxx"}
)
Source = Literal["default", ".env", "environment"]
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")  # how pydantic shows a member of an enum
IN_USE: Literal["in use"] = "in use"  # means the file that ``env_file_in_use`` finds


class Settings(BaseSettings):
    """All settings, grouped by concern.

    ``sources`` holds for each name whether it came from a default, the file or the environment.
    """

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, extra="forbid")

    mode: ModeSettings = ModeSettings()
    venue: VenueSettings = VenueSettings()
    redis: RedisSettings = RedisSettings()
    validation: ValidationSettings = ValidationSettings()
    edge: EdgeSettings = EdgeSettings()
    stake: StakeSettings = StakeSettings()
    risk: RiskSettings = RiskSettings()
    router: RouterSettings = RouterSettings()
    paper: PaperSettings = PaperSettings()
    sandbox: SandboxSettings = SandboxSettings()
    alerts: AlertSettings = AlertSettings()
    dashboard: DashboardSettings = DashboardSettings()
    license: LicenseSettings = LicenseSettings()
    log: LogSettings = LogSettings()
    process: ProcessSettings = ProcessSettings()
    sources: dict[str, Source] = {}
    env_file: Path | None = None  # the file in use; None where there is none

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from ``load_settings`` alone: pydantic reads no source by itself."""
        return (init_settings,)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.edge.ev_max_pct <= self.edge.min_ev_pct:
            raise ValueError("EV_MAX_PCT must be above MIN_EV_PCT")
        if self.edge.min_sharp_sources > len(self.edge.sharp_whitelist):
            raise ValueError(
                "MIN_SHARP_SOURCES is larger than the number of books in SHARP_WHITELIST"
            )
        if self.stake.fixed_stake > self.risk.max_stake:
            raise ValueError("FIXED_STAKE is above MAX_STAKE")
        if _one_second_factor(self.dashboard):
            raise ValueError(
                "DASH_VIEWER_TOTP_SECRET must differ from DASH_TOTP_SECRET: a viewer would make"
                " operator's codes"
            )
        if self.uses_sandbox and 0 < self.sandbox.sandbox_port == self.dashboard.dash_port:
            raise ValueError("SANDBOX_PORT and DASH_PORT must differ")
        if (
            self.router.exec_lock_ttl_s
            <= self.venue.placement_timeout_s + 2 * self.venue.http_timeout_s
        ):
            raise ValueError(
                "EXEC_LOCK_TTL_S must exceed PLACEMENT_TIMEOUT_S plus twice HTTP_TIMEOUT_S"
            )
        return self

    @property
    def uses_sandbox(self) -> bool:
        """True when there is no account, so that the sandbox bookmaker is used."""
        return self.venue.simulated

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts that are bet on: those named, else the simulated bookmaker's."""
        return (self.venue.account(self.mode.account_currency, self.mode.execution_mode),)

    @property
    def account(self) -> Account:
        """The account of a process or command that names none."""
        return self.accounts[0]

    @property
    def live(self) -> bool:
        return self.mode.execution_mode is ExecutionMode.LIVE

    def missing_live_limits(self) -> tuple[str, ...]:
        """Return the names of the limits that LIVE wants set by hand and that are not."""
        return tuple(
            name.upper()
            for name in LIVE_LIMITS
            if self.sources.get(name.upper(), "default") == "default"
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting, described for the generated files and the Config screen."""

    name: str
    group: str
    field: FieldInfo

    @property
    def secret(self) -> bool:
        return self.field.annotation is SecretStr


def entries() -> Iterator[Entry]:
    """Yield every setting in the order of its group."""
    for group, outer in Settings.model_fields.items():
        kind = outer.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            for name, field in kind.model_fields.items():
                yield Entry(name=name.upper(), group=group, field=field)


def load_settings(
    env_file: Path | Literal["in use"] | None = IN_USE, environ: Mapping[str, str] | None = None
) -> Settings:
    """Read ``env_file``, if it exists, and the environment.

    Raises ConfigurationError that names every faulty key and what it should be, without the value.
    """
    environ = os.environ if environ is None else environ
    if isinstance(env_file, str):
        env_file = env_file_in_use(environ)
    known = {entry.name: entry for entry in entries()}
    from_file = _read_file(env_file, known)
    folder = Path.cwd() if env_file is None else env_file.absolute().parent
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for name, entry in known.items():
        sources[name] = (
            "environment" if name in environ else ".env" if name in from_file else "default"
        )
        value = _rooted(entry, environ.get(name, from_file.get(name)), folder)
        if value is not None:
            values.setdefault(entry.group, {})[name.lower()] = value
    found = env_file.absolute() if env_file is not None and os.path.lexists(env_file) else None
    try:
        return Settings(**values, sources=sources, env_file=found)
    except ValidationError as e:
        raise ConfigurationError(_explain(e, sources)) from None


def _rooted(entry: Entry, value: str | None, folder: Path) -> str | None:
    """Return the value with a relative path in it below ``folder``."""
    if entry.field.annotation is Path:
        text = str(entry.field.default) if value is None else value
        return str(rooted(entry.name, text, folder))
    if entry.name == "LEDGER_URL" and value is not None:
        return rooted_ledger(value, folder)
    return value


def _one_second_factor(dashboard: DashboardSettings) -> bool:
    """Return True if both logins have one secret, however it is spelled."""
    secrets = (dashboard.dash_totp_secret, dashboard.dash_viewer_totp_secret)
    operator, viewer = (secret.get_secret_value().upper().rstrip("=") for secret in secrets)
    return bool(operator) and operator == viewer


def instance_places(*, of_all: bool = False) -> Iterator[Path]:
    """Yield the folders in which this user's running instances are listed.

    With ``of_all`` root also gets those of every user.
    """
    yield from places(os.environ)
    if of_all:
        yield from places_of_others(os.environ)


def child_environment(**values: str) -> dict[str, str]:
    """Return this process's environment with ``values`` set in it, for a child process."""
    return {**os.environ, **values}


def _read_file(env_file: Path | None, known: Mapping[str, Entry]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in _bindings(env_file):
        if name not in known:
            close = difflib.get_close_matches(name.upper(), known, 1)
            hint = (
                f"; did you mean {close[0]}?"
                if close
                else "; see docs/configuration.md for every name"
            )
            raise ConfigurationError(f"{env_file}: unknown setting {name}{hint}")
        if value is None:
            raise ConfigurationError(
                f"{env_file}: {name} has no value; write {name}=... or remove the line"
            )
        if name in values:
            raise ConfigurationError(f"{env_file}: {name} is set twice; remove one of the lines")
        if known[name].secret and value.lower() in PLACEHOLDERS:
            raise ConfigurationError(
                f"{env_file}: {name} still holds a placeholder; put your own value there"
            )
        values[name] = value
    return values


def _bindings(env_file: Path | None) -> Iterator[tuple[str, str | None]]:
    """Yield the names and values in the file, in its order.

    Raises ConfigurationError for a line that is neither a setting nor a comment.
    """
    text = read_text(env_file) if env_file is not None else None
    if text is None:
        return
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            source = binding.original
            line = source.line + source.string[: -len(source.string.lstrip()) or None].count("\n")
            raise ConfigurationError(
                f"{env_file}: line {line} cannot be read; write NAME=value, and put # before a"
                " comment or close the quotes"
            )
        if binding.key is not None:
            yield binding.key, binding.value


def _explain(error: ValidationError, sources: Mapping[str, Source]) -> str:
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        message = _MEMBER.sub(r"\1", item["msg"].removeprefix("Value error, "))
        name = str(item["loc"][1]).upper() if len(item["loc"]) > 1 else ""
        lines.append(f"{name} ({sources.get(name, 'default')}): {message}" if name else message)
    return "wrong settings: " + "; ".join(lines)
