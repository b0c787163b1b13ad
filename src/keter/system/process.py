"""What differs between Windows and POSIX in operating-system processes, and only that."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypedDict

from keter.errors import ExitCode
from keter.system.private_files import OTHERS

STANDARD_INPUT = 0
MANY_DESCRIPTORS = 10_240
ORPHAN_GRACE_S = 8.0  # a child without a parent stops by itself within this, or is ended


class SpawnOptions(TypedDict, total=False):
    """Arguments of ``subprocess`` that keep a terminal's Ctrl+C from reaching a child."""

    start_new_session: bool
    creationflags: int


def spawn_options() -> SpawnOptions:
    """Return the arguments that put a child into a process group of its own.

    Only the supervisor decides when and in what order the children stop.
    """
    options: SpawnOptions = {}
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        options["start_new_session"] = True
    return options


class UmaskOption(TypedDict, total=False):
    """Arguments of ``subprocess`` that remove rights from a child's new files."""

    umask: int


def keep_files_private() -> None:
    """Make new files of this process and its children readable for their user only.

    On Windows the rights of the folder hold.
    """
    os.umask(OTHERS)


def raise_descriptor_limit() -> int | None:
    """Let this process and its children open as many files as the system allows.

    Return how many that is, None where there is no limit, as on Windows.
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
    """End this process with ``code`` after ``seconds``, if it has not ended by itself.

    A task that does not end when cancelled, or a thread that does not return, would keep it.
    """

    def leave() -> None:
        threading.Event().wait(seconds)
        os._exit(code)

    threading.Thread(target=leave, name="last-exit", daemon=True).start()


def on_stop_signals(handler: Callable[[], object]) -> None:
    """Call ``handler`` in the main thread when this process is asked to stop.

    That is on Ctrl+C, termination, Ctrl+Break on Windows and hang-up on POSIX.
    A hang-up that was ignored when we were started (``nohup``) stays ignored.
    """
    for name in ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP"):
        number: signal.Signals | None = getattr(signal, name, None)
        if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            continue
        signal.signal(number, lambda *_: handler())


def stop_with_parent(descriptor: int = STANDARD_INPUT) -> None:
    """Make this process stop when standard input ends.

    The parent has its other end and closes it to stop us. The system does when the parent ends.
    The handlers of SIGTERM come first.
    A process that has not stopped after ORPHAN_GRACE_S ends at once.
    """
    # It is the one way to stop a child that is the same on Windows and POSIX and needs no console.
    threading.Thread(
        target=_await_end, args=(descriptor,), name="parent-watch", daemon=True
    ).start()


def _await_end(descriptor: int) -> None:
    # Not through sys.stdin, whose lock held at exit makes Python abort.
    while os.read(descriptor, 64):
        pass
    _terminate_main_thread()
    threading.Event().wait(ORPHAN_GRACE_S)
    os._exit(ExitCode.UNAVAILABLE)


def _terminate_main_thread() -> None:
    if sys.platform == "win32":
        # Runs the handler. The event loop's wake-up socket wakes the main thread.
        signal.raise_signal(signal.SIGTERM)
    else:
        main = threading.main_thread().ident
        if main is not None:
            # A signal to this thread would not end a wait of the main thread.
            signal.pthread_kill(main, signal.SIGTERM)


def private_umask() -> UmaskOption:
    """Return the argument that makes a child's files readable for its user only.

    Return nothing on Windows, which has no such argument.
    """
    return {} if sys.platform == "win32" else {"umask": OTHERS}


@contextmanager
def acting_as(user: int | None) -> Iterator[None]:
    """Act with the rights of ``user`` and no more, where root acts for another user.

    Changes nothing for anybody else, nor on Windows.
    It concerns every thread of the process.
    Nothing may be imported meanwhile, since Python's own files may be root's.

    Raises OSError where root may not change its user.
    """
    # With their own rights, a user's files cannot lead root elsewhere, and new files are theirs.
    if sys.platform == "win32" or user is None or user == 0 or os.geteuid() != 0:
        yield
        return
    group, groups = _groups_of(user)
    before = os.getegid(), os.getgroups()
    os.setgroups(groups)
    os.setegid(group)
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[0])
        os.setgroups(before[1])


def _groups_of(user: int) -> tuple[int, list[int]]:
    """Return a user's own group and all of its groups.

    For a user without a name, as in a container, that is its own number alone.
    """
    import pwd  # POSIX only

    try:
        entry = pwd.getpwuid(user)
    except KeyError:
        return user, [user]
    return entry.pw_gid, os.getgrouplist(entry.pw_name, entry.pw_gid)
