"""The sandbox as the supervisor's child: watched, and what runs beside it lives as long."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator

import pytest

from keter.errors import ExitCode, KeterError
from keter.settings import load_settings
from keter.supervision.launch import plan_sandbox
from keter.system.addresses import free_port
from keter.venues.asianodds.simulator.config import SandboxConfig
from keter.venues.asianodds.simulator.main import run_sandbox


@pytest.fixture(autouse=True)
def same_handlers() -> Iterator[None]:
    """Restore the signal handlers: a sandbox takes those of its process, here that of the tests."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_supervisor_watches_it_as_it_does_a_worker() -> None:
    plan = plan_sandbox(load_settings(None, {}))
    assert plan is not None
    assert plan.spec.supervised
    assert plan.spec.line(2, 1)[-4:] == ("--restarts", "2", "--kills", "1")


def test_what_runs_beside_it_ends_with_it() -> None:
    ended: list[str] = []

    async def beside() -> None:
        try:
            await asyncio.sleep(0.1)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(60)
        finally:
            ended.append("beside")

    code = run_sandbox(SandboxConfig(port=free_port()), say=lambda _: None, beside=beside)
    assert (code, ended) == (ExitCode.OK, ["beside"])


def test_an_error_beside_it_ends_it_as_it_is() -> None:
    async def beside() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_sandbox(SandboxConfig(port=free_port()), say=lambda _: None, beside=beside)


def test_its_own_error_comes_out_as_it_is() -> None:
    async def beside() -> None:
        await asyncio.sleep(60)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(KeterError):
            run_sandbox(
                SandboxConfig(port=taken.getsockname()[1]), say=lambda _: None, beside=beside
            )
