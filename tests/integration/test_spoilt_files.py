"""No file in DATA_DIR stops a process, whatever it holds or is: the page answers, and each command
says one sentence.
"""

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from keter.clock import SystemClock
from keter.dashboard.health import licence_refusal, licence_text, licence_trouble
from keter.dashboard.logtail import read_tail, workers
from keter.dashboard.models import LogsQuery
from keter.errors import PermissionDeniedError
from keter.license.keeper import FileClockMark, LicenseKeeper
from keter.redis_server.address import locate_redis
from keter.settings import child_environment, load_settings
from keter.supervision.instances import lock_of, on, running
from keter.system.addresses import free_port
from tests.kit.support import eventually

pytestmark = pytest.mark.slow

FILES = (
    ".keter_license",
    ".clock_mark",
    "run/keter.pid",
    "run/instance.json",
    "run/listing.json",
    "run/redis.json",
    "redis/redis.log",
    "logs/dashboard.jsonl",
    "logs/router.jsonl",
    "ledger.db",
    "ledger.db-wal",
    "ledger.db-shm",
    "captures/x.jsonl.gz",
    "../HALT",
)
NESTED = "eyJ0eXAiOi" + "W1tb" * 8_000


def _directory(path: Path) -> None:
    path.mkdir()
    (path / "inside").write_text("")


def _closed(path: Path) -> None:
    path.write_text("x")
    path.chmod(0)


JUNK: dict[str, Callable[[Path], object]] = {
    "Latin-1": lambda path: path.write_bytes(b"caf\xe9\n"),
    "UTF-16": lambda path: path.write_bytes("café".encode("utf-16")),
    "UTF-16 without mark": lambda path: path.write_bytes("café".encode("utf-16-le")),
    "NULs": lambda path: path.write_bytes(b"\0" * 5_000),
    "nested": lambda path: path.write_text(NESTED + "." + NESTED + ".x"),
    "brackets": lambda path: path.write_bytes(b"[" * 100_000),
    "large": lambda path: path.write_bytes(b"9" * 3_000_000),
    "empty": lambda path: path.write_bytes(b""),
    "directory": _directory,
    "closed": _closed,
    "link to itself": lambda path: path.symlink_to(path),
    "pipe": os.mkfifo,
}
if sys.platform == "win32":
    del JUNK["closed"], JUNK["link to itself"], JUNK["pipe"]
elif os.geteuid() == 0:
    del JUNK["closed"]  # nothing is closed to root


def spoil(folder: Path, junk: str, files: tuple[str, ...] = FILES) -> Path:
    data = folder / "local"
    for name in files:
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        JUNK[junk](path)
    return data


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("name", FILES)
def test_whoever_reads_one_says_a_sentence_or_takes_it_for_none(
    tmp_path: Path, junk: str, name: str
) -> None:
    data = spoil(tmp_path, junk, (name,))
    settings = load_settings(None, {"DATA_DIR": str(data), "HALT_FILE": str(tmp_path / "HALT")})
    clock = SystemClock()
    for ask in (licence_text, licence_refusal, licence_trouble):
        ask(settings, clock)
    assert LicenseKeeper(settings, clock).require() is None, "DRY runs without"
    with pytest.raises(PermissionDeniedError) as caught:
        LicenseKeeper(settings, clock).check()
    assert "\n" not in str(caught.value)
    FileClockMark(data / ".clock_mark").read()
    FileClockMark(data / ".clock_mark").write(clock.now())
    assert lock_of(data).text().isdigit() or lock_of(data).text() == ""
    assert on(settings) is None
    assert running([data / "run"]).live == []
    assert locate_redis(settings) is None
    query = LogsQuery.model_validate({})
    assert all(line is not None for line in read_tail(data / "logs", query))
    assert set(workers(data / "logs")) <= {"dashboard", "router"}


@pytest.mark.parametrize("junk", JUNK)
async def test_the_dashboard_runs_and_answers_over_a_folder_that_is_spoilt_throughout(
    tmp_path: Path, redis_url: str, junk: str
) -> None:
    spoil(tmp_path, junk)
    port = free_port()
    environ = child_environment(
        DATA_DIR=str(tmp_path / "local"),
        HALT_FILE=str(tmp_path / "HALT"),
        DASH_PORT=str(port),
        REDIS_URL=redis_url,
    )
    command = [sys.executable, "-m", "keter", "run", "dashboard"]
    said = tmp_path / "said"
    with (
        said.open("wb") as out,
        subprocess.Popen(command, env=environ, stdout=out, stderr=out, cwd=tmp_path) as process,
    ):
        try:

            def get(path: str) -> int:
                assert process.poll() is None, said.read_text()
                try:
                    with urllib.request.urlopen(
                        f"http://127.0.0.1:{port}{path}", timeout=20
                    ) as answer:
                        answer.read()
                        return int(answer.status)
                except urllib.error.HTTPError as e:
                    return e.code
                except OSError:
                    return 0

            await eventually(lambda: get("/healthz") == 200, timeout_s=40)
            for path in (
                "/",
                "/api/status",
                "/api/v1/health",
                "/api/v1/config",
                "/api/v1/logs",
                "/api/v1/alerts",
                "/metrics",
            ):
                assert get(path) not in {0, 500}, f"{path}: {said.read_text()}"
            assert get("/healthz") == 200
        finally:
            process.kill()


@pytest.mark.parametrize(
    "junk", ["Latin-1", "UTF-16 without mark", "directory", "nested", "link to itself"]
)
def test_the_licence_commands_end_with_77_and_dry_starts(tmp_path: Path, junk: str) -> None:
    if junk not in JUNK:
        pytest.skip("not on this system")
    spoil(tmp_path, junk, (".keter_license",))
    environ = child_environment(DATA_DIR=str(tmp_path / "local"))

    def keter(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "keter", *arguments]
        return subprocess.run(
            command,
            env={**environ, **more},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    verified = keter("license", "verify")
    assert (verified.returncode, len(verified.stderr.splitlines())) == (77, 1), verified.stderr
    assert json.loads(keter("license", "show", "--json").stdout)["valid"] is False
    assert keter("up", LICENSE_REQUIRED_FOR="all").returncode == 77
    doctor = keter("doctor", "--json", DASH_PORT=str(free_port()))
    rows = {row["name"]: row["grade"] for row in json.loads(doctor.stdout)}
    assert rows["licence"] in {"ok", "warning"}, "a warning where others may read it"


@pytest.mark.parametrize(
    "name", ["run/keter.pid", "run/redis.json", "run/instance.json", "redis/redis.log"]
)
def test_a_directory_where_a_start_needs_a_file_is_one_sentence(tmp_path: Path, name: str) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("no redis-server on this machine")
    spoil(tmp_path, "directory", (name,))
    environ = child_environment(DATA_DIR=str(tmp_path / "local"), DASH_PORT=str(free_port()))
    done = subprocess.run(
        [sys.executable, "-m", "keter", "up"],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in {69, 78}
    assert name in done.stderr.replace(os.sep, "/")
    assert "Traceback" not in done.stderr
