"""When a bet whose outcome is unknown may be believed to have never reached the venue.

The venue is asked for the reference again and again. One denial means nothing (the bet may be in
transit); only denials without a break, for long enough, end in REFUSED. How long depends on whether
the venue answered the placement at all: an answer that was an error is believed sooner than
silence.
"""

from dataclasses import dataclass
from datetime import datetime

from keter.betting_settings import RouterSettings

LEAST_DENIALS = 3


@dataclass(slots=True)
class _Denied:
    since: datetime
    count: int


class NotFound:
    """How often, and since when, the venue has denied each bet in a row.

    Forgotten with the process: it asks again then.
    """

    def __init__(self, router: RouterSettings) -> None:
        self._router = router
        self._denied: dict[str, _Denied] = {}

    def note(self, intent_id: str, at: datetime) -> int:
        """One more denial; returns how many in a row."""
        denied = self._denied.setdefault(intent_id, _Denied(at, 0))
        denied.count += 1
        return denied.count

    def forget(self, intent_id: str) -> None:
        """The venue knows it, or it is final."""
        self._denied.pop(intent_id, None)

    def believed(
        self, intent_id: str, *, unknown_since: datetime, answered: bool, at: datetime
    ) -> bool:
        """Whether the bet may be taken for never placed."""
        denied = self._denied.get(intent_id)
        if denied is None or denied.count < LEAST_DENIALS:
            return False
        limit_s = self._router.unknown_error_s if answered else self._router.unknown_absent_s
        return (at - unknown_since).total_seconds() >= limit_s and denied.since < at
