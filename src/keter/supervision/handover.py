"""What the supervisor hands to each of its processes: every setting, and their run.

It travels as one line through the pipe that is the child's standard input.
So no secret is on a command line, in the environment or in a file.
A child reads no ``.env``: an edit after the start changes nothing for it.
"""

import os
from collections.abc import Mapping

import msgspec

from keter.domain.processes import EVERYTHING, Process
from keter.domain.runs import Run
from keter.errors import ConfigurationError
from keter.settings import Settings, Source, entries, load_settings
from keter.supervision.run import fingerprint, text_of

STANDARD_INPUT = 0
LONGEST_LINE = 1 << 20  # a few kilobytes are usual: more was not written by us


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
        """Return the line for the child's standard input. It holds secrets: never log it."""
        return msgspec.json.encode(self) + b"\n"


def hand_over(
    settings: Settings,
    run: Run,
    overrides: Mapping[str, str],
    starts: frozenset[Process] = EVERYTHING,
) -> Handover:
    """Return ``settings`` as read and ``overrides``, by their environment names, for a child."""
    values = {entry.name: text_of(settings, entry) for entry in entries(settings)}
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


def _loaded(values: Mapping[str, str], sources: Mapping[str, Source]) -> Settings:
    return load_settings(None, values, sources=sources)
