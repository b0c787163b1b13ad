"""How tasks are ended."""

import asyncio
from typing import Any

CANCEL_DEADLINE_S = 0.5
CANCEL_TRIES = 5


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for ``seconds`` or until ``stop``; True when that is set.

    A cancellation always comes through.

    ``asyncio.wait_for`` before Python 3.12 swallows one that comes together with what it waited
    for. One that a library has swallowed before the call comes through here: a loop whose group
    cancels it once would otherwise go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True


async def end_tasks(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and waits until they have ended, CANCEL_DEADLINE_S at most.

    Once is not enough: a library that waits under a time-out of its own may swallow a cancellation
    that comes together with what it waited for (asyncio.wait_for before Python 3.12 does).
    """
    for _ in range(CANCEL_TRIES):
        pending = {task for task in tasks if not task.done()}
        if not pending:
            return
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_DEADLINE_S / CANCEL_TRIES)
