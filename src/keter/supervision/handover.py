"""What the supervisor tells each of its processes, whole and once: every setting, and the run that
they belong to.

It travels as one line through the pipe that is the child's standard input. So no secret stands on a
command line, in the environment or in a file. A child reads no ``.env``: what was edited since the
start is of no consequence to it.
"""

import hashlib
import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
from pydantic import SecretStr

from keter.domain.processes import EVERYTHING, Process
from keter.domain.runs import Run
from keter.errors import ConfigurationError
from keter.settings import Entry, Settings, Source, entries, load_settings

STANDARD_INPUT = 0
LONGEST_LINE = 1 << 20  # a few kilobytes are usual; more is not ours
# Where a process lives and whom it serves may differ between machines of one run; what it bets on
# may not.
SURROUNDINGS = frozenset({"redis", "dashboard", "log"})
PLACES = frozenset({"DATA_DIR"})
# One guess at the secrets behind a fingerprint takes some 20 ms: whoever reads Redis must not find
# a short password by it.
ROUNDS = 50_000


class Handover(msgspec.Struct, frozen=True):
    """Every setting as it was read, what the supervisor put in place of some, and the run.

    ``starts`` are the processes that this supervisor starts.
    """

    values: dict[str, str]
    sources: dict[str, Source]
    overrides: dict[str, str]
    run: Run
    starts: frozenset[Process] = EVERYTHING

    @property
    def settings(self) -> Settings:
        """The settings in force.

        Raises ConfigurationError when they are not those of the run's fingerprint.
        """
        read = _loaded(self.values, self.sources)
        if fingerprint(read) != self.run.fingerprint:
            raise ConfigurationError(
                "the settings handed over are not those of this run; stop Keter and start it again"
                " with `keter up`"
            )
        return _loaded(
            {**self.values, **self.overrides},
            {**self.sources, **dict.fromkeys(self.overrides, "environment")},
        )

    def encode(self) -> bytes:
        """The line for the child's standard input. It holds secrets: never log it."""
        return msgspec.json.encode(self) + b"\n"


def hand_over(
    settings: Settings,
    run: Run,
    overrides: Mapping[str, str],
    starts: frozenset[Process] = EVERYTHING,
) -> Handover:
    """What a child is told: ``settings`` as read, and ``overrides`` by their environment names."""
    values = {entry.name: text_of(settings, entry) for entry in entries()}
    return Handover(values, dict(settings.sources), dict(overrides), run, starts)


def receive(descriptor: int = STANDARD_INPUT) -> Handover:
    """Read the line that the supervisor wrote.

    Raises ConfigurationError when it sent none, or one that cannot be read.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        chunk = os.read(descriptor, 1 << 16)
        line += chunk
        if not chunk or len(line) > LONGEST_LINE:
            raise ConfigurationError(
                "the supervisor handed no settings over; `--supervised` is for `keter up` alone"
            )
    try:
        return msgspec.json.decode(line, type=Handover)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigurationError("the settings handed over cannot be read") from None


def text_of(settings: Settings, entry: Entry) -> str:
    """A setting's value as text that reads back as the same value."""
    value = getattr(getattr(settings, entry.group), entry.name.lower())
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value) if isinstance(value, str | Path | int | float | Decimal) else _unknown(entry)


def _unknown(entry: Entry) -> str:
    raise TypeError(f"{entry.name} has a type that cannot be handed over")


def fingerprint(settings: Settings) -> str:
    """A hash over every setting that decides what is bet, secrets among them; equal wherever the
    settings are.

    Secrets go in by a slow one-way function: the fingerprint stands in Redis and in logs.
    """
    plain: dict[str, str] = {}
    secret: dict[str, str] = {}
    for entry in entries():
        if entry.group not in SURROUNDINGS and entry.name not in PLACES:
            (secret if entry.secret else plain)[entry.name] = text_of(settings, entry)
    salt = hashlib.sha256(msgspec.json.encode(plain, order="sorted")).digest()
    hidden = msgspec.json.encode(secret, order="sorted")
    return hashlib.pbkdf2_hmac("sha256", hidden, salt, ROUNDS).hex()[:32]


def differing(one: Settings, other: Settings) -> tuple[str, ...]:
    """The names of the settings whose values differ; never the values."""
    return tuple(entry.name for entry in entries() if text_of(one, entry) != text_of(other, entry))


def _loaded(values: Mapping[str, str], sources: Mapping[str, Source]) -> Settings:
    return load_settings(None, values).model_copy(update={"sources": dict(sources)})
