"""How much of a feed is kept, whatever the venue sends.

Pure: what is too far away, and what goes when there is too much.

The rule is stable: matches that kick off first are kept, and of equals those known for longer. What
is shed is forgotten entirely, so that a feed that makes up other fixtures with every answer cannot
fill any memory of ours.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice

import msgspec

from keter.domain.markets import Event

# What enters the horizon is known before: everything is asked for again more often than that.
MARGIN = timedelta(hours=12)
MOST_ROWS = 60  # rows of one fixture; a real one has about three
ROW_MARKETS = 7
MOST_ENDED = 2  # fixtures remembered as ended, per fixture that may be kept


class FeedBounds(msgspec.Struct, frozen=True):
    """``horizon`` from now to the last kick-off of interest; the most fixtures and markets of the
    account.
    """

    horizon: timedelta = timedelta(days=365)
    fixtures: int = 5_000
    markets: int = 50_000

    def too_far(self, event: Event, now: datetime) -> bool:
        """Whether the match kicks off beyond everything that could be bet."""
        return event.kickoff - now > self.horizon + MARGIN


def surplus(
    kickoffs: Mapping[str, datetime],
    rows: int,
    markets_of: Callable[[str], int],
    bounds: FeedBounds,
) -> list[str]:
    """The fixtures to shed.

    ``kickoffs`` are of all, those known longest first; ``rows`` is how many rows they have.
    """
    if len(kickoffs) <= bounds.fixtures and rows * ROW_MARKETS <= bounds.markets:
        return []
    # Stable: of equals the one known for longer comes first.
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
    """Match ids that stand for nothing any more: over, too far away, or more than could be kept."""
    gone = [
        one
        for one, event in remembered.items()
        if now - event.kickoff > life or bounds.too_far(event, now)
    ]
    alive = sorted(remembered.keys() - set(gone), key=lambda one: remembered[one].kickoff)
    return [*gone, *alive[MOST_ENDED * bounds.fixtures :]]


def oldest(ended: Mapping[str, object], bounds: FeedBounds) -> list[str]:
    """Of what is remembered as ended, oldest first, those that are too many."""
    return list(islice(ended, max(len(ended) - MOST_ENDED * bounds.fixtures, 0)))
