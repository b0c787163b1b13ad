"""Which event each match id stands for. A uid once given outlives moved kick-offs and restarts.

Pure. The rules are in docs/asianodds-feed.md.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from keter.domain.markets import Event, event_uid
from keter.venues.asianodds.bounds import FeedBounds, forgotten

_SAME_FIXTURE = timedelta(hours=2)
_MOST_MOVED = timedelta(hours=12)
# A uid carries the date of the first kick-off stated, which may have moved past midnight.
_UID_DATES = timedelta(hours=12)


class FixtureIds:
    """The events by match id (``remembered``) and by uid (``events``)."""

    def __init__(self) -> None:
        self.remembered: dict[int, Event] = {}
        self.events: dict[str, Event] = {}

    def load(self, fixtures: Mapping[int, Event]) -> None:
        """Take over what match ids stood for before this process began."""
        self.remembered = dict(fixtures)
        self.events = {event.event_uid: event for event in fixtures.values()}

    def uid_of(self, match_id: int, event: Event) -> str:
        """Return the uid that the match has had, else that of the same fixture, else a new one.

        The same fixture may be known by another match id, and with the date before or after.
        """
        known = self.remembered.get(match_id)
        if known is not None:
            return kept_uid(known, event)
        for moved in (-_UID_DATES, _UID_DATES):
            uid = event_uid(event.sport, event.kickoff + moved, event.home, event.away)
            other = self.events.get(uid)
            if other is not None and same_fixture(other, event):
                return uid
        return event.event_uid

    def keep(self, match_id: int, event: Event) -> bool:
        """Remember ``event`` for a match id; return whether that is new."""
        if self.remembered.get(match_id) == event:
            return False
        self.remembered[match_id] = self.events[event.event_uid] = event
        return True

    def forget(self, match_id: int) -> bool:
        """Forget a match id; return whether it was known."""
        event = self.remembered.pop(match_id, None)
        if event is None:
            return False
        self.events.pop(event.event_uid, None)
        return True

    def outdated(self, now: datetime, life: timedelta, bounds: FeedBounds) -> list[int]:
        """Return the match ids that stand for nothing: over, too far away, or too many."""
        return forgotten(self.remembered, now, life, bounds)


def kept_uid(old: Event, new: Event) -> str:
    """Return the uid for ``new``, an event of the same match id as ``old``.

    A fixture of the same names keeps its uid if its kick-off moves by at most 12 hours, even past
    midnight.
    """
    moved = abs(new.kickoff - old.kickoff)
    same = (old.sport, old.home, old.away) == (new.sport, new.home, new.away)
    return old.event_uid if same and moved <= _MOST_MOVED else new.event_uid


def same_fixture(one: Event, other: Event) -> bool:
    """Return whether events of one uid are the same fixture.

    Their names may differ in letters that a uid does not keep.
    """
    names = (one.home.casefold(), one.away.casefold()) == (
        other.home.casefold(),
        other.away.casefold(),
    )
    return names and abs(one.kickoff - other.kickoff) <= _SAME_FIXTURE
