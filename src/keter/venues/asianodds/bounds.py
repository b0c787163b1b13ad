"""How much of a feed is kept, whatever the venue sends: what is too far away, and what too much.

The rule is stable: matches that kick off first are kept, and of equals those known for longer. What
is shed is forgotten entirely. So a feed with new fixtures in every answer cannot fill our memory.

Pure.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from keter.domain.markets import Event

# Beyond the horizon. A match that enters the horizon is known by then, because everything is asked
# for again more often than this.
MARGIN = timedelta(hours=12)
# Rows of one fixture; a real one has about three.
MOST_ROWS = 60
ROW_MARKETS = 7
# Fixtures remembered as ended, per fixture that may be kept.
MOST_ENDED = 2


class FeedBounds(msgspec.Struct, frozen=True):
    """``horizon`` runs from now to the last kick-off of interest.

    ``fixtures`` and ``markets`` are the most that are kept of an account.
    """

    horizon: timedelta = timedelta(days=365)
    fixtures: int = 5_000
    markets: int = 50_000

    def too_far(self, event: Event, now: datetime) -> bool:
        """Return whether the match kicks off beyond everything that could be bet."""
        return event.kickoff - now > self.horizon + MARGIN


def surplus(
    kickoffs: Mapping[str, datetime],
    rows: int,
    markets_of: Callable[[str], int],
    bounds: FeedBounds,
) -> list[str]:
    """Return the uids of the fixtures to shed.

    ``kickoffs`` are those of all fixtures by uid, those known longest first. ``rows`` is how many
    rows they have. ``markets_of`` counts the markets of a uid.
    """
    if len(kickoffs) <= bounds.fixtures and rows * ROW_MARKETS <= bounds.markets:
        return []
    # The sort is stable: of equals the one known for longer comes first.
    nearest = sorted(kickoffs, key=kickoffs.__getitem__)
    kept, left = nearest[: bounds.fixtures], bounds.markets
    for place, uid in enumerate(kept):
        left -= markets_of(uid)
        if left < 0:
            return nearest[place:]
    return nearest[bounds.fixtures :]


def forgotten(
    remembered: Mapping[int, Event], now: datetime, life: timedelta, bounds: FeedBounds
) -> list[int]:
    """Return the match ids to forget: over, too far away, or more than may be kept."""
    gone = [
        one
        for one, event in remembered.items()
        if now - event.kickoff > life or bounds.too_far(event, now)
    ]
    alive = sorted(remembered.keys() - set(gone), key=lambda one: remembered[one].kickoff)
    return [*gone, *alive[MOST_ENDED * bounds.fixtures :]]


def oldest(ended: Mapping[str, object], bounds: FeedBounds) -> list[str]:
    """Return the fixtures to forget of those that ended; ``ended`` has the oldest first."""
    return list(islice(ended, max(len(ended) - MOST_ENDED * bounds.fixtures, 0)))
