"""Files that only their owner may read, whatever the umask is.

Every file that Keter writes is opened here.
Windows has no such modes: the rights of the folder hold there.
"""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

FILE_MODE = 0o600
FOLDER_MODE = 0o700
OTHERS = 0o077  # every right of the group and of all others
# A folder of captures holds thousands of files: the first ones are enough for a warning.
MOST_LOOKED_AT = 20_000


def open_private(
    path: Path, mode: str = "w", *, encoding: str | None = "utf-8", newline: str | None = None
) -> IO[Any]:
    """Open a file for writing, as ``open`` does.

    A file that exists already loses the rights of others before anything is written.

    Raises OSError.
    """
    binary = "b" in mode
    file: IO[Any] = open(  # noqa: SIM115 - handed to the caller; Path.open takes no opener
        path, mode, encoding=None if binary else encoding, newline=newline, opener=_opener
    )
    return file


def write_private(path: Path, text: str) -> None:
    """Write a whole text file as UTF-8, its line ends as they are. Raises OSError."""
    with open_private(path, "wb") as file:
        file.write(text.encode())


def replace_private(path: Path, text: str) -> None:
    """Write a whole text file that somebody may be reading: nobody ever reads half of it.

    Raises OSError.
    """
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with open_private(part, "x") as file:
        file.write(text)
    part.replace(path)


def claim(path: Path) -> None:
    """Make an empty private file where there is none.

    This is for a library that opens its files by itself.

    Raises OSError.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))


def make_folder(path: Path) -> None:
    """Make a folder that only its owner may enter, and those above it that are missing.

    Raises OSError.
    """
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            folder.mkdir(exist_ok=True, mode=FOLDER_MODE)


def loose_permissions(path: Path) -> str | None:
    """Return a warning if other users of this machine may read ``path``, else None.

    Return None on Windows and for a missing file.
    """
    if sys.platform == "win32" or not path.exists():
        return None
    if path.stat().st_mode & OTHERS:
        return f"{path} can be read by other users of this machine; run: chmod 600 {path}"
    return None


def loose_below(folder: Path) -> tuple[Path, ...]:
    """Return the files and folders in ``folder``, itself included, that others have rights on.

    Return none on Windows. Looks at MOST_LOOKED_AT files at most.
    """
    if sys.platform == "win32":
        return ()
    return tuple(path for path in islice(_everything(folder), MOST_LOOKED_AT) if _is_loose(path))


def _everything(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.rglob("*")


def _is_loose(path: Path) -> bool:
    try:
        found = path.lstat()
    except OSError:
        # It was removed meanwhile, or we may not look, and then others may not either.
        return False
    return not stat.S_ISLNK(found.st_mode) and bool(found.st_mode & OTHERS)


def _opener(name: str, flags: int) -> int:
    descriptor = os.open(name, flags, FILE_MODE)
    try:
        _tighten(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _tighten(descriptor: int) -> None:
    if sys.platform == "win32":
        return
    found = os.fstat(descriptor)
    # A device or a pipe that was named as the target has rights of its own.
    if stat.S_ISREG(found.st_mode) and found.st_mode & OTHERS:
        with suppress(PermissionError):  # another user's file, which `keter doctor` names
            os.fchmod(descriptor, FILE_MODE)
