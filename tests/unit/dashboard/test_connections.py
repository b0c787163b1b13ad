"""Who has sent nothing whole gives way; nobody from elsewhere takes the place of who sits at this
machine.
"""

from dataclasses import dataclass

import pytest

from keter.dashboard.connections import BACKLOG, OTHER_DESCRIPTORS, Bounds, ConnectionLimits, Phase


@dataclass(eq=False)
class One:
    address: str
    phase: Phase = Phase.HEAD
    counts: bool = True
    gone: bool = False

    def abort(self) -> None:
        self.gone = True
        LIMITS[0].leave(self)


LIMITS: list[ConnectionLimits] = []
BOUNDS = Bounds(total=6, elsewhere=4, each=3)


@pytest.fixture
def limits() -> ConnectionLimits:
    LIMITS[:] = [ConnectionLimits(BOUNDS, frozenset({"10.9.9.9"}))]
    return LIMITS[0]


def test_one_address_has_its_share_and_its_oldest_unfinished_gives_way(
    limits: ConnectionLimits,
) -> None:
    first, body, answered, newest = (
        One("10.0.0.1"),
        One("10.0.0.1", Phase.BODY),
        One("10.0.0.1", Phase.ANSWER),
        One("10.0.0.1"),
    )
    assert all(limits.admit(one) for one in (body, first, answered, newest))
    assert [one.gone for one in (first, body, answered, newest)] == [True, False, False, False]
    assert limits.number == 3


def test_what_is_being_answered_never_gives_way(limits: ConnectionLimits) -> None:
    assert all(limits.admit(One("10.0.0.1", Phase.ANSWER)) for _ in range(3))
    assert not limits.admit(One("10.0.0.1"))
    assert limits.admit(One("10.0.0.2"))


def test_others_never_take_the_places_of_this_machine(limits: ConnectionLimits) -> None:
    assert all(limits.admit(One(f"10.0.0.{n}", Phase.ANSWER)) for n in range(4))
    assert not limits.admit(One("10.0.0.77"))
    assert all(limits.admit(One("127.0.0.1", Phase.ANSWER)) for _ in range(2))
    assert not limits.admit(One("127.0.0.1"))


def test_a_known_proxy_speaks_for_many(limits: ConnectionLimits) -> None:
    assert all(limits.admit(One("10.9.9.9", Phase.ANSWER)) for _ in range(4))
    assert not limits.admit(One("10.9.9.9", Phase.ANSWER))


def test_a_websocket_is_counted_elsewhere(limits: ConnectionLimits) -> None:
    assert all(limits.admit(One("127.0.0.1", Phase.ANSWER, counts=False)) for _ in range(20))
    assert limits.number == 0


@pytest.mark.parametrize(
    ("descriptors", "total"), [(None, 256), (1 << 20, 256), (1024, 256), (256, 128), (64, 16)]
)
def test_the_descriptors_of_the_process_are_a_limit_too(
    descriptors: int | None, total: int
) -> None:
    bounds = Bounds.of(descriptors)
    assert bounds.total == total
    assert 0 < bounds.elsewhere < total
    assert (
        descriptors is None
        or descriptors < 256
        or total + OTHER_DESCRIPTORS + BACKLOG <= descriptors
    )
