"""What the tests of whole programs share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.keter_up import KeterUp, Start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start Keters of the test's own."""
    running: list[KeterUp] = []

    def begin(**environ: str) -> KeterUp:
        running.append(KeterUp(tmp_path, **environ))
        return running[-1]

    yield begin
    for one in running:
        one.close()
