"""Network addresses: which of them stay on this machine, and which can be read along."""

import ipaddress
from urllib.parse import SplitResult, urlsplit


def is_loopback(name: str) -> bool:
    """Return whether a host name or address means this machine only."""
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def is_ip_address(host: str) -> bool:
    """Return whether ``host`` is an IP address rather than a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_readable_by_others(parts: SplitResult) -> bool:
    """Return whether others on the network can read the traffic to this address."""
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def split_url(url: str) -> SplitResult | None:
    """Return the parts of an address; None for one that cannot be an address.

    Whoever connects to such an address reports it.
    """
    try:
        parts = urlsplit(url)
        # Reading the port raises ValueError for one that is no number.
        _ = parts.port
    except ValueError:
        return None
    return parts
