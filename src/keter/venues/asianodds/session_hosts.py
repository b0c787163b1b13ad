"""The hosts at which a session of the account may be used."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from keter.system.addresses import is_ip_address, is_loopback, is_readable_by_others, split_url
from keter.venues.base import VenueError

log = structlog.get_logger(__name__)
# In parent domains such as co.uk or com.au anybody may register a name.
LONGEST_PUBLIC_LABEL = 3
COUNTRY_CODE = 2


@dataclass(frozen=True, slots=True)
class SessionHosts:
    """The rule for the address that a login returns: every later call goes there with the token.

    Allowed are the host of ``base_url``, its domain, and the hosts of ``more``. ``allow_plain``
    accepts http:// beyond this machine. ``strict`` is False in DRY, where a fault is only logged.
    """

    base_url: str
    more: tuple[str, ...] = ()
    allow_plain: bool = False
    strict: bool = True

    def fault(self, url: str) -> str | None:
        """Return why the session must not be used at ``url``; None when it may."""
        parts = split_url(url)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
            return "the venue's login names no usable address for the session"
        if is_readable_by_others(parts) and not self.allow_plain:
            return (
                f"the session would go to http://{parts.hostname} in clear;"
                " AO_ALLOW_PLAIN_HTTP=true accepts that"
            )
        host = _clean(parts.hostname)
        if not self._allows(host):
            base = _clean(urlsplit(self.base_url).hostname or "")
            moved = f"the venue's login moves the session from {base} to {host}"
            return f"{moved}; if that host is the venue's, add it to AO_SESSION_HOSTS"
        return None

    def _allows(self, host: str) -> bool:
        base = _clean(urlsplit(self.base_url).hostname or "")
        if (
            host == base
            or host in map(_clean, self.more)
            or (is_loopback(host) and is_loopback(base))
        ):
            return True
        if is_ip_address(base) or is_ip_address(host):
            return False
        domain = _domain(base)
        return host == domain or host.endswith(f".{domain}")


def check_host(hosts: SessionHosts, url: str, kind: type[VenueError]) -> None:
    """Raise ``kind`` if LIVE must not use the session at ``url``; DRY only logs a warning."""
    fault = hosts.fault(url)
    if fault is None:
        return
    if hosts.strict:
        raise kind("session_host", fault)
    log.warning("session_host", problem=fault)


def _domain(host: str) -> str:
    """Return the domain above ``host``; ``host`` itself where anybody may register a name there."""
    labels = host.split(".")[1:]
    public = (
        len(labels) == 2
        and len(labels[1]) == COUNTRY_CODE
        and len(labels[0]) <= LONGEST_PUBLIC_LABEL
    )
    return ".".join(labels) if len(labels) > 1 and not public else host


def _clean(host: str) -> str:
    return host.lower().rstrip(".")
