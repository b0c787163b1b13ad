"""What identifies a run: the instance that DATA_DIR is, the machine, and the settings.

The fingerprint differs where settings do, and shows none of them.
"""

import hashlib
import re
import socket
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import msgspec
from pydantic import SecretStr

from keter.clock import Ids
from keter.domain.runs import NOBODY, Run
from keter.errors import ConfigurationError
from keter.settings import Entry, Settings, entries
from keter.system.private_files import make_folder, write_private
from keter.system.text_files import UnreadableFileError, read_bytes

LONGEST_NAME = 40  # with a worker's name before it, it must fit where the ledger keeps workers
# What may differ between the machines of one run: where a process runs and whom it serves.
SURROUNDINGS = frozenset({"redis", "dashboard", "log"})
PLACES = frozenset({"DATA_DIR"})
# One guess at the secrets behind a fingerprint takes some 20 ms.
# A reader of Redis must not find a short password by trying.
ROUNDS = 50_000
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9-]+")


class _Instance(msgspec.Struct, frozen=True):
    """The instance that DATA_DIR is.

    A copy of the folder, here or on another machine, is another instance.
    Its place and its machine show that.
    """

    instance_id: str
    machine: str
    folder: str


def machine_name() -> str:
    """Return the host's name without characters that separate names elsewhere."""
    return _NOT_IN_A_NAME.sub("-", socket.gethostname()).strip("-")[:LONGEST_NAME] or "host"


def instance_of(data_dir: Path, ids: Ids, machine: str) -> str:
    """Return the id of the instance that ``data_dir`` is. It is made once and kept there.

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


def new_run(settings: Settings, ids: Ids, *, ledger_id: str) -> Run:
    """Return a run that begins now, on the accounts that the settings name.

    Raises as ``instance_of``.
    """
    machine = machine_name()
    instance_id = instance_of(settings.mode.data_dir, ids, machine)
    return Run(ids(), instance_id, machine, settings.accounts, ledger_id, fingerprint(settings))


def single(settings: Settings) -> Run:
    """Return the run of a process that was started by itself, without `keter up`."""
    return Run(NOBODY, "", machine_name(), settings.accounts, "", fingerprint(settings))


def fingerprint(settings: Settings) -> str:
    """Return a hash over every setting that decides what is bet, secrets among them.

    It is equal wherever the settings are.
    """
    plain: dict[str, str] = {}
    secret: dict[str, str] = {}
    for entry in entries(settings):
        if entry.group not in SURROUNDINGS and entry.name not in PLACES:
            (secret if entry.secret else plain)[entry.name] = text_of(settings, entry)
    salt = hashlib.sha256(msgspec.json.encode(plain, order="sorted")).digest()
    return _one_way(msgspec.json.encode(secret, order="sorted"), salt)


@lru_cache(maxsize=4)  # a process asks for the same settings again and again
def _one_way(secrets: bytes, salt: bytes) -> str:
    """Hash slowly and one way, since the fingerprint is in Redis and in logs."""
    return hashlib.pbkdf2_hmac("sha256", secrets, salt, ROUNDS).hex()[:32]


def differing(one: Settings, other: Settings) -> tuple[str, ...]:
    """Return the names of the settings whose values differ, never the values."""
    names = {entry.name: entry for entry in (*entries(one), *entries(other))}
    return tuple(
        name for name, entry in names.items() if text_of(one, entry) != text_of(other, entry)
    )


def text_of(settings: Settings, entry: Entry) -> str:
    """Return a setting's value as text that reads back as the same value.

    Raises TypeError for a type that has no such text.
    """
    value = entry.value_in(settings)
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, str | Path | int | float | Decimal):
        return str(value)
    raise TypeError(f"{entry.name} has a type that cannot be handed over")


def _read(path: Path) -> _Instance | None:
    """Return None for a file that is missing or holds something else: another one is made then."""
    try:
        raw = read_bytes(path)
        return msgspec.json.decode(raw, type=_Instance) if raw is not None else None
    except (UnreadableFileError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
