"""Which Keters run on this machine.

Each lists itself while it runs, so that a command finds it from any folder and user.

A listing is only a hint. It counts while a live process holds the lock of its DATA_DIR.
Listing, lock and record must belong to one user.
So nobody can make another user's command act on files of a third.
"""

import hashlib
import os
import stat
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from keter.errors import ConfigurationError
from keter.settings import Settings, instance_places
from keter.system.file_lock import FileLock
from keter.system.text_files import read_bytes

PREFIX, SUFFIX = "keter-", ".instance.json"
# A home folder may be on a server that does not answer: a halt must not wait for it.
LOOK_DEADLINE_S = 3.0
MOST_BYTES = 16_384
LONGEST_SHOWN = 200


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A running Keter as it describes itself.

    ``redis`` is its address without user and password, empty until it is known.
    """

    pid: int
    data_dir: str
    halt_file: str
    env_file: str | None = None
    redis: str = ""
    prefix: str = ""
    page: str = ""

    def __str__(self) -> str:
        page = f", page {self.page}" if self.page else ""
        return shown(f"process {self.pid}, DATA_DIR {self.data_dir}{page}")


@dataclass(frozen=True, slots=True)
class Found:
    """A Keter that runs. ``owner`` is the number of its user, None on Windows."""

    instance: Instance
    owner: int | None = None


@dataclass(slots=True)
class Survey:
    """What was found on this machine.

    ``closed`` are listings that this user may not look into.
    ``complete`` is False where the search took too long.
    """

    live: list[Found] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    complete: bool = False


def lock_of(data_dir: Path) -> FileLock:
    """Return the lock that a supervisor holds while it runs on ``data_dir``."""
    return FileLock(_lock_file(data_dir))


class Listing:
    """One supervisor's entries: in its own DATA_DIR and in every place that may be written."""

    def __init__(self, settings: Settings, places: Iterable[Path] | None = None) -> None:
        self._instance = _described(settings, os.getpid())
        data_dir = self._instance.data_dir
        digest = hashlib.sha256(data_dir.encode(errors="surrogateescape")).hexdigest()
        name = f"{PREFIX}{digest[:16]}{SUFFIX}"
        folders = instance_places() if places is None else places
        self._files = [_record_of(Path(data_dir)), *(folder / name for folder in folders)]

    def write(self, *, redis: str = "", page: str = "") -> None:
        """Write the entries anew. A place that cannot be written is left out: there are others."""
        self._instance = msgspec.structs.replace(self._instance, redis=redis, page=page)
        text = msgspec.json.encode(self._instance)
        for file in self._files:
            with suppress(OSError):
                _replace(file, text)

    def close(self) -> None:
        """Remove the entries."""
        for file in self._files:
            with suppress(OSError):
                file.unlink(missing_ok=True)


@contextmanager
def listed(settings: Settings) -> Iterator[Listing]:
    """List the supervisor of ``settings``, which holds the lock, while this lasts."""
    listing = Listing(settings)
    listing.write()
    try:
        yield listing
    finally:
        listing.close()


def running(places: Sequence[Path] | None = None, *, deadline_s: float = LOOK_DEADLINE_S) -> Survey:
    """Return every Keter that runs on this machine, as far as this user may look."""
    survey = Survey()
    # In a thread, which can be left behind: no call to a file system takes a deadline.
    thread = threading.Thread(target=_look, args=(survey, places), name="instances", daemon=True)
    thread.start()
    thread.join(deadline_s)
    return Survey(list(survey.live), list(survey.closed), survey.complete)


def on(settings: Settings) -> Found | None:
    """Return the Keter that runs on the DATA_DIR of ``settings``, None if none does.

    Where its record cannot be read, ``settings`` describe it.

    Raises OSError where this user may not look.
    """
    data_dir = settings.mode.data_dir.absolute()
    if not _runs(data_dir):
        return None
    owner = _owner(_lock_file(data_dir))
    instance = _read(_record_of(data_dir), owner) if _may_be_followed(owner) else None
    return Found(instance or _described(settings, int(lock_of(data_dir).text() or 0)), owner)


def shown(text: str) -> str:
    """Return text of another's file as it may go to a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:LONGEST_SHOWN]


def _described(settings: Settings, pid: int) -> Instance:
    return Instance(
        pid=pid,
        data_dir=str(settings.mode.data_dir.absolute()),
        halt_file=str(settings.router.halt_file.absolute()),
        env_file=str(settings.env_file) if settings.env_file is not None else None,
        prefix=settings.redis.redis_key_prefix,
    )


def _look(survey: Survey, places: Sequence[Path] | None) -> None:
    known: set[str] = set()
    for folder in instance_places(of_all=True) if places is None else places:
        try:
            files = sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))
        except OSError:
            continue
        for file in files:
            _add_if_true(file, survey, known)
    survey.complete = True


def _add_if_true(file: Path, survey: Survey, known: set[str]) -> None:
    """Add the Keter that ``file`` lists to ``survey``, if it runs and is not in ``known``."""
    try:
        owner = _owner(file)
        hint = _read_hint(file, owner)
        if hint is None or hint.data_dir in known:
            return
        data_dir = Path(hint.data_dir)
        if (
            not data_dir.is_absolute()
            or not _runs(data_dir)
            or _owner(_lock_file(data_dir)) != owner
        ):
            return
    except PermissionError:
        survey.closed.append(shown(f"{file} of user {_owner(file)}"))
        return
    except (OSError, ValueError):
        return
    known.add(hint.data_dir)
    survey.live.append(Found(_read(_record_of(data_dir), owner) or hint, owner))


def _runs(data_dir: Path) -> bool:
    return lock_of(data_dir).held()


def _lock_file(data_dir: Path) -> Path:
    return data_dir / "run" / "keter.pid"


def _record_of(data_dir: Path) -> Path:
    return data_dir / "run" / "listing.json"


def _owner(file: Path) -> int | None:
    """Return the number of the user whose file it is, None on Windows. Raises OSError."""
    return None if sys.platform == "win32" else file.lstat().st_uid


def _may_be_followed(owner: int | None) -> bool:
    """Return True if this user may do what a file of ``owner`` says.

    A user follows its own files. Root follows any, and then acts with the rights of their user.
    """
    # A stranger's listing could name a file of ours to be written.
    return sys.platform == "win32" or os.geteuid() in {0, owner}


def _read_hint(file: Path, owner: int | None) -> Instance | None:
    if not _may_be_followed(owner):
        raise PermissionError(f"{file} is another user's")
    return _read(file, owner)


def _read(file: Path, owner: int | None) -> Instance | None:
    """Return the record in ``file``, None for one that is missing, spoilt or not of ``owner``.

    Raises PermissionError.
    """
    try:
        if sys.platform != "win32" and (
            file.lstat().st_uid != owner or not stat.S_ISREG(file.lstat().st_mode)
        ):
            return None
        raw = read_bytes(file, most=MOST_BYTES)
        return msgspec.json.decode(raw, type=Instance) if raw is not None else None
    except ConfigurationError as e:
        if isinstance(e.__cause__, PermissionError):
            raise e.__cause__ from None
        return None
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None


def _replace(file: Path, raw: bytes) -> None:
    """Put ``file`` there as a whole, for its user alone.

    Raises OSError.
    """
    # The folder may be open to all: O_EXCL never writes through a link that somebody put there.
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(raw)
    try:
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise
