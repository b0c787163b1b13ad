"""``keter record`` keeps the feed and decides nothing; what it kept can be replayed."""

import json
import time
from pathlib import Path

import pytest

from keter.dashboard.rules.workers import LOST_AFTER_S
from keter.replay.capture import capture_files, read_captures
from tests.kit.keter_up import KeterUp
from tests.kit.support import eventually


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_recording_is_kept_without_deciding_and_can_be_replayed(tmp_path: Path) -> None:
    """CAPTURE_RAW=false in the settings does not stop somebody who asks for a recording."""
    keter = KeterUp(tmp_path, "record", CAPTURE_RAW="false")
    captures = tmp_path / "local" / "captures"
    try:
        await keter.ready()
        begun = time.monotonic()

        def captured() -> int:
            return (
                sum(1 for _ in read_captures(capture_files(captures))) if captures.is_dir() else 0
            )

        await eventually(lambda: captured() >= 3, timeout_s=60, progress=captured)
        started = {"ingest", "recorder", "dashboard", "sandbox"}

        def beating() -> set[str]:
            return {worker.partition("@")[0] for worker in keter.pids()}

        await eventually(lambda: beating() >= started, timeout_s=60)
        assert beating() == started
        workers = {
            Path(argument).name for process in keter.family() for argument in process.cmdline()
        }
        assert {"ingest", "recorder", "dashboard"} <= workers
        assert not {"validator", "edge", "guard", "router", "tracker"} & workers
        await eventually(lambda: time.monotonic() - begun > LOST_AFTER_S + 10, timeout_s=120)
        code, text = keter.fetch("/api/alerts")
        told = json.loads(text)
        assert (code, told["items"]) == (200, []), (
            "of what a recording does not start nothing is missed"
        )
        code, text = keter.fetch("/readyz")
        checks = {check["name"]: check for check in json.loads(text)["checks"]}
        assert (code, checks["workers"]) == (
            200,
            {"name": "workers", "ok": True, "detail": "every worker beats"},
        )
    finally:
        keter.process.terminate()
        keter.process.wait(20)
    done = keter.keter("replay", str(captures), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["answers"] >= 3
    assert told["counts"]["validator:ok"] > 0
