"""Where things are: the ``.env`` in use, what a relative path starts at, where running instances
are listed.

The environment comes as an argument: only ``keter.settings`` reads it.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from keter.errors import ConfigurationError
from keter.system.text_files import UnreadableFileError, read_text

ENV_FILE = "KETER_ENV_FILE"  # names the file in use; empty: only the current folder's counts
# Names the one folder in which running instances are listed, instead of the usual ones
INSTANCES = "KETER_INSTANCES"
_LOCAL_LEDGER = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]+)(.*)", re.DOTALL)


def env_file_in_use(
    environ: Mapping[str, str], checkouts: Iterable[Path] | None = None
) -> Path | None:
    """The file that KETER_ENV_FILE names, else the current folder's ``.env``, else that of the
    checkout; None without any.

    Raises ConfigurationError when the file that is named does not exist.
    """
    named = environ.get(ENV_FILE)
    if named:
        path = rooted(ENV_FILE, named, Path.cwd())
        if not os.path.lexists(path):
            raise ConfigurationError(f"{ENV_FILE} names {path}, which does not exist")
        return path
    here = Path(".env")
    if os.path.lexists(here):
        return here
    if named is not None:
        return None
    files = (folder / ".env" for folder in (_checkouts() if checkouts is None else checkouts))
    return next((file for file in files if os.path.lexists(file)), None)


def _checkouts() -> Iterator[Path]:
    """The folders of Keter's sources that this very program may have been installed from."""
    folders = [Path(__file__).resolve().parents[3]]
    # In a virtual environment, which start.sh makes in the checkout.
    if sys.prefix != sys.base_prefix:
        folders.insert(0, Path(sys.prefix).absolute().parent)
    for folder in folders:
        try:
            project = read_text(folder / "pyproject.toml") or ""
        except UnreadableFileError:
            continue
        if re.search(r'^name\s*=\s*"keter"', project, re.MULTILINE):
            yield folder


def rooted(name: str, text: str, folder: Path) -> Path:
    """``text`` as an absolute path: ``~`` is the home folder, a relative one starts at ``folder``.

    Raises ConfigurationError for text that is no path.
    """
    text = text.strip()
    if not text or not text.isprintable() or text[0] in "\"'$%":
        raise ConfigurationError(
            f"wrong settings: {name} must be a path such as local or /srv/keter; quotes and"
            " variables are not part of it"
        )
    try:
        return folder.absolute() / Path(text).expanduser()
    except RuntimeError:
        raise ConfigurationError(
            f"wrong settings: {name} begins with ~ and there is no such home folder"
        ) from None


def rooted_ledger(url: str, folder: Path) -> str:
    """A SQLite address whose file is given relatively, with its file below ``folder``; any other as
    it is.
    """
    found = _LOCAL_LEDGER.fullmatch(url.strip())
    if found is None or found[2].startswith(":memory:") or Path(found[2]).is_absolute():
        return url
    # The folder's own name may hold what means something in an address.
    start = quote(folder.absolute().as_posix(), safe="/:")
    return f"{found[1]}{start}/{found[2]}{found[3]}"


def places(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Folders in which this user's instances are listed: one of its own, then those that all users
    of the machine share.
    """
    if named := environ.get(INSTANCES):
        return (Path(named).absolute(),)
    own = state_folder(environ)
    return (*((own,) if own is not None else ()), *_shared_folders(environ))


def places_of_others(environ: Mapping[str, str]) -> Iterator[Path]:
    """Where the other users list theirs; only root can look there."""
    if sys.platform == "win32" or environ.get(INSTANCES) or os.geteuid() != 0:
        return
    import pwd  # POSIX only

    for home in sorted({entry.pw_dir for entry in pwd.getpwall()}):
        if (folder := state_folder({}, Path(home))) is not None:
            yield folder


def state_folder(environ: Mapping[str, str], home: Path | None = None) -> Path | None:
    """Where a user's programs keep what is no document and no setting; None for a user without a
    home folder.
    """
    if sys.platform == "win32":
        named, default = environ.get("LOCALAPPDATA"), "AppData/Local"
    else:
        named, default = environ.get("XDG_STATE_HOME"), ".local/state"
    if named and home is None:
        return Path(named).absolute() / "keter"
    try:
        return (home or Path.home()) / default / "keter"
    except RuntimeError:
        return None


def _shared_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    if sys.platform == "win32":
        return (Path(environ.get("PROGRAMDATA") or "C:/ProgramData") / "Keter",)
    # The service makes /run/keter; the two others are open to all. A service may have a /tmp of its
    # own, so not there.
    shared = (Path("/run/keter"), Path("/run/lock"), Path("/var/tmp"))  # noqa: S108 - files there are made and read with care
    return tuple(folder for folder in shared if folder.is_dir())
