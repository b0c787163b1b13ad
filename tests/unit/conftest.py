"""A real ledger in a file of the test's own, for the parts that need one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from keter.clock import ManualClock

if TYPE_CHECKING:
    from keter.ledger import Ledger


@pytest.fixture
def clock() -> ManualClock:
    from tests.kit.execution import NOW

    return ManualClock(NOW)


@pytest.fixture
async def ledger(tmp_path: Path, clock: ManualClock) -> "AsyncIterator[Ledger]":
    from keter.ledger import open_ledger

    opened = await open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=clock)
    yield opened
    await opened.aclose()
