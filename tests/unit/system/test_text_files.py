"""A text file of an operator's is read whatever wrote it, or is told in one sentence."""

import os
import sys
from pathlib import Path

import pytest

from keter.errors import ExitCode
from keter.system.text_files import UnreadableFileError, is_present, read_bytes, read_text


@pytest.mark.parametrize(
    "raw",
    [
        b"caf\xc3\xa9",
        b"\xef\xbb\xbfcaf\xc3\xa9",
        "café".encode("utf-16"),
        b"\xfe\xff" + "café".encode("utf-16-be"),
    ],
)
def test_text_of_windows_and_of_everybody_else_is_read(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a").write_bytes(raw)
    assert read_text(tmp_path / "a") == "café"


@pytest.mark.parametrize(
    "raw", [b"caf\xe9", "café".encode("utf-16-le"), b"a\0b", b"\xff\xfe\x00", b"\x80" * 10]
)
def test_what_is_no_text_is_one_sentence(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(
        UnreadableFileError, match="a cannot be read: it is not UTF-8 text; save it as UTF-8"
    ) as caught:
        read_text(tmp_path / "a")
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_what_is_no_file_too_large_or_not_there(tmp_path: Path) -> None:
    assert read_text(tmp_path / "none") is None
    (tmp_path / "large").write_bytes(b"x" * 101)
    assert read_text(tmp_path / "none" / "below") is None
    with pytest.raises(UnreadableFileError, match="larger than 100 bytes"):
        read_bytes(tmp_path / "large", most=100)
    with pytest.raises(UnreadableFileError, match="directory"):
        read_text(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UnreadableFileError, match="no ordinary file"):
            read_text(tmp_path / "pipe")
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        read_text(Path("a\0b"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_anything_of_that_name_is_present_and_so_is_what_nobody_can_tell(tmp_path: Path) -> None:
    assert not is_present(tmp_path / "none")
    (tmp_path / "link").symlink_to(tmp_path / "none")
    (tmp_path / "folder").mkdir()
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert [
        is_present(path) for path in (tmp_path / "link", tmp_path / "folder", loop / "below")
    ] == [True] * 3


def test_what_is_before_the_start_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"xyz")
    assert read_text(tmp_path / "a", start=1) == "yz"
    assert read_bytes(tmp_path / "a", start=5) == b""
