"""Waiting in tests: a promise has its time; work that goes on is waited for, work that stands still
is not.
"""

import itertools
import time

import pytest

from tests.kit.support import eventually


async def test_a_value_that_comes_is_returned() -> None:
    numbers = itertools.count()
    assert await eventually(lambda: next(numbers) > 3 and "there") == "there"


async def test_what_is_asked_for_may_be_a_coroutine() -> None:
    numbers = itertools.count()

    async def look() -> int:
        return next(numbers)

    assert await eventually(look, progress=look) > 0


async def test_a_promise_that_is_not_kept_in_its_time_fails_with_the_last_value() -> None:
    begun = time.monotonic()
    with pytest.raises(pytest.fail.Exception, match=r"not true within 0\.2 s; last value: 0$"):
        await eventually(lambda: 0, timeout_s=0.2)
    assert time.monotonic() - begun >= 0.2


async def test_work_that_goes_on_is_waited_for_beyond_the_time_of_one_step() -> None:
    """More has been done whenever it is asked; the whole takes five times as long as nothing may
    happen.
    """
    begun, done = time.monotonic(), itertools.count()
    assert await eventually(
        lambda: time.monotonic() - begun > 1.0, timeout_s=0.2, progress=lambda: next(done)
    )
    assert time.monotonic() - begun > 1.0


async def test_work_that_stands_still_fails_although_it_has_gone_on_before() -> None:
    steps = iter([1, 2, 3])
    begun = time.monotonic()
    with pytest.raises(
        pytest.fail.Exception, match=r"nothing was done for 0\.2 s, at 3; last value: False"
    ):
        await eventually(lambda: False, timeout_s=0.2, progress=lambda: next(steps, 3), most_s=60)
    assert time.monotonic() - begun < 30


async def test_work_without_an_end_fails_at_the_bound_of_the_whole() -> None:
    done = itertools.count()
    with pytest.raises(
        pytest.fail.Exception, match=r"not true within 0\.5 s although work went on, to "
    ):
        await eventually(lambda: False, timeout_s=0.2, progress=lambda: next(done), most_s=0.5)


async def test_the_bound_of_the_whole_counts_only_where_progress_is_followed() -> None:
    begun = time.monotonic()
    assert await eventually(lambda: time.monotonic() - begun > 0.3, timeout_s=5, most_s=0.1)
