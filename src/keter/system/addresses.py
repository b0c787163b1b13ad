"""Network addresses: this machine's own, and which ones others can listen to."""

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a TCP port on loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def http_url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(name: str) -> bool:
    """Return True if a host name or address means this machine only."""
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost"


def is_ip_address(host: str) -> bool:
    """Return True if ``host`` is an IP address, False if it is a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_readable_by_others(parts: SplitResult) -> bool:
    """Return True if others on the network can read the traffic to this address."""
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def split_url(url: str) -> SplitResult | None:
    """Return the parts of an address, or None for text that cannot be an address.

    Connecting to such an address fails with an error of its own.
    """
    try:
        parts = urlsplit(url)
        # Reading the port raises ValueError for one that is no number.
        _ = parts.port
    except ValueError:
        return None
    return parts
