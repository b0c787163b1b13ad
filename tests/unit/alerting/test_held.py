"""What this process knows to stand counts over what Redis holds of it; what others raised is left
alone.
"""

from datetime import UTC, datetime, timedelta

import msgspec

from keter.alerting.delivery_memory import joined
from keter.alerting.held import Held
from keter.alerting.policy import Delivered, Memory
from keter.bus.codec import encode
from keter.domain.alerts import Alert

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def alert(name: str, level: str = "page", minutes: int = 0, **more: object) -> Alert:
    return Alert(name, level, name, "", NOON + timedelta(minutes=minutes), **more)  # type: ignore[arg-type]  # a level, and fields by name


def test_own_and_others_stand_together_oldest_first() -> None:
    held = Held()
    held.put(alert("redis-memory", minutes=5))
    stored = [alert("unknown-bets", minutes=9), alert("feed_stale:a", minutes=1)]
    assert [one.id for one in held.active(stored)] == [
        "feed_stale:a",
        "redis-memory",
        "unknown-bets",
    ]


def test_what_is_over_here_is_over_whatever_redis_still_holds_until_it_has_been_told() -> None:
    held = Held()
    held.put(alert("disk-full"))
    held.end("disk-full")
    stored = [alert("disk-full")]
    assert held.active(stored) == []
    assert held.ended == {"disk-full"}
    held.cleared("disk-full")
    assert held.active(stored) == stored
    held.put(alert("disk-full"))
    assert held.ended == frozenset()


def test_our_level_counts_with_the_acknowledgement_and_beginning_of_the_copy() -> None:
    held = Held()
    held.put(alert("redis-memory", "page", minutes=5))
    held.put(alert("redis-memory", "page", minutes=7))
    copy = alert(
        "redis-memory", "ticket", minutes=1, acknowledged_by="operator", acknowledged_at=NOON
    )
    (found,) = held.active([copy])
    assert (found.level, found.since, found.acknowledged_by) == (
        "page",
        NOON + timedelta(minutes=1),
        "operator",
    )
    (alone,) = held.active([])
    assert alone.since == NOON + timedelta(minutes=5)


def test_what_a_channel_was_told_meanwhile_is_joined_with_what_redis_remembers() -> None:
    stored = Memory(
        {"a": Delivered(alert("a"), NOON), "b": Delivered(alert("b"), NOON)}, "2026-03-01"
    )
    later = Delivered(alert("b"), NOON + timedelta(hours=1))
    unwritten = Memory({"b": later, "c": later}, "")
    both = joined(stored, unwritten)
    assert (set(both.alerts), both.alerts["b"], both.alive_day) == (
        {"a", "b", "c"},
        later,
        "2026-03-01",
    )
    assert joined(stored, None) is stored


def test_what_cannot_be_written_never_reaches_a_channel_or_a_store() -> None:
    """A file's name may hold bytes that are no text; the look that tells of it must not end by
    them.
    """
    held = Held()
    held.put(
        msgspec.structs.replace(alert("disk-full"), detail="the disk of /srv/\udcff\x1b[2J is full")
    )
    (shown,) = held.active([])
    assert encode(shown)
    assert shown.detail == "the disk of /srv/\ufffd [2J is full"
