"""Where things are: the ``.env`` in use, relative paths, the listings of running instances.

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

# Names the ``.env`` in use. Empty, only the current folder's counts.
ENV_FILE = "KETER_ENV_FILE"
# Names the one folder in which running instances are listed, instead of the usual ones.
INSTANCES = "KETER_INSTANCES"
_LOCAL_LEDGER = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]+)(.*)", re.DOTALL)


def env_file_in_use(
    environ: Mapping[str, str], checkouts: Iterable[Path] | None = None
) -> Path | None:
    """Return the file that KETER_ENV_FILE names, else the ``.env`` of the current folder.

    Return that of the checkout without either, and None without any.

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
    """Yield the folders of Keter's sources that this very program may be installed from."""
    folders = [Path(__file__).resolve().parents[3]]
    # A virtual environment, which start.sh makes in the checkout.
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
    """Return ``text`` as an absolute path.

    ``~`` is the home folder, a relative path starts at ``folder``.

    Raises ConfigurationError, with the setting's ``name``, for text that is no path.
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
    """Return a SQLite address with a relative file as one with the file below ``folder``.

    Return any other address as it is.
    """
    found = _LOCAL_LEDGER.fullmatch(url.strip())
    if found is None or found[2].startswith(":memory:") or Path(found[2]).is_absolute():
        return url
    # The folder's own name may have characters with a meaning in an address.
    start = quote(folder.absolute().as_posix(), safe="/:")
    return f"{found[1]}{start}/{found[2]}{found[3]}"


def places(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the folders in which this user's instances are listed.

    They are one of its own, then those that all users of the machine share.
    """
    if named := environ.get(INSTANCES):
        return (Path(named).absolute(),)
    own = state_folder(environ)
    return (*((own,) if own is not None else ()), *_shared_folders(environ))


def places_of_others(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folders in which the other users list theirs. Only root can look there."""
    if sys.platform == "win32" or environ.get(INSTANCES) or os.geteuid() != 0:
        return
    import pwd  # POSIX only

    for home in sorted({entry.pw_dir for entry in pwd.getpwall()}):
        if (folder := state_folder({}, Path(home))) is not None:
            yield folder


def state_folder(environ: Mapping[str, str], home: Path | None = None) -> Path | None:
    """Return where a user's programs keep what is no document and no setting.

    Return None for a user without a home folder.
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
    # The service makes /run/keter, the two others are open to all.
    # Not /tmp: a service may have one of its own.
    shared = (Path("/run/keter"), Path("/run/lock"), Path("/var/tmp"))  # noqa: S108 - files there are created exclusively
    return tuple(folder for folder in shared if folder.is_dir())
