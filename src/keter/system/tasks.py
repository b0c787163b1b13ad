"""Waiting for tasks and ending them.

``asyncio.TaskGroup`` cancels each of its tasks once and then waits for ever.
On Python 3.11 ``asyncio.wait_for``, which libraries use, may swallow that one cancellation.
So whatever runs a library's code is ended here, where a cancellation is repeated.
Tasks that wait under ``asyncio.timeout`` alone may use a ``TaskGroup``.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any

CANCEL_DEADLINE_S = 0.5
CANCEL_TRIES = 5


async def run_until(stop: asyncio.Event, *work: Awaitable[Any]) -> tuple[asyncio.Future[Any], ...]:
    """Run ``work`` until ``stop`` is set or one piece of it ends, then cancel what still runs.

    Return the tasks that ended by themselves, in the given order.
    The tuple is empty if ``stop`` came first.
    A task in ``work`` keeps its name.

    Raises the first error of ``work``, in the given order, also one raised while it was cancelled.
    """
    tasks = [asyncio.ensure_future(each) for each in work]
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({*tasks, stopped}, return_when=asyncio.FIRST_COMPLETED)
        ended = tuple(task for task in tasks if task.done())
    finally:
        await end_tasks(*tasks, stopped)
    raise_errors(*tasks)
    return ended


def raise_errors(*tasks: asyncio.Future[Any]) -> None:
    """Raise the first error among the tasks that ended. The errors of the others are dropped."""
    # Asking every task for its error keeps asyncio from logging it as never retrieved.
    errors = [task.exception() for task in tasks if task.done() and not task.cancelled()]
    for error in errors:
        if error is not None:
            raise error


async def sleep(seconds: float) -> None:
    """Wait for ``seconds``.

    Raises CancelledError also for a cancellation that a library swallowed before this call.
    """
    _raise_swallowed()
    await asyncio.sleep(seconds)


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for ``seconds`` or until ``stop`` is set. Return True if it is set.

    Raises CancelledError also for a cancellation that a library swallowed before this call.
    """
    _raise_swallowed()
    try:
        # Not asyncio.wait_for: before Python 3.12 it swallows a cancellation that comes together
        # with what it waits for.
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True


def _raise_swallowed() -> None:
    # A loop that is cancelled once would go on for ever after a swallowed cancellation.
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def end_tasks(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait until they have ended, CANCEL_DEADLINE_S at most."""
    # Once is not enough: a library that waits under asyncio.wait_for may swallow a cancellation.
    for _ in range(CANCEL_TRIES):
        pending = {task for task in tasks if not task.done()}
        if not pending:
            return
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_DEADLINE_S / CANCEL_TRIES)
