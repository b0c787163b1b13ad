"""Ends a process whose test hangs past its time limit, with the stacks of all threads: a plugin for
pytest.

At its limit pytest-timeout raises in the main thread. That fails a test that waits. It does not end
one that catches whatever is raised, one whose background task catches it, one that hangs in C code,
or a teardown that hangs afterwards. This process then ends itself a little later. Beside others
under pytest-xdist, that test fails and a new worker goes on with the rest.
"""

import faulthandler
import os
import time
from collections.abc import Generator
from typing import Any

import pytest

GRACE_S = 60.0  # for a test that was told that its time is over, to tidy up after itself
DUMP_FD = pytest.StashKey[int]()
ENDS_AT = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "watchdog_grace",
        "seconds between a test's time limit and the end of its process",
        default=str(GRACE_S),
    )


def pytest_configure(config: pytest.Config) -> None:
    # While a test runs, the real standard error is captured. The dump has to be seen although the
    # process ends.
    config.stash[DUMP_FD] = os.dup(2)


def pytest_unconfigure(config: pytest.Config) -> None:
    if DUMP_FD in config.stash:
        os.close(config.stash[DUMP_FD])
        del config.stash[DUMP_FD]


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> Generator[None, object, object]:
    """Note that pytest-timeout begins to count.

    ``settings.timeout`` is the limit of this very test.
    """
    item.stash[ENDS_AT] = (
        time.monotonic() + settings.timeout + float(item.config.getini("watchdog_grace"))
    )
    _arm(item)
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """End all timers at a failure, so that a debugger has its time.

    The teardown that follows may hang all the same.
    """
    if isinstance(node, pytest.Item) and not node.config.getoption("usepdb"):
        _arm(node)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _arm(item: pytest.Item) -> None:
    ends_at = item.stash.get(ENDS_AT, None)
    if ends_at is not None:
        faulthandler.dump_traceback_later(
            max(0.1, ends_at - time.monotonic()), exit=True, file=item.config.stash[DUMP_FD]
        )
