"""A loop that waits between its turns ends when it is cancelled, also where a library swallowed
that.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from keter.system.tasks import run_until, sleep, stopped_within


async def test_a_stop_ends_the_wait_and_time_does_too() -> None:
    stop = asyncio.Event()
    assert not await stopped_within(stop, 0.01)
    stop.set()
    assert await stopped_within(stop, 60)


@pytest.mark.parametrize(
    "pause", [lambda: stopped_within(asyncio.Event(), 3600), lambda: sleep(3600)]
)
async def test_a_cancellation_that_was_swallowed_ends_the_loop_at_its_next_wait(
    pause: Callable[[], Awaitable[object]],
) -> None:
    begun, waited = asyncio.Event(), 0

    async def loop() -> None:
        nonlocal waited
        while True:
            with contextlib.suppress(asyncio.CancelledError):  # as a library may
                begun.set()
                await asyncio.sleep(3600)
            await pause()
            waited += 1

    task = asyncio.create_task(loop())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    assert waited == 0


async def test_a_time_out_of_ones_own_is_no_cancellation() -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.sleep(60)
    assert not await stopped_within(asyncio.Event(), 0.01)


async def forever() -> None:
    await asyncio.Event().wait()


async def answer() -> int:
    return 7


async def fail() -> None:
    raise ValueError("broken")


async def test_work_runs_until_a_piece_of_it_ends_and_the_rest_is_cancelled() -> None:
    other = asyncio.create_task(forever())
    (ended,) = await run_until(asyncio.Event(), other, answer())
    assert ended.result() == 7
    assert other.cancelled()


async def test_a_stop_ends_all_work_and_nothing_ended_by_itself() -> None:
    stop = asyncio.Event()
    other = asyncio.create_task(forever())
    asyncio.get_running_loop().call_later(0.01, stop.set)
    assert await run_until(stop, other) == ()
    assert other.cancelled()


async def test_an_error_of_the_work_comes_out_as_it_is() -> None:
    other = asyncio.create_task(forever())
    with pytest.raises(ValueError, match="broken"):
        await run_until(asyncio.Event(), other, fail())
    assert other.cancelled()


async def test_an_error_raised_while_the_work_is_cancelled_comes_out_too() -> None:
    async def fail_at_the_end() -> None:
        try:
            await forever()
        finally:
            await fail()

    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(0.01, stop.set)
    with pytest.raises(ValueError, match="broken"):
        await run_until(stop, fail_at_the_end())


async def test_work_that_swallows_its_first_cancellation_is_ended_all_the_same() -> None:
    async def swallow_once() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await forever()
        await forever()

    stop = asyncio.Event()
    work = asyncio.create_task(swallow_once())
    asyncio.get_running_loop().call_later(0.01, stop.set)
    async with asyncio.timeout(5):
        assert await run_until(stop, work) == ()
    assert work.cancelled()


async def test_a_cancellation_from_outside_ends_the_work_too() -> None:
    work = asyncio.create_task(forever())
    outer = asyncio.create_task(run_until(asyncio.Event(), work))
    await asyncio.sleep(0)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert work.cancelled()
