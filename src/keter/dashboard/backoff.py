"""What slows guessing down: waiting times by account and by where the tries come from.

Several people may share an address: by a tunnel, by a proxy that names nobody, or as users of one
machine. Nobody must be locked out by another who guesses. So a browser that has logged in before is
counted by itself, and so is a session that proves itself again. The wait of a loopback address is
short, since it stands for several people.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from keter.clock import Clock
from keter.system.addresses import is_loopback

MAX_REMEMBERED = 10_000
MAX_DELAY_S = 900.0
# Six tries a minute are 8,640 a day against 15 characters: nothing. The right password waits this
# long at most.
LOCAL_MAX_DELAY_S = 10.0


@dataclass(frozen=True, slots=True)
class Failures:
    count: int
    last_s: float
    address: str = ""


class Backoff:
    """1 s after the first failure, doubling to a bound; never for ever.

    ``apart`` names a browser or a session that is counted by itself; else the address counts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, Hashable], Failures] = {}

    def wait_s(self, user: str, address: str, apart: str = "") -> float:
        failures = self._failures.get((user, apart or origin(address)))
        if failures is None:
            return 0.0
        longest = MAX_DELAY_S if apart or not is_loopback(address) else LOCAL_MAX_DELAY_S
        # An exponent of some hundreds would leave the numbers that there are.
        delay = min(longest, 2.0 ** min(failures.count - 1, 20))
        return max(0.0, failures.last_s + delay - self._clock.monotonic())

    def failed(self, user: str, address: str, apart: str = "") -> int:
        """Note a failure; returns how many there were in a row."""
        at = self._clock.monotonic()
        kept = {key: f for key, f in self._failures.items() if at - f.last_s < 4 * MAX_DELAY_S}
        key = (user, apart or origin(address))
        failures = kept.pop(key, Failures(0, at))
        while len(kept) >= MAX_REMEMBERED:
            del kept[next(iter(kept))]
        self._failures = kept | {key: Failures(failures.count + 1, at, origin(address))}
        return failures.count + 1

    def succeeded(self, user: str, address: str, apart: str = "") -> None:
        self._failures.pop((user, apart or origin(address)), None)

    def worst(self, within_s: float) -> tuple[str, int] | None:
        """The address with most failures in a row, of those that failed within the last
        ``within_s``.
        """
        since = self._clock.monotonic() - within_s
        found = [(f.address, f.count) for f in self._failures.values() if f.last_s >= since]
        return max(found, key=lambda entry: entry[1], default=None)


def origin(address: str) -> str:
    """Whom failures are counted against: an IPv4 address, or the network of 64 bits that one IPv6
    customer has.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    mapped = found.ipv4_mapped if found.version == 6 else None
    return (
        str(mapped or found)
        if found.version == 4 or mapped
        else str(ip_network((found, 64), strict=False))
    )
