"""The settings file: names and values as they are written, and what is wrong with them."""

import difflib
from collections.abc import Collection, Iterator
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from keter.errors import ConfigurationError
from keter.system.text_files import read_text

PLACEHOLDERS = frozenset(
    {"change-me", "changeme", "your-password", "your-username", "secret", "password", "xxx"}
)


class SettingFile:
    """The bindings of a file. ``values`` has the last value of each name."""

    def __init__(self, path: Path | None, bindings: list[tuple[str, str | None]]) -> None:
        self._path = path
        self._bindings = bindings
        self.values = {name: value for name, value in bindings if value is not None}

    def check(self, known: Collection[str], secret: Collection[str]) -> None:
        """Raise ConfigurationError for a name that is unknown, set twice or without a value.

        A ``secret`` must not hold the placeholder of an example.
        """
        seen: set[str] = set()
        for name, value in self._bindings:
            if name not in known:
                raise ConfigurationError(
                    f"{self._path}: unknown setting {name}{_hint(name, known)}"
                )
            if value is None:
                raise ConfigurationError(
                    f"{self._path}: {name} has no value; write {name}=... or remove the line"
                )
            if name in seen:
                raise ConfigurationError(
                    f"{self._path}: {name} is set twice; remove one of the lines"
                )
            if name in secret and value.lower() in PLACEHOLDERS:
                raise ConfigurationError(
                    f"{self._path}: {name} still holds a placeholder; put your own value there"
                )
            seen.add(name)


def read_file(path: Path | None) -> SettingFile:
    """Return the bindings of the file; none where there is no file.

    Raises ConfigurationError for a line that is neither a setting nor a comment.
    """
    return SettingFile(path, list(_bindings(path)))


def _hint(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name.upper(), known, 1)
    return f"; did you mean {close[0]}?" if close else "; see docs/configuration.md for every name"


def _bindings(env_file: Path | None) -> Iterator[tuple[str, str | None]]:
    """Yield the names and values in the file, in its order.

    Raises ConfigurationError for a line that is neither a setting nor a comment.
    """
    text = read_text(env_file) if env_file is not None else None
    if text is None:
        return
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            source = binding.original
            line = source.line + source.string[: -len(source.string.lstrip()) or None].count("\n")
            raise ConfigurationError(
                f"{env_file}: line {line} cannot be read; write NAME=value, and put # before a"
                " comment or close the quotes"
            )
        if binding.key is not None:
            yield binding.key, binding.value
