"""Reads small text files that an operator, an editor or another program may have written in any
way.

A file is never trusted to be there, to be a file, to be small or to be UTF-8. What cannot be read
is one sentence.
"""

import codecs
import os
import stat
from pathlib import Path

from keter.errors import ConfigurationError

MOST_BYTES = 1 << 20  # settings, licences and marks are a few kB; more is not a text of ours
# What Windows' editors and shells write before UTF-16.
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableFileError(ConfigurationError):
    """A text file is there and cannot be read; the message names it and why."""


def read_text(path: Path, *, most: int = MOST_BYTES, start: int = 0) -> str | None:
    """The text of ``path``, without a byte order mark; None when there is none.

    Raises UnreadableFileError for what is no ordinary file, is closed to this user, is too large,
    or is neither UTF-8 nor UTF-16 text.
    """
    raw = read_bytes(path, most=most, start=start)
    if raw is None:
        return None
    try:
        text = raw.decode("utf-16" if raw.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # also UTF-16 without its mark
        raise UnreadableFileError(f"{path} cannot be read: it is not UTF-8 text; save it as UTF-8")
    return text


def read_bytes(path: Path, *, most: int = MOST_BYTES, start: int = 0) -> bytes | None:
    """The bytes of ``path``; None when there is none. Raises as ``read_text``."""
    # O_NONBLOCK: a pipe in its place must not hold the reader. O_BINARY: Windows changes line ends
    # otherwise.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as e:  # ValueError: a name that can be none
        raise _unreadable(path, e) from e
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a directory" if stat.S_ISDIR(mode) else "no ordinary file"
        raise UnreadableFileError(f"{path} cannot be read: it is {kind}")
    try:
        with os.fdopen(descriptor, "rb") as file:
            file.seek(start)
            raw = file.read(most + 1)
    except OSError as e:
        raise _unreadable(path, e) from e
    if len(raw) > most:
        raise UnreadableFileError(f"{path} cannot be read: it is larger than {most} bytes")
    return raw


def _unreadable(path: Path, error: Exception) -> UnreadableFileError:
    return UnreadableFileError(
        f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
    )


def is_present(path: Path) -> bool:
    """Whether anything has this name, be it a folder or a link that leads nowhere.

    True also when the file system refuses to say: a stop must not depend on permissions.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True
