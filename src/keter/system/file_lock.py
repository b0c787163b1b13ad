"""A lock file that one process holds and others look at.

The lock itself is ``filelock.lock_descriptor``.
Its ``FileLock`` class is not used: it opens and makes the file by itself.
A look must not make a file, and must work on one that this user may only read.
"""

import errno
import os
import stat
import sys
import time
from pathlib import Path
from typing import IO, Any

from filelock import lock_descriptor

from keter.errors import ConfigurationError
from keter.system.private_files import make_folder, open_private
from keter.system.text_files import read_text

LOCK_POLL_S = 0.02
LONGEST_PID = 10
# On Windows the lock is on the first byte, which nobody else can read then: the text follows it.
TEXT_START = 1 if sys.platform == "win32" else 0


class FileLock:
    """A file that one process at a time may hold.

    The system releases it when the holder ends, however it ends.
    Children do not inherit it: Python opens its files for this process alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[Any] | None = None

    def acquire(self, text: str, *, patience_s: float = 0) -> bool:
        """Take the lock and write ``text`` into the file.

        Return False if another process holds it for ``patience_s``.

        Raises ConfigurationError for a file that cannot be used.
        """
        try:
            make_folder(self._path.parent)
            file = open_private(self._path, "a+")
        except OSError as e:
            raise ConfigurationError(
                f"{self._path} cannot be used: {e.strerror or e}; move it away"
            ) from e
        deadline = time.monotonic() + patience_s
        while not _try_lock(file.fileno()):
            if time.monotonic() >= deadline:
                file.close()
                return False
            time.sleep(LOCK_POLL_S)
        file.seek(0)
        file.truncate()
        file.write(" " * TEXT_START + text)
        file.flush()
        self._file = file
        return True

    def held(self) -> bool:
        """Return True if a live process holds the lock.

        Makes no file and changes none. Raises OSError where this user may not look.
        """
        descriptor = self._open_to_look()
        if descriptor is None:
            return False
        try:
            return stat.S_ISREG(os.fstat(descriptor).st_mode) and not _try_lock(descriptor)
        finally:
            os.close(descriptor)  # also gives back the lock if it was free

    def _open_to_look(self) -> int | None:
        # O_NONBLOCK: a pipe in its place must not block us. O_NOFOLLOW: a link is no lock of ours.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        try:
            return os.open(self._path, flags)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as e:
            if e.errno == errno.ELOOP:
                return None
            raise

    def text(self) -> str:
        """Return the process id that the holder wrote as text.

        Return an empty string if the file is missing or holds anything else.
        """
        try:
            text = (read_text(self._path, start=TEXT_START) or "").strip()
        except ConfigurationError:
            return ""
        return text if text.isascii() and text.isdigit() and len(text) <= LONGEST_PID else ""

    def release(self) -> None:
        """Release the lock and empty the file. The file stays."""
        # Removing it would let two holders lock two files of one name.
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


def _try_lock(descriptor: int) -> bool:
    """Return False if the lock is held, or if the file system has no locks."""
    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError:
        return False
