"""A running Keter is found from anywhere; what only claims to run, or is another user's, is not
acted on.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keter.settings import Settings, load_settings
from keter.supervision.instances import (
    Listing,
    listed,
    on,
    running,
)

root_only = pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0,
    reason="needs root, which may give files to another user",
)
NOBODY = 65534


def settings_in(folder: Path, **values: str) -> Settings:
    folder.mkdir(exist_ok=True)
    file = folder / ".env"
    file.write_text(
        "".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8"
    )
    return load_settings(file, {})


@contextmanager
def holding(settings: Settings) -> Iterator[None]:
    """Another process holds the lock of a supervisor."""
    code = "import sys; from pathlib import Path; from keter.supervision.instances import lock_of\n"
    code += (
        "lock = lock_of(Path(sys.argv[1])); assert lock.acquire('4711'); print(flush=True);"
        " sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(settings.mode.data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"\n"
        yield
        child.communicate(timeout=10)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "places"


def test_what_lives_and_is_listed_is_found_with_all_that_a_command_needs(
    tmp_path: Path, place: Path
) -> None:
    settings = settings_in(tmp_path / "a", HALT_FILE="stop/HALT")
    with holding(settings):
        listing = Listing(settings, [place])
        listing.write(redis="redis://127.0.0.1:1/0", page="http://127.0.0.1:2")
        [found] = running([place]).live
        assert found.instance.data_dir == str(tmp_path / "a" / "local")
        assert found.instance.halt_file == str(tmp_path / "a" / "stop" / "HALT")
        assert found.instance.env_file == str(tmp_path / "a" / ".env")
        assert found.instance.redis == "redis://127.0.0.1:1/0"
        listing.close()
        assert running([place]).live == []


def test_a_listing_whose_supervisor_is_gone_counts_for_nothing(tmp_path: Path, place: Path) -> None:
    settings = settings_in(tmp_path / "a")
    with holding(settings):
        Listing(settings, [place]).write()
    assert list(place.iterdir()) != []
    assert running([place]).live == []
    assert on(settings) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b"{}",
        b"[" * 10_000,
        b'{"pid": "x"}',
        b"\0" * 100,
        b"x" * 100_000,
        b'"data_dir"',
    ],
    ids=["empty", "cut UTF-16", "no field", "nested", "wrong kind", "NULs", "large", "text"],
)
def test_a_listing_of_any_bytes_harms_nobody(tmp_path: Path, place: Path, raw: bytes) -> None:
    settings = settings_in(tmp_path / "a")
    with holding(settings):
        Listing(settings, [place]).write()
        (place / "keter-0.instance.json").write_bytes(raw)
        assert len(running([place]).live) == 1
        (settings.mode.data_dir / "run" / "listing.json").write_bytes(raw)
        assert len(running([place]).live) == 1
        found = on(settings)
        assert found is not None
        assert (found.instance.halt_file, found.instance.pid) == (
            str(tmp_path / "a" / "HALT"),
            4711,
        )


def test_a_folder_and_a_pipe_in_place_of_a_listing_do_not_hold_the_look_up(place: Path) -> None:
    place.mkdir()
    (place / "keter-1.instance.json").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(place / "keter-2.instance.json")
    assert (running([place]).live, running([place]).complete) == ([], True)


def test_a_place_that_does_not_answer_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "glob", lambda *_: __import__("time").sleep(5) or [])
    assert running([tmp_path], deadline_s=0.05).complete is False


@root_only
def test_a_listing_that_points_at_another_users_keter_is_not_followed(
    tmp_path: Path, place: Path
) -> None:
    """Whoever may write into a shared folder could name any file there as the one to be written."""
    settings = settings_in(tmp_path / "a")
    with holding(settings):
        Listing(settings, [place]).write()
        [file] = place.iterdir()
        lie = json.loads(file.read_bytes()) | {"halt_file": "/etc/nologin"}
        (settings.mode.data_dir / "run" / "listing.json").unlink()
        file.write_text(json.dumps(lie))
        os.chown(file, NOBODY, NOBODY)
        assert running([place]).live == []


@root_only
def test_one_who_is_not_root_follows_no_listing_of_another_user(
    tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_in(tmp_path / "a")
    with holding(settings):
        Listing(settings, [place]).write()
        monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
        seen = running([place])
        assert seen.live == []
        assert "of user 0" in seen.closed[0]


def test_a_record_is_for_its_user_alone_and_never_written_through_a_link(
    tmp_path: Path, place: Path
) -> None:
    settings = settings_in(tmp_path / "a")
    (settings.mode.data_dir / "run").mkdir(parents=True)
    Listing(settings, [place]).write()
    [file] = place.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    file.unlink()
    victim = tmp_path / "victim"
    victim.write_text("kept")
    file.symlink_to(victim)
    Listing(settings, [place]).write()
    assert (victim.read_text(), file.is_symlink()) == ("kept", False)


def test_a_supervisor_that_cannot_be_listed_runs_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = settings_in(tmp_path / "a")
    Listing(settings, [tmp_path / "file" / "below"]).write()
    with listed(settings):
        pass
