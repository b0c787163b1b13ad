"""Who is silent for too long hangs; who is starting, or whose listener was away, does not."""

from keter.supervision.pulse import SILENT_S, Patience, Vigil


def test_silence_counts_from_the_last_pulse() -> None:
    vigil = Vigil(Patience(starting_s=100, silent_s=10))
    vigil.started(0)
    vigil.pulsed(50)
    assert not vigil.hangs(60)
    assert vigil.hangs(60.1)


def test_a_start_has_its_own_patience_also_after_an_earlier_life() -> None:
    vigil = Vigil(Patience(starting_s=100, silent_s=10))
    vigil.started(0)
    vigil.pulsed(1)
    vigil.started(200)
    assert not vigil.hangs(300)
    assert vigil.hangs(300.1)


def test_what_passed_while_nobody_listened_does_not_count() -> None:
    vigil = Vigil(Patience(starting_s=100, silent_s=10))
    vigil.started(0)
    vigil.pulsed(1)
    vigil.forgive(500)
    assert not vigil.hangs(505)
    assert vigil.hangs(511)


def test_patience_follows_slow_heartbeats_and_is_never_short() -> None:
    assert Patience.of(0.1).silent_s == SILENT_S
    assert Patience.of(30).silent_s == 450
