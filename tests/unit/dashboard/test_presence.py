"""Each worker by its own id: silent, back, started again and again, killed because it hung."""

from datetime import UTC, datetime, timedelta

from keter.bus.telemetry.heartbeats import Heartbeat
from keter.dashboard.presence import (
    FORGOTTEN_AFTER,
    KILLS_WINDOW,
    RESTARTS_WINDOW,
    STEADY,
    Presence,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
S = timedelta(seconds=1)


def beat(worker: str, started: datetime, *, restarts: int = 0, kills: int = 0) -> Heartbeat:
    process = worker.split("-", maxsplit=1)[0].split("@", maxsplit=1)[0]
    fields = {"g:restarts": str(restarts), "g:kills": str(kills)}
    return Heartbeat(process, worker, 7, "1", started, NOON, 0.0, fields)


def silent(presence: Presence) -> dict[str, bool]:
    return {one.worker: one.alone for one in presence.silent()}


def test_a_worker_that_never_beat_is_known_by_its_process() -> None:
    presence = Presence({"guard": "guard", "router": "router"})
    presence.look([beat("guard@one", NOON)], NOON)
    assert silent(presence) == {"router": True}
    presence.look([beat("guard@one", NOON), beat("router@one", NOON)], NOON + S)
    assert silent(presence) == {}


def test_two_that_are_lost_one_after_the_other_are_two() -> None:
    presence = Presence({"router": "router", "tracker": "tracker"})
    both = [beat("router", NOON), beat("tracker", NOON)]
    presence.look(both, NOON)
    presence.look(both[1:], NOON + S)
    presence.look([], NOON + 30 * S)
    assert {one.worker: one.since for one in presence.silent()} == {
        "router": NOON + S,
        "tracker": NOON + 30 * S,
    }


def test_one_of_several_copies_is_not_alone_and_is_forgotten_in_the_end() -> None:
    presence = Presence({"edge": "edge"})
    presence.look([beat("edge", NOON), beat("edge-2", NOON)], NOON)
    presence.look([beat("edge", NOON)], NOON + S)
    assert silent(presence) == {"edge-2": False}
    presence.look([beat("edge", NOON)], NOON + 2 * S + FORGOTTEN_AFTER)
    assert silent(presence) == {}


def test_one_that_beats_for_a_moment_and_dies_again_stays_silent_until_it_stays() -> None:
    """A5: the tracker died of a row every 30 s; its alert came and went."""
    presence, at, started = Presence({"tracker": "tracker"}), NOON, NOON
    presence.look([beat("tracker", started)], at)
    for restarts in range(1, 6):
        for _ in range(20):
            at += S
            presence.look([], at)
        at += S
        started = at
        presence.look([beat("tracker", started, restarts=restarts)], at)
        if restarts >= 3:
            assert silent(presence) == {"tracker": True}
            assert [one.times for one in presence.restarting(at)] == [restarts]
    for _ in range(round(STEADY / S) + 1):
        at += S
        presence.look([beat("tracker", started, restarts=5)], at)
    assert silent(presence) == {}
    assert presence.restarting(at) != []
    assert presence.restarting(at + RESTARTS_WINDOW) == []


def test_a_single_restart_is_no_trouble() -> None:
    presence = Presence({"tracker": "tracker"})
    presence.look([beat("tracker", NOON)], NOON)
    presence.look([], NOON + S)
    presence.look([beat("tracker", NOON + 2 * S, restarts=1)], NOON + 2 * S)
    assert (silent(presence), presence.restarting(NOON + 2 * S)) == ({}, [])


def test_restarts_that_nobody_saw_beat_count_too() -> None:
    presence = Presence({"tracker": "tracker"})
    presence.look([beat("tracker", NOON, restarts=2)], NOON)
    presence.look([beat("tracker", NOON + 60 * S, restarts=6)], NOON + 60 * S)
    assert [one.times for one in presence.restarting(NOON + 60 * S)] == [4]


def test_a_kill_is_told_for_a_while_also_by_who_has_just_started() -> None:
    seen, new = Presence({"router": "router"}), Presence({"router": "router"})
    seen.look([beat("router", NOON)], NOON)
    for presence in (seen, new):
        presence.look([beat("router", NOON + 5 * S, restarts=1, kills=1)], NOON + 6 * S)
        assert [(one.worker, one.times) for one in presence.killed(NOON + 6 * S)] == [("router", 1)]
        assert presence.killed(NOON + 7 * S + KILLS_WINDOW) == []
    late = Presence({"router": "router"})
    late.look([beat("router", NOON, restarts=1, kills=1)], NOON + KILLS_WINDOW + S)
    assert late.killed(NOON + KILLS_WINDOW + S) == []


def test_silence_while_nobody_can_beat_does_not_count() -> None:
    presence = Presence({"router": "router"})
    presence.look([beat("router", NOON)], NOON)
    presence.look([], NOON + S)
    presence.pause()
    presence.look([], NOON + 60 * S)
    assert [one.since for one in presence.silent()] == [NOON + 60 * S]


def of(role: str, worker: str) -> Heartbeat:
    return Heartbeat("router", worker, 7, "1", NOON, NOON, 0.0, {"role": role})


def test_the_router_of_one_account_is_alone_though_that_of_another_beats() -> None:
    presence = Presence({"router-alice": "router", "router-bob": "router"})
    alice, bob = of("router-alice", "router-alice"), of("router-bob", "router-bob")
    presence.look([alice, bob], NOON)
    presence.look([bob], NOON + S)
    assert silent(presence) == {"router-alice": True}
    presence.look([bob], NOON + 2 * S + FORGOTTEN_AFTER)
    assert silent(presence) == {"router-alice": True}, "nobody else does its work"


def test_a_role_that_never_beat_is_missed_by_its_own_name() -> None:
    presence = Presence({"router-alice": "router", "router-bob": "router"})
    presence.look([of("router-bob", "router-bob")], NOON)
    [one] = presence.silent()
    assert (one.worker, one.process, one.alone) == ("router-alice", "router", True)
    presence.look([of("router-bob", "router-bob"), of("router-alice", "router-alice")], NOON + S)
    assert presence.silent() == []
