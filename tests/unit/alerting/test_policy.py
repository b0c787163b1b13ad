"""What a channel is told: once, again in time, the end of it, and never a false comfort."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from keter.alerting.policy import FLAPPING_S, QUIET_S, REPEAT_S, Memory, delivered, plan
from keter.alerting.texts import Kind, Message
from keter.clock import ManualClock
from keter.domain.alerts import Alert, Level

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def alert(
    name: str = "unknown-bets", level: Level = "page", detail: str = "1 bet", **more: str
) -> Alert:
    return Alert(
        name, level, "Bets with unknown outcome", detail, START, acknowledged_by=more.get("by")
    )


class Phone:
    """A channel that takes everything, and remembers."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.memory = Memory()
        self.heard: list[Message] = []

    def look(self, *standing: Alert, after_s: float = 0) -> list[tuple[str, Kind]]:
        self.clock.set(self.clock.now() + timedelta(seconds=after_s))
        planned = plan(standing, self.memory, self.clock.now())
        self.memory = planned.memory
        for step in planned.steps:
            self.memory = delivered(self.memory, step)
        self.heard += [step.message for step in planned.steps]
        return [(step.message.alert_id, step.message.kind) for step in planned.steps]


def test_an_alert_is_told_once_however_often_it_is_seen() -> None:
    phone = Phone()
    assert phone.look(alert()) == [("unknown-bets", Kind.NEW)]
    assert [phone.look(alert(detail=f"{n} bets"), after_s=2) for n in range(100)] == [[]] * 100


def test_a_page_that_nobody_acknowledges_is_told_again_every_quarter_of_an_hour() -> None:
    phone = Phone()
    phone.look(alert())
    assert phone.look(alert(), after_s=REPEAT_S - 1) == []
    assert phone.look(alert(), after_s=1) == [("unknown-bets", Kind.UPDATE)]
    assert phone.look(alert(by="ops"), after_s=REPEAT_S) == []


def test_a_ticket_is_told_again_only_when_it_reads_differently() -> None:
    phone = Phone()
    phone.look(alert(level="ticket"))
    assert phone.look(alert(level="ticket"), after_s=REPEAT_S) == []
    assert phone.look(alert(level="ticket", detail="2 bets")) == [("unknown-bets", Kind.UPDATE)]


def test_a_level_that_rises_is_told_at_once() -> None:
    phone = Phone()
    phone.look(alert(level="ticket"))
    assert phone.look(alert(level="page"), after_s=2) == [("unknown-bets", Kind.NEW)]
    assert phone.look(alert(level="ticket"), after_s=2) == []
    assert phone.look(alert(level="page"), after_s=2) == []


def test_its_end_is_told_once_it_has_stayed_away() -> None:
    phone = Phone()
    phone.look(alert())
    assert phone.look(after_s=2) == []
    assert phone.look(after_s=QUIET_S) == [("unknown-bets", Kind.RESOLVED)]
    assert phone.look(after_s=QUIET_S) == []


def test_an_alert_that_returns_is_told_at_once_and_then_must_stay_away_longer() -> None:
    phone = Phone()
    phone.look(alert())
    phone.look(after_s=2)
    phone.look(after_s=QUIET_S)
    assert phone.look(alert(), after_s=2) == [("unknown-bets", Kind.NEW)]
    assert phone.look(after_s=2) == []
    assert phone.look(after_s=QUIET_S) == []
    assert phone.look(after_s=FLAPPING_S) == [("unknown-bets", Kind.RESOLVED)]


def test_worst_first_and_what_is_over_last() -> None:
    phone = Phone()
    phone.look(alert("gone"))
    phone.look(after_s=2)
    told = phone.look(alert("i", "info"), alert("p", "page"), alert("t", "ticket"), after_s=QUIET_S)
    assert [name for name, _ in told] == ["p", "t", "i", "gone"]


def test_what_was_not_delivered_is_due_again() -> None:
    planned = plan([alert()], Memory(), START)
    assert len(planned.steps) == 1
    assert (
        plan([alert()], planned.memory, START + timedelta(seconds=2)).steps[0].message.kind
        is Kind.NEW
    )


LEVELS: st.SearchStrategy[Level] = st.sampled_from(["page", "ticket", "info"])
LOOKS = st.lists(
    st.tuples(st.floats(min_value=0.5, max_value=1200), st.booleans(), LEVELS, st.integers(0, 3)),
    min_size=1,
    max_size=60,
)


@given(looks=LOOKS)
def test_resolved_is_never_the_last_word_on_an_alert_that_stands(
    looks: list[tuple[float, bool, Level, int]],
) -> None:
    phone = Phone()
    for after_s, stands, level, n in looks:
        phone.look(*([alert(level=level, detail=str(n))] if stands else []), after_s=after_s)
        if stands:
            assert phone.heard[-1].kind is not Kind.RESOLVED


@given(looks=LOOKS)
def test_no_alert_rings_more_than_seven_times_in_a_quarter_of_an_hour(
    looks: list[tuple[float, bool, Level, int]],
) -> None:
    """Worst case: three rising levels, the end, its return through three levels; further ends wait
    FLAPPING_S.
    """
    phone = Phone()
    for after_s, stands, level, n in looks:
        phone.look(*([alert(level=level, detail=str(n))] if stands else []), after_s=after_s)
    for first in phone.heard:
        window = [m for m in phone.heard if 0 <= (m.at - first.at).total_seconds() < REPEAT_S]
        assert len(window) <= 7


@given(looks=LOOKS)
def test_whatever_was_told_is_resolved_in_the_end(
    looks: list[tuple[float, bool, Level, int]],
) -> None:
    phone = Phone()
    for after_s, stands, level, n in looks:
        phone.look(*([alert(level=level, detail=str(n))] if stands else []), after_s=after_s)
    phone.look(after_s=2)
    phone.look(after_s=FLAPPING_S)
    assert not phone.heard or phone.heard[-1].kind is Kind.RESOLVED
    phone.look(after_s=FLAPPING_S + 1)
    assert phone.memory.alerts == {}
