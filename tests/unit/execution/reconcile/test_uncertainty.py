"""When a bet may be believed to have never reached the venue."""

from datetime import timedelta

from keter.betting_settings import RouterSettings
from keter.execution.reconcile.uncertainty import LEAST_DENIALS, NotFound
from tests.kit.execution import NOW

ROUTER = RouterSettings()


def test_denials_are_believed_after_a_while_and_never_at_once() -> None:
    denials = NotFound(ROUTER)
    for n in range(LEAST_DENIALS):
        assert not denials.believed(
            "i", unknown_since=NOW, answered=True, at=NOW + timedelta(hours=9)
        )
        denials.note("i", NOW + timedelta(seconds=n))
    at = NOW + timedelta(seconds=ROUTER.unknown_error_s)
    assert denials.believed("i", unknown_since=NOW, answered=True, at=at)
    assert not denials.believed("i", unknown_since=NOW, answered=False, at=at)
    assert denials.believed(
        "i", unknown_since=NOW, answered=False, at=NOW + timedelta(seconds=ROUTER.unknown_absent_s)
    )
    denials.forget("i")
    assert not denials.believed("i", unknown_since=NOW, answered=True, at=NOW + timedelta(hours=9))
