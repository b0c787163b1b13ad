"""Which Keters run on this machine: each lists itself while it lives, so that a command finds it
from any folder and user.

A listing is a hint and nothing more. It counts only while a live process holds the lock of its
DATA_DIR. Listing, lock and record must belong to one user: nobody can make another user's command
act on what is not theirs.
"""

import hashlib
import os
import stat
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import msgspec

from keter.errors import ConfigurationError
from keter.settings import Settings, instance_places
from keter.system.file_lock import FileLock
from keter.system.text_files import read_bytes

PREFIX, SUFFIX = "keter-", ".instance.json"
# A home folder may lie on a server that does not answer; a halt must not wait for it.
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
    """A Keter that lives. ``owner`` is the number of its user, None on Windows."""

    instance: Instance
    owner: int | None = None


@dataclass(slots=True)
class Seen:
    """What was found on this machine. ``closed`` are listings that this user may not look into."""

    live: list[Found] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    complete: bool = False


class Wish(Enum):
    """What kind of command asks: it decides what is right where it is not clear which Keter is
    meant.
    """

    HALT = "halt"
    STOP = "stop"  # pause, reduce, disarm: never makes more bets
    START = "start"  # resume, arm, limit: may lead to bets
    LOOK = "look"


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a command acts on; nobody where none lives.

    ``refusal`` says why it must not act at all.
    """

    targets: tuple[Found, ...] = ()
    refusal: str | None = None


def choose(wish: Wish, own: Found | None, live: Sequence[Found], named: Settings | None) -> Choice:
    """Whom to act on: the Keter of the settings in use, else the only one that lives.

    Where several do, a halt stops all of them and anything else is refused with their list.
    ``named`` are the settings in use. Where they were chosen and are not the living one's, what may
    start bets is refused, and a look is a look at them.
    """
    if own is not None:
        return Choice((own,))
    if wish is Wish.LOOK and named is not None and _was_chosen(named):
        return Choice()
    if wish is Wish.HALT or not live:
        return Choice(tuple(live))
    if len(live) > 1:
        return Choice(
            refusal=(
                "several Keters run and the settings here name none of them;"
                f" {_how_to_choose(live)}"
            )
        )
    (only,) = live
    if (
        wish is Wish.START
        and named is not None
        and _was_chosen(named)
        and named.env_file != _file(only)
    ):
        return Choice(
            refusal=(
                f"no Keter runs on {named.mode.data_dir}, another one does; {_how_to_choose(live)}"
            )
        )
    return Choice((only,))


def _was_chosen(settings: Settings) -> bool:
    """Whether somebody said which Keter is meant: by a ``.env`` or a DATA_DIR of its own."""
    return settings.env_file is not None or settings.sources.get("DATA_DIR") == "environment"


def _how_to_choose(live: Sequence[Found]) -> str:
    found = "; ".join(f"{one.instance} ({_file(one) or 'no .env'})" for one in live)
    return f"go to the folder of its .env or set KETER_ENV_FILE to it: {found}"


def _file(found: Found) -> Path | None:
    return Path(found.instance.env_file) if found.instance.env_file is not None else None


def lock_of(data_dir: Path) -> FileLock:
    """What a supervisor holds while it runs on ``data_dir``."""
    return FileLock(data_dir / "run" / "keter.pid")


class Listing:
    """One supervisor's entries: in its own DATA_DIR and in every place that may be written."""

    def __init__(self, settings: Settings, places: Iterable[Path] | None = None) -> None:
        data_dir = settings.mode.data_dir.absolute()
        self._instance = Instance(
            pid=os.getpid(),
            data_dir=str(data_dir),
            halt_file=str(settings.router.halt_file.absolute()),
            env_file=str(settings.env_file) if settings.env_file is not None else None,
            prefix=settings.redis.redis_key_prefix,
        )
        name = f"{PREFIX}{hashlib.sha256(str(data_dir).encode(errors='surrogateescape')).hexdigest()[:16]}{SUFFIX}"
        folders = instance_places() if places is None else places
        self._files = [_record_of(data_dir), *(folder / name for folder in folders)]

    def tell(self, *, redis: str = "", page: str = "") -> None:
        """Write the entries anew. A place that cannot be written is left out: there are others."""
        self._instance = msgspec.structs.replace(self._instance, redis=redis, page=page)
        text = msgspec.json.encode(self._instance)
        for file in self._files:
            with suppress(OSError):
                _replace(file, text)

    def close(self) -> None:
        """Take the entries back."""
        for file in self._files:
            with suppress(OSError):
                file.unlink(missing_ok=True)


@contextmanager
def listed(settings: Settings) -> Iterator[Listing]:
    """The supervisor of ``settings``, which holds the lock, is listed while this lasts."""
    listing = Listing(settings)
    listing.tell()
    try:
        yield listing
    finally:
        listing.close()


def running(places: Sequence[Path] | None = None, *, deadline_s: float = LOOK_DEADLINE_S) -> Seen:
    """Every Keter that lives on this machine, as far as this user may look."""
    seen = Seen()
    # In a thread, which can be left behind: no call to a file system takes a deadline.
    thread = threading.Thread(target=_look, args=(seen, places), name="instances", daemon=True)
    thread.start()
    thread.join(deadline_s)
    return Seen(list(seen.live), list(seen.closed), seen.complete)


def on(settings: Settings) -> Found | None:
    """The Keter that runs on the DATA_DIR of ``settings``, None when none does.

    Where its record cannot be read, what ``settings`` say is taken for it.
    """
    data_dir = settings.mode.data_dir.absolute()
    if not _lives(data_dir):
        return None
    owner = _owner(data_dir / "run" / "keter.pid")
    instance = (
        _read(_record_of(data_dir), owner) if _may_be_followed(owner) else None
    ) or Instance(
        pid=int(lock_of(data_dir).text() or 0),
        data_dir=str(data_dir),
        halt_file=str(settings.router.halt_file.absolute()),
        env_file=str(settings.env_file) if settings.env_file is not None else None,
        prefix=settings.redis.redis_key_prefix,
    )
    return Found(instance, owner)


def shown(text: str) -> str:
    """Text of another's file as it may go to a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:LONGEST_SHOWN]


def _look(seen: Seen, places: Sequence[Path] | None) -> None:
    known: set[str] = set()
    for folder in instance_places(of_all=True) if places is None else places:
        try:
            files = sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))
        except OSError:
            continue
        for file in files:
            _weigh(file, seen, known)
    seen.complete = True


def _weigh(file: Path, seen: Seen, known: set[str]) -> None:
    """Add what ``file`` speaks of to ``seen``, if it is true and new."""
    try:
        owner = _owner(file)
        hint = _read_hint(file, owner)
        if hint is None or hint.data_dir in known:
            return
        data_dir = Path(hint.data_dir)
        if (
            not data_dir.is_absolute()
            or not _lives(data_dir)
            or _owner(data_dir / "run" / "keter.pid") != owner
        ):
            return
    except PermissionError:
        seen.closed.append(shown(f"{file} of user {_owner(file)}"))
        return
    except (OSError, ValueError):
        return
    known.add(hint.data_dir)
    seen.live.append(Found(_read(_record_of(data_dir), owner) or hint, owner))


def _lives(data_dir: Path) -> bool:
    return lock_of(data_dir).held()


def _record_of(data_dir: Path) -> Path:
    return data_dir / "run" / "listing.json"


def _owner(file: Path) -> int | None:
    """The number of the user whose file it is; None on Windows, which has none. Raises OSError."""
    return None if sys.platform == "win32" else file.lstat().st_uid


def _may_be_followed(owner: int | None) -> bool:
    """Whether this user may do what a file of ``owner`` says: its own files, or any where root acts
    with their user's rights.

    Else a stranger's listing could name a file of ours to be written.
    """
    return sys.platform == "win32" or os.geteuid() in {0, owner}


def _read_hint(file: Path, owner: int | None) -> Instance | None:
    if not _may_be_followed(owner):
        raise PermissionError(f"{file} is another user's")
    return _read(file, owner)


def _read(file: Path, owner: int | None) -> Instance | None:
    """A record of ``owner``'s; None for a missing, foreign or senseless one.

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
    """Put ``file`` there as a whole, for its user alone; never through a link that somebody laid
    there.

    Raises OSError.
    """
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
