"""The page's pure modules under ``node --test``; Node is needed for nothing else."""

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = sorted((Path(__file__).parent / "web").glob("*.test.mjs"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_pages_logic_holds(path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node on this machine; the browser tests run the same modules")
    done = subprocess.run([node, "--test", str(path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
