"""Makes the values of a run: the instance that DATA_DIR is, the machine's name, and the run
itself.
"""

import re
import socket
from pathlib import Path

import msgspec

from keter.clock import Ids
from keter.domain.runs import NOBODY, Run
from keter.errors import ConfigurationError
from keter.settings import Settings
from keter.supervision.handover import fingerprint
from keter.system.private_files import make_folder, write_private
from keter.system.text_files import UnreadableFileError, read_bytes

LONGEST_NAME = 40  # with a worker's name before it, it must fit where the ledger keeps workers
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9-]+")


class _Instance(msgspec.Struct, frozen=True):
    """Who DATA_DIR is.

    A copy of the folder, here or on another machine, is another instance: place and machine tell.
    """

    instance_id: str
    machine: str
    folder: str


def machine_name() -> str:
    """The host's name, without characters that separate names elsewhere."""
    return _NOT_IN_A_NAME.sub("-", socket.gethostname()).strip("-")[:LONGEST_NAME] or "host"


def instance_of(data_dir: Path, ids: Ids, machine: str) -> str:
    """The id of the instance that ``data_dir`` is, made once and kept in it.

    Raises ConfigurationError when it cannot be written.
    """
    path = data_dir / "run" / "instance.json"
    folder = str(data_dir.resolve())
    known = _read(path)
    if known is not None and (known.machine, known.folder) == (machine, folder):
        return known.instance_id
    made = _Instance(ids(), machine, folder)
    try:
        make_folder(path.parent)
        write_private(path, msgspec.json.encode(made).decode())
    except OSError as e:
        raise ConfigurationError(
            f"{path} cannot be written: {e.strerror or e}; move it away"
        ) from e
    return made.instance_id


def new_run(settings: Settings, ids: Ids, *, account: str, ledger_id: str) -> Run:
    """A run that begins now.

    ``account`` is the one in force, the sandbox's where the settings name none.
    """
    machine = machine_name()
    instance_id = instance_of(settings.mode.data_dir, ids, machine)
    mode = settings.mode.execution_mode
    return Run(ids(), instance_id, machine, mode, account, ledger_id, fingerprint(settings))


def single(settings: Settings) -> Run:
    """The run of a process that was started by itself, where no `keter up` is: it belongs to
    nobody's.
    """
    mode = settings.mode.execution_mode
    return Run(NOBODY, "", machine_name(), mode, settings.venue.ao_user, "", fingerprint(settings))


def _read(path: Path) -> _Instance | None:
    """None for a file that is missing or holds something else: then another one is made."""
    try:
        raw = read_bytes(path)
        return msgspec.json.decode(raw, type=_Instance) if raw is not None else None
    except (UnreadableFileError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
