"""Read small text files that an operator, an editor or another program wrote in any way.

A file may be missing, no file, too large, or no UTF-8.
The error for what cannot be read is one sentence.
"""

import codecs
import os
import stat
from pathlib import Path

from keter.errors import ConfigurationError

MOST_BYTES = 1 << 20  # settings, licences and marks are a few kB: more is no text of ours
# What Windows' editors and shells write before UTF-16.
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableFileError(ConfigurationError):
    """A text file is there and cannot be read. The message names it and says why."""


def read_text(path: Path, *, most: int = MOST_BYTES, start: int = 0) -> str | None:
    """Return the text of ``path`` from byte ``start`` on, or None if there is no such file.

    A byte order mark is left out.

    Raises UnreadableFileError for what is no ordinary file, is closed to this user, has more than
    ``most`` bytes, or is neither UTF-8 nor UTF-16 text.
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
    """Return the bytes of ``path`` from ``start`` on, or None if there is no such file.

    Raises as ``read_text``.
    """
    # O_NONBLOCK: a pipe in its place must not block us.
    # O_BINARY: Windows changes line ends otherwise.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as e:  # ValueError: no file can have this name
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
    """Return True if anything has this name, also a folder or a link that leads nowhere.

    Return True also when the file system refuses to say: a stop must not depend on permissions.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return True
