"""Waits that slow guessing down: by account, and by where the tries come from.

Several people may share an address: by a tunnel, by a proxy that names nobody, or as users of one
machine. Nobody must be locked out by another who guesses. So a browser that has logged in before is
counted by itself, and so is a session that proves itself again. The wait of a loopback address is
short, since it stands for several people.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from threading import Lock

from cachetools import TTLCache

from keter.backoff import Backoff
from keter.clock import Clock
from keter.system.addresses import is_loopback

MAX_REMEMBERED = 10_000
FIRST_DELAY_S = 1.0
MAX_DELAY_S = 900.0
# Six tries a minute are 8,640 a day: nothing against 15 characters. The right password waits
# this long at most.
LOCAL_MAX_DELAY_S = 10.0
REMEMBERED_S = 4 * MAX_DELAY_S

_ELSEWHERE = Backoff(FIRST_DELAY_S, MAX_DELAY_S)
_LOCAL = Backoff(FIRST_DELAY_S, LOCAL_MAX_DELAY_S)


@dataclass(frozen=True, slots=True)
class Failures:
    """Failures in a row. ``last_s`` is the monotonic time of the newest."""

    count: int
    last_s: float
    address: str = ""


class LoginBackoff:
    """Waits 1 s after the first failure, then twice as long each time, up to a bound.

    ``apart`` names a browser or a session that is counted by itself; else the address counts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: TTLCache[tuple[str, Hashable], Failures] = TTLCache(
            MAX_REMEMBERED, REMEMBERED_S, timer=clock.monotonic
        )
        # A code said over Telegram is checked in a thread.
        self._lock = Lock()

    def wait_s(self, user: str, address: str, apart: str = "") -> float:
        """Return the seconds until the next try is allowed."""
        with self._lock:
            failures = self._failures.get((user, apart or origin(address)))
        if failures is None:
            return 0.0
        local = not apart and is_loopback(address)
        delay_s = (_LOCAL if local else _ELSEWHERE).pause_s(failures.count)
        return max(0.0, failures.last_s + delay_s - self._clock.monotonic())

    def failed(self, user: str, address: str, apart: str = "") -> int:
        """Note a failure and return how many there were in a row."""
        key, at = (user, apart or origin(address)), self._clock.monotonic()
        with self._lock:
            count = self._failures.pop(key, Failures(0, at)).count + 1
            self._failures[key] = Failures(count, at, origin(address))
        return count

    def succeeded(self, user: str, address: str, apart: str = "") -> None:
        """Forget the failures: the next wait is the first again."""
        with self._lock:
            self._failures.pop((user, apart or origin(address)), None)

    def worst(self, within_s: float) -> tuple[str, int] | None:
        """Return the address with most failures in a row and their number.

        Only those count that failed within the last ``within_s``; None where there is none.
        """
        since = self._clock.monotonic() - within_s
        with self._lock:
            found = [(f.address, f.count) for f in self._failures.values() if f.last_s >= since]
        return max(found, key=lambda entry: entry[1], default=None)


def origin(address: str) -> str:
    """Return whom failures are counted against.

    That is an IPv4 address, or the network of 64 bits that one IPv6 customer has.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    mapped = found.ipv4_mapped if found.version == 6 else None
    if found.version == 4 or mapped:
        return str(mapped or found)
    return str(ip_network((found, 64), strict=False))
