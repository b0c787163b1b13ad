"""The dashboard does not outlive one of its tasks."""

import asyncio

import pytest

from keter.errors import KeterError
from keter.processes.dashboard import _raise_what_ended


async def nothing() -> None:
    """End by itself."""


async def failing() -> None:
    raise KeterError("no room")


async def test_a_task_that_ended_by_itself_is_an_error() -> None:
    task = asyncio.create_task(nothing(), name="watch")
    await asyncio.wait({task})
    with pytest.raises(KeterError, match="watch ended by itself"):
        _raise_what_ended([task], ["watch"])


async def test_the_error_of_a_task_comes_out_also_while_stopping() -> None:
    task = asyncio.create_task(failing(), name="hub")
    await asyncio.wait({task})
    with pytest.raises(KeterError, match="no room"):
        _raise_what_ended([task], [])


async def test_a_task_that_does_not_end_is_an_error() -> None:
    release = asyncio.Event()

    async def waiting() -> None:
        await release.wait()

    task = asyncio.create_task(waiting(), name="alerting")
    with pytest.raises(KeterError, match="alerting did not end when cancelled"):
        _raise_what_ended([task], [])
    release.set()
    await task


async def test_an_ordinary_stop_raises_nothing() -> None:
    task = asyncio.create_task(nothing(), name="hub")
    await asyncio.wait({task})
    _raise_what_ended([task], [])
