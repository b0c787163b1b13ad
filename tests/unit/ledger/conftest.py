"""A real ledger in a file of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keter.clock import ManualClock
from keter.ledger import Ledger, open_ledger
from tests.kit.execution import NOW


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def ledger(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Ledger]:
    opened = await open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=clock)
    yield opened
    await opened.aclose()
