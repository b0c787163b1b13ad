"""Everything about operating-system processes that differs between Windows and POSIX, and only that."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypedDict

from keter.errors import ExitCode

STANDARD_INPUT = 0
MANY_DESCRIPTORS = 10_240
ORPHAN_GRACE_S = 8.0  # a child whose parent is gone stops properly within this, or at once after it


class SpawnOptions(TypedDict, total=False):
    """Arguments of ``subprocess`` that keep a terminal's Ctrl+C from reaching a child."""

    start_new_session: bool
    creationflags: int


def spawn_options() -> SpawnOptions:
    """Children stand in a group of their own: only the supervisor decides when and in what order they stop."""
    options: SpawnOptions = {}
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        options["start_new_session"] = True
    return options


def keep_files_private() -> None:
    """What this process and its children make from now on, only their user may read; Windows goes by the folder's rights."""
    os.umask(0o077)


def raise_descriptor_limit() -> int | None:
    """Lets this process and its children open as many files and connections as the system allows; how many that is.

    None where there is no such limit (Windows) or it is not told.
    """
    if sys.platform == "win32":
        return None
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A system that allows any number (macOS) still refuses more than this one.
    wanted = hard if hard != resource.RLIM_INFINITY else max(soft, MANY_DESCRIPTORS)
    if wanted > soft:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft if soft != resource.RLIM_INFINITY else None


def leave_within(seconds: float, code: int) -> None:
    """Makes sure that this process ends: with ``code`` after ``seconds``, if it has not left by itself.

    A task that does not end when cancelled, or a thread that does not return, would keep it for ever.
    """

    def leave() -> None:
        threading.Event().wait(seconds)
        os._exit(code)

    threading.Thread(target=leave, name="last-exit", daemon=True).start()


def on_stop_signals(handler: Callable[[], object]) -> None:
    """Calls ``handler`` in the main thread on Ctrl+C, termination, Ctrl+Break (Windows) and hang-up (POSIX).

    A hang-up that was ignored when we were started (``nohup``) stays ignored.
    """
    for name in ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP"):
        number: signal.Signals | None = getattr(signal, name, None)
        if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            continue
        signal.signal(number, lambda *_: handler())


def stop_with_parent(descriptor: int = STANDARD_INPUT) -> None:
    """Makes this process stop when standard input ends: our parent holds its other end, closes it to stop us, or dies.

    It is the one way to stop a child that is the same on Windows and POSIX and needs no console. The ordinary stop comes
    first (the handlers of SIGTERM); what has not stopped after ORPHAN_GRACE_S ends at once.
    """
    threading.Thread(target=_await_end, args=(descriptor,), name="parent-watch", daemon=True).start()


def _await_end(descriptor: int) -> None:
    while os.read(descriptor, 64):  # not through sys.stdin, whose lock held at exit makes Python abort
        pass
    _terminate_main_thread()
    threading.Event().wait(ORPHAN_GRACE_S)
    os._exit(ExitCode.UNAVAILABLE)


def _terminate_main_thread() -> None:
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGTERM)  # runs the handler; the event loop's wake-up socket rouses the main thread
    else:
        main = threading.main_thread().ident
        if main is not None:
            signal.pthread_kill(main, signal.SIGTERM)  # a signal to this thread would not end a wait of the main one


class FileLock:
    """A file that one process at a time may hold; the system lets go of it when the holder dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[Any] | None = None

    def acquire(self, text: str) -> bool:
        """Takes the lock and writes ``text`` into the file; False when another process holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._path.open("a+", encoding="utf-8")
        if not _try_lock(file):
            file.close()
            return False
        file.seek(0)
        file.truncate()
        file.write(text)
        file.flush()
        self._file = file
        return True

    def text(self) -> str:
        """What the holder wrote; empty when the file is missing."""
        return self._path.read_text(encoding="utf-8") if self._path.exists() else ""

    def release(self) -> None:
        """Lets go and empties the file. It stays: removing it would let two holders lock two files of one name."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None


LOCK_OFFSET = 1 << 30  # Windows locks a range and forbids reading it: one byte far behind the text


def _try_lock(file: IO[Any]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(LOCK_OFFSET)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
