"""A loop that waits between its turns ends when it is cancelled, also where a library swallowed
that.
"""

import asyncio
import contextlib

import pytest

from keter.system.tasks import stopped_within


async def test_a_stop_ends_the_wait_and_time_does_too() -> None:
    stop = asyncio.Event()
    assert not await stopped_within(stop, 0.01)
    stop.set()
    assert await stopped_within(stop, 60)


async def test_a_cancellation_that_was_swallowed_ends_the_loop_at_its_next_wait() -> None:
    begun, waited = asyncio.Event(), 0

    async def loop() -> None:
        nonlocal waited
        while True:
            with contextlib.suppress(asyncio.CancelledError):  # as a library may
                begun.set()
                await asyncio.sleep(3600)
            await stopped_within(asyncio.Event(), 3600)
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
