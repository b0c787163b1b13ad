"""Any file of the vectors' format gets right answers: inputs of every kind, answered by an oracle
that does not know Keter.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.kit.support import ROOT
from tests.vector_oracle import vectors


@pytest.mark.slow
@pytest.mark.slow
def test_vectors_computed_from_the_definitions_pass(tmp_path: Path) -> None:
    made = vectors(20_260_221)
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"version": 1, "vectors": made}), encoding="utf-8")
    command = [sys.executable, str(ROOT / "scripts" / "check-vectors"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    wrong = [line for line in done.stdout.splitlines() if "FAILED" in line]
    assert (done.returncode, wrong, done.stderr) == (0, [], "")
    assert done.stdout.splitlines()[-1] == f"{len(made)} passed, 0 failed"
    assert len(Counter(one["category"] for one in made)) >= 38
