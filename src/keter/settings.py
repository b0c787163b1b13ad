"""Settings: the only reader of the environment and of ``.env``.

* Names are flat and without a prefix outside (``FIXED_STAKE=5``).
  They are grouped by concern inside (``settings.stake.fixed_stake``).
* The process environment wins over the file.
* Relative paths start at the folder of the file in use and are kept absolute.
  So every process and command uses the same files.
* An unknown key in the file and a value that does not parse are errors.
  Messages never show the value.
* With several ``ACCOUNTS`` a setting may be one account's alone: ``FIXED_STAKE__ALICE=2``.

``.env.example`` and ``docs/configuration.md`` are generated from here.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
from pydantic import SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from keter.betting_settings import CommonRiskSettings, RiskSettings, RouterSettings, StakeSettings
from keter.domain.accounts import Account
from keter.domain.limits import LIVE_LIMITS
from keter.domain.trading import ExecutionMode
from keter.errors import ConfigurationError, UsageError
from keter.setting_file import read_file
from keter.setting_groups import (
    AlertSettings,
    DashboardSettings,
    LicenseSettings,
    LogSettings,
    ModeSettings,
    ProcessSettings,
    RedisSettings,
)
from keter.setting_kinds import Group, account_labels
from keter.strategies.value.settings import EdgeSettings, ValidationSettings
from keter.system.paths import env_file_in_use, places, places_of_others, rooted, rooted_ledger
from keter.venues.asianodds.settings import SandboxSettings, VenueSettings
from keter.venues.paper.settings import PaperSettings

# What each account may have of its own: its login, its stakes, its limits, its mode and currency.
OWN_GROUPS = frozenset({"venue", "stake", "risk"})
OWN_NAMES = frozenset({"EXECUTION_MODE", "ACCOUNT_CURRENCY"})
# The one guard gathers the signals of all accounts at once.
COMMON_NAMES = frozenset({"GATHER_SIGNALS_SEC"})
ACCOUNTS = "ACCOUNTS"
BETWEEN = "__"  # between the name of a setting and the account that it is for
Source = Literal["default", ".env", "environment"]
_MEMBER = re.compile(r"<\w+\.\w+: ('[^']*')>")  # how pydantic shows a member of an enum
IN_USE: Literal["in use"] = "in use"  # means the file that ``env_file_in_use`` finds


class Settings(BaseSettings):
    """All settings, grouped by concern.

    * ``sources`` holds for each name whether it came from a default, the file or the environment.
    * ``parts`` are the settings of each account that ACCOUNTS names, in its order.
    * ``label`` is the name in ACCOUNTS of the account that these settings are of, else empty.
    """

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, extra="forbid")

    mode: ModeSettings = ModeSettings()
    venue: VenueSettings = VenueSettings()
    redis: RedisSettings = RedisSettings()
    validation: ValidationSettings = ValidationSettings()
    edge: EdgeSettings = EdgeSettings()
    stake: StakeSettings = StakeSettings()
    risk: RiskSettings = RiskSettings()
    common_risk: CommonRiskSettings = CommonRiskSettings()
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
    label: str = ""
    parts: tuple["Settings", ...] = ()

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

    @model_validator(mode="after")
    def _different_accounts(self) -> Self:
        for part in self.parts:
            if part.venue.simulated:
                user, password = own_name("AO_USER", part.label), own_name("AO_PASS", part.label)
                raise ValueError(f"ACCOUNTS names {part.label}: set {user} and {password} too")
        for place, account in enumerate(self.accounts):
            if account.id in {other.id for other in self.accounts[:place]}:
                raise ValueError(f"two of ACCOUNTS are {account.key}; each needs an AO_USER")
            self.common_risk.check_rate(account.currency)
        return self

    @property
    def each(self) -> tuple["Settings", ...]:
        """The settings of each account: ``parts``, else these alone."""
        return self.parts or (self,)

    @property
    def labels(self) -> tuple[str, ...]:
        """The ``label`` of each account: of an only account it is empty."""
        return tuple(one.label for one in self.each)

    @property
    def account_keys(self) -> tuple[str, ...]:
        """The key of each account."""
        return tuple(one.key for one in self.accounts)

    def label_of(self, account: str) -> str:
        """Return the label of an account, by its key; empty for an empty key. Raises as ``of``."""
        return self.of(account).label if account else ""

    def of(self, account: str) -> "Settings":
        """Return the settings of an account, by its key. Raises UsageError for one not named."""
        found = next((one for one in self.each if one.account.key == account), None)
        if found is None:
            known = ", ".join(self.account_keys)
            raise UsageError(f"the settings name no account {account}; they name {known}")
        return found

    def named(self, text: str) -> Account:
        """Return the account that ``text`` means: its whole id or its name alone.

        An empty text means the only account. Raises UsageError if none is meant, or several.
        """
        found = [one for one in self.accounts if not text or one.is_called(text)]
        if len(found) != 1:
            known = ", ".join(self.account_keys)
            raise UsageError(
                f"which account? {f'{text} is none' if text else 'name one'} of {known}"
            )
        return found[0]

    @property
    def uses_sandbox(self) -> bool:
        """True when there is no account, so that the sandbox bookmaker is used."""
        return not self.parts and self.venue.simulated

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts that are bet on: those named, else the simulated bookmaker's."""
        found = (
            one.venue.account(one.mode.account_currency, one.mode.execution_mode)
            for one in self.each
        )
        rate_of = self.common_risk.rate_of
        return tuple(msgspec.structs.replace(one, rate=rate_of(one.currency)) for one in found)

    @property
    def account(self) -> Account:
        """The account of a process or command that names none: the first."""
        return self.accounts[0]

    @property
    def live(self) -> bool:
        """True if an account of these settings is LIVE."""
        return any(one.mode.execution_mode is ExecutionMode.LIVE for one in self.each)

    def missing_live_limits(self) -> tuple[str, ...]:
        """Return the names of the limits that LIVE wants set by hand and that are not."""
        missing = (
            name.upper()
            for one in self.each
            if one.live or not self.live
            for name in LIVE_LIMITS
            if one.sources.get(name.upper(), "default") == "default"
        )
        return tuple(dict.fromkeys(missing))


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting, described for the generated files and the Config screen."""

    name: str
    group: str
    field: FieldInfo
    label: str = ""

    @property
    def secret(self) -> bool:
        return self.field.annotation is SecretStr

    @property
    def common(self) -> str:
        """The name without the account that it is for."""
        return self.name.removesuffix(own_name("", self.label)) if self.label else self.name

    @property
    def may_be_own(self) -> bool:
        """Whether an account may have this setting of its own."""
        own = self.group in OWN_GROUPS or self.name in OWN_NAMES
        return own and self.name not in COMMON_NAMES

    def value_in(self, settings: Settings) -> Any:
        """Return the value that the setting has there."""
        for one in settings.parts:
            if self.label and one.label == self.label:
                settings = one
        return getattr(getattr(settings, self.group), self.common.lower())


def own_name(name: str, label: str) -> str:
    """Return the name of a setting that is of one account alone."""
    return f"{name}{BETWEEN}{label}"


def entries(settings: Settings | None = None) -> Iterator[Entry]:
    """Yield every setting in the order of its group, then what accounts of ``settings`` own."""
    for group, outer in Settings.model_fields.items():
        kind = outer.annotation
        if isinstance(kind, type) and issubclass(kind, Group):
            for name, field in kind.model_fields.items():
                yield Entry(name=name.upper(), group=group, field=field)
    if settings is not None:
        for one in settings.parts:
            own = _own_entries(one.label)
            yield from (entry for entry in own if entry.name in settings.sources)


def _own_entries(label: str) -> Iterator[Entry]:
    for entry in entries():
        if entry.may_be_own:
            yield replace(entry, name=own_name(entry.name, label), label=label)


def load_settings(
    env_file: Path | Literal["in use"] | None = IN_USE,
    environ: Mapping[str, str] | None = None,
    *,
    sources: Mapping[str, Source] | None = None,
) -> Settings:
    """Read ``env_file``, if it exists, and the environment.

    ``sources`` says where the values of ``environ`` came from, if not from the environment.
    Raises ConfigurationError that names every faulty key and what it should be, without the value.
    """
    environ = os.environ if environ is None else environ
    if isinstance(env_file, str):
        env_file = env_file_in_use(environ)
    given = read_file(env_file)
    labels = account_labels(environ.get(ACCOUNTS, given.values.get(ACCOUNTS, "")))
    known = {entry.name: entry for entry in entries()}
    known |= {entry.name: entry for label in labels for entry in _own_entries(label)}
    given.check(known, {name for name, entry in known.items() if entry.secret})
    reading = _Reading(environ, given.values, _folder(env_file), known, sources or {})
    return reading.settings(labels, env_file)


def _folder(env_file: Path | None) -> Path:
    return Path.cwd() if env_file is None else env_file.absolute().parent


class _Reading:
    """The values of the known settings, by where they came from."""

    def __init__(
        self,
        environ: Mapping[str, str],
        from_file: Mapping[str, str],
        folder: Path,
        known: Mapping[str, Entry],
        sources: Mapping[str, Source],
    ) -> None:
        self._values: dict[str, dict[str, dict[str, str]]] = {}  # by label, group and name
        self._sources: dict[str, Source] = {}
        for name, entry in known.items():
            place: Source = (
                "environment" if name in environ else ".env" if name in from_file else "default"
            )
            if place != "default" or not entry.label:
                self._sources[name] = sources.get(name, place)
                value = _rooted(entry, environ.get(name, from_file.get(name)), folder)
                if value is not None:
                    groups = self._values.setdefault(entry.label, {})
                    groups.setdefault(entry.group, {})[entry.common.lower()] = value

    def settings(self, labels: Sequence[str], env_file: Path | None) -> Settings:
        """Return the settings with those of each account. Raises ConfigurationError."""
        found = env_file.absolute() if env_file is not None and os.path.lexists(env_file) else None
        parts = tuple(self._made(label, env_file=found, label=label) for label in labels)
        return self._made("", env_file=found, parts=parts)

    def _made(self, of: str, **more: Any) -> Settings:
        values = self._values.get("", {})
        own = self._values.get(of, {})
        merged: dict[str, Any] = {
            group: {**values.get(group, {}), **own.get(group, {})} for group in {*values, *own}
        }
        sources = self._sources_of(of)
        try:
            return Settings(**merged, sources=sources, **more)
        except ValidationError as e:
            raise ConfigurationError(_explain(e, sources, of)) from None

    def _sources_of(self, label: str) -> dict[str, Source]:
        """Return where each value came from; an account's own counts under its common name."""
        sources = dict(self._sources)
        own = own_name("", label)
        if label:
            sources |= {
                name.removesuffix(own): source
                for name, source in self._sources.items()
                if name.endswith(own)
            }
        return sources


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


def _explain(error: ValidationError, sources: Mapping[str, Source], label: str) -> str:
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        message = _MEMBER.sub(r"\1", item["msg"].removeprefix("Value error, "))
        name = str(item["loc"][1]).upper() if len(item["loc"]) > 1 else ""
        if label and own_name(name, label) in sources:
            name = own_name(name, label)
        lines.append(f"{name} ({sources.get(name, 'default')}): {message}" if name else message)
    whose = f" of account {label}" if label else ""
    return f"wrong settings{whose}: " + "; ".join(lines)
