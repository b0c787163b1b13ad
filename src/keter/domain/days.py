"""Betting days: calendar days in the configured time zone, named by their ISO date."""

from datetime import date, datetime, time, timedelta, tzinfo


def day_of(moment: datetime, zone: tzinfo) -> str:
    """Return the betting day of an aware ``moment``: its ISO date in ``zone``."""
    return moment.astimezone(zone).date().isoformat()


def day_bounds(day: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return the first moment of ``day`` in ``zone`` and the first moment of the next day.

    Raises ValueError if ``day`` is not an ISO date.
    """
    first = date.fromisoformat(day)
    return datetime.combine(first, time(), zone), datetime.combine(
        first + timedelta(days=1), time(), zone
    )
