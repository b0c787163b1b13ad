"""redis-py's errors become ours, sorted by what the caller must do."""

import pytest
import redis.exceptions as redis_errors

from keter.bus.errors import (
    BusDataError,
    BusDeniedError,
    BusRefusedError,
    ConnectionLostError,
    LeaseLostError,
    PoisonedPayloadError,
    StaleRevisionError,
    translated,
)
from keter.errors import ExitCode, KeterError

CASES = [
    (redis_errors.ConnectionError("reset"), ConnectionLostError),
    (redis_errors.TimeoutError("slow"), ConnectionLostError),
    (redis_errors.BusyLoadingError("loading"), ConnectionLostError),
    (
        redis_errors.InvalidResponse('Protocol error, got "<" as reply type byte'),
        ConnectionLostError,
    ),
    (redis_errors.AuthenticationError("WRONGPASS"), BusDeniedError),
    (redis_errors.NoPermissionError("no permissions"), BusDeniedError),
    (redis_errors.OutOfMemoryError("command not allowed"), BusRefusedError),
    (redis_errors.ReadOnlyError("replica"), BusRefusedError),
    (redis_errors.ResponseError("NOREPLICAS Not enough good replicas to write."), BusRefusedError),
    (redis_errors.ResponseError("MISCONF Redis is configured to save"), BusRefusedError),
    (redis_errors.ResponseError("LEASELOST gone"), LeaseLostError),
    (redis_errors.ResponseError("WRONGTYPE Operation against a key"), BusDataError),
    (redis_errors.ResponseError("unknown command"), BusDataError),
]


@pytest.mark.parametrize(
    ("error", "ours"), CASES, ids=lambda value: getattr(value, "__name__", None) or str(value)[:30]
)
def test_each_error_has_its_counterpart(error: Exception, ours: type[KeterError]) -> None:
    with pytest.raises(KeterError) as caught, translated():
        raise error
    assert type(caught.value) is ours
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        (
            "Error running script (call to f_ab): @user_script:35: LEASELOST the lease has expired",
            LeaseLostError,
        ),
        (
            (
                "Error running script (call to f_ab): @user_script:66: -OOM command not allowed"
                " when used memory"
            ),
            BusRefusedError,
        ),
    ],
)
def test_the_word_counts_wherever_an_older_server_puts_it(
    text: str, ours: type[KeterError]
) -> None:
    with pytest.raises(ours), translated():
        raise redis_errors.ResponseError(text)


def test_what_is_not_of_redis_passes_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), translated():
        raise ZeroDivisionError


def test_exit_codes_tell_whether_trying_again_makes_sense() -> None:
    codes = {
        kind: kind("x").exit_code
        for kind in (ConnectionLostError, BusRefusedError, LeaseLostError, StaleRevisionError)
    }
    assert codes == {
        ConnectionLostError: ExitCode.UNAVAILABLE,
        BusRefusedError: ExitCode.RETRY_LATER,
        LeaseLostError: ExitCode.RETRY_LATER,
        StaleRevisionError: ExitCode.RETRY_LATER,
    }
    assert PoisonedPayloadError("x").exit_code is ExitCode.BUG
