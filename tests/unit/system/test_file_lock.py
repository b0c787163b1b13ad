"""One process holds the lock, the system releases it at its death, and a look changes nothing."""

import os
import subprocess
import sys
from pathlib import Path

import filelock
import pytest

from keter.errors import ConfigurationError
from keter.system.file_lock import FileLock

HOLD = (
    "import subprocess, sys; from pathlib import Path\n"
    "from keter.system.file_lock import FileLock\n"
    "lock = FileLock(Path(sys.argv[1])); assert lock.acquire('4711')\n"
)
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights and signals")


def start(path: Path, then: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", HOLD + then, str(path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"ready\n"
    return child


def test_a_look_at_the_lock_makes_nothing_and_lets_others_take_it(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "none" / "pid")
    assert lock.held() is False
    assert list(tmp_path.iterdir()) == []
    mine = FileLock(tmp_path / "pid")
    assert mine.acquire("1")
    assert FileLock(tmp_path / "pid").held() is True
    mine.release()
    assert FileLock(tmp_path / "pid").held() is False
    assert FileLock(tmp_path / "pid").acquire("2")


def test_another_process_sees_who_holds_it_and_cannot_take_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "pid"
    with start(path, "print('ready', flush=True); sys.stdin.read()") as child:
        other = FileLock(path)
        assert other.held()
        assert other.text() == "4711"
        assert not other.acquire("1", patience_s=0.05)
        assert other.text() == "4711"
        child.communicate()
    assert other.acquire("1")
    other.release()
    assert path.exists()
    assert other.text() == ""


def test_the_death_of_the_holder_releases_it_also_while_its_children_live(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    orphan = "import sys; sys.stdin.read()"
    then = f"subprocess.Popen([sys.executable, '-c', {orphan!r}]); print('ready', flush=True)\n"
    with start(path, then + "import time; time.sleep(60)") as child:
        child.kill()
        child.wait()
        assert not FileLock(path).held()
        assert FileLock(path).text() == "4711"
        assert FileLock(path).acquire("1")


@posix
def test_a_file_that_may_only_be_read_can_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.touch()
    path.chmod(0o400)
    assert not FileLock(path).held()
    held = os.open(path, os.O_RDONLY)
    try:
        assert filelock.lock_descriptor(held, blocking=False)
        assert FileLock(path).held()
    finally:
        os.close(held)


@posix
def test_what_is_no_file_is_held_by_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "link", "folder", "folder/none", "pipe/below"):
        assert not FileLock(tmp_path / name).held(), name
    with pytest.raises(ConfigurationError, match="cannot be used"):
        FileLock(tmp_path / "folder").acquire("1")
