"""Which connections to the venue and to Redis are safe enough for LIVE.

Decisions only: nothing here opens a connection.

A listener on the way to the venue gets the hash of the password.
A stranger who writes into Redis can approve bets.
On this machine only its operator can do either, so loopback addresses and unix sockets pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs

from keter.errors import ConfigurationError
from keter.setting_groups import DashboardSettings
from keter.settings import Settings
from keter.system.addresses import is_loopback, is_readable_by_others, split_url


@dataclass(frozen=True, slots=True)
class Risk:
    """A connection that others can listen to or write into.

    ``setting`` accepts it, ``accepted`` says whether it does.
    """

    what: str
    remedy: str
    setting: str
    accepted: bool

    @property
    def refusal(self) -> str:
        return f"LIVE refuses {self.what}; {self.remedy}, or set {self.setting}=true to accept that"

    @property
    def warning(self) -> str:
        if self.accepted:
            return f"{self.setting}=true accepts {self.what}"
        return f"LIVE will refuse {self.what}; {self.remedy}"


def transport_risks(settings: Settings) -> tuple[Risk, ...]:
    """Return what is unsafe on the way to the venue and the Redis that the settings name."""
    venues = dict.fromkeys(_venue_risk(one) for one in settings.each)
    return tuple(filter(None, (*venues, redis_risk(settings, settings.redis.url or ""))))


def require_safe_transport(settings: Settings) -> None:
    """Check that LIVE uses only safe or accepted connections. DRY passes.

    Raises ConfigurationError.
    """
    if settings.live:
        for risk in transport_risks(settings):
            if not risk.accepted:
                raise ConfigurationError(risk.refusal)


def require_safe_redis(settings: Settings, url: str) -> None:
    """Check the Redis that is really used, wherever its address comes from. DRY passes.

    Raises ConfigurationError.
    """
    risk = redis_risk(settings, url)
    if settings.live and risk is not None and not risk.accepted:
        raise ConfigurationError(risk.refusal)


def redis_risk(settings: Settings, url: str) -> Risk | None:
    """Return what is unsafe about this address of Redis.

    Return None if nothing is, for one on this machine, and for one that cannot be read.
    """
    parts = split_url(url)
    if (
        parts is None
        or parts.scheme not in {"redis", "rediss"}
        or is_loopback(parts.hostname or "localhost")
    ):
        return None
    faults = tuple(_redis_faults(parts))
    if not faults:
        return None
    where = f"{parts.hostname}:{parts.port or 6379}"
    return Risk(
        f"the Redis at {where}: {' and '.join(faults)}",
        f"give it a password and TLS and set REDIS_URL=rediss://:PASSWORD@{where}/0, or reach it"
        " through an SSH tunnel",
        "REDIS_ALLOW_UNSAFE",
        settings.redis.redis_allow_unsafe,
    )


def _redis_faults(parts: SplitResult) -> Iterator[str]:
    options = parse_qs(parts.query)
    if not (parts.password or options.get("password")):
        yield "it has no password"
    if parts.scheme != "rediss":
        yield "the connection is not encrypted"
    elif options.get("ssl_cert_reqs", ["required"])[0] != "required":
        yield "its certificate is not verified"
    elif options.get("ssl_check_hostname", ["true"])[0].lower() not in {"true", "1", "yes"}:
        yield "the name in its certificate is not verified"


def _venue_risk(settings: Settings) -> Risk | None:
    parts = split_url(settings.venue.ao_base_url)
    if settings.uses_sandbox or parts is None or not is_readable_by_others(parts):
        return None
    return Risk(
        f"the venue at http://{parts.hostname}: password and bets would travel in clear",
        "set AO_BASE_URL to an https:// address",
        "AO_ALLOW_PLAIN_HTTP",
        settings.venue.ao_allow_plain_http,
    )


def viewer_fault(dashboard: DashboardSettings) -> str | None:
    """Return why the viewer's login is off, None if it is on.

    The viewer needs a second factor of its own, so that it cannot use the operator's.
    """
    operator, viewer = (
        dashboard.dash_totp_secret.get_secret_value(),
        dashboard.dash_viewer_totp_secret.get_secret_value(),
    )
    if not dashboard.dash_viewer_password_hash.get_secret_value() or not operator or viewer:
        return None
    return (
        "the viewer cannot log in: DASH_TOTP_SECRET is the operator's alone; set"
        " DASH_VIEWER_TOTP_SECRET to another secret"
    )
