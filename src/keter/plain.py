"""Make text from outside safe to show on a terminal, a page, in a message or a spreadsheet.

Pure.

* Control characters move a terminal's cursor and change its colours.
* Bidirectional overrides reverse a line.
* Invisible characters make two names look alike.

Letters of every script, accents and the joiners that some scripts need stay as they are.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Separators and controls (C0, DEL, C1) become a space, which keeps words apart.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CONTROLS_IN_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]+")
# Invisible: soft hyphen, Arabic letter mark, zero-width space, direction marks, embeddings,
# overrides and isolates, word joiner and invisible operators, byte-order mark, tag characters.
# U+200C and U+200D join letters of real names and stay.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]+"
)
# Halves of a pair: no encoding can write them, so no database and no terminal takes them.
_SURROGATES = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(" {2,}")

# A spreadsheet may take the full-width forms for the same signs.
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)


def plain(text: str, longest: int | None = None) -> str:
    """Return one line of visible text, cut to ``longest`` characters."""
    if not text.isprintable():  # false for every character that is replaced here
        text = _INVISIBLE.sub("", _SURROGATES.sub("\ufffd", text))
        text = _SPACES.sub(" ", _CONTROLS.sub(" ", text)).strip()
    return text if longest is None else text[:longest]


def plain_lines(text: str) -> str:
    """Return visible text of several lines: tabs and line feeds are kept."""
    return _CONTROLS_IN_LINES.sub(" ", _INVISIBLE.sub("", _SURROGATES.sub("\ufffd", text)))


def plain_values(value: Any) -> Any:
    """Return ``value``, a structure of JSON types, with ``plain_lines`` applied to every text."""
    if isinstance(value, str):
        return value if value.isprintable() else plain_lines(value)
    if isinstance(value, Mapping):
        return {plain_values(name): plain_values(item) for name, item in value.items()}
    return [plain_values(item) for item in value] if isinstance(value, list | tuple) else value


def csv_cell(value: object) -> str:
    """Return the text of one cell, without tabs and line ends.

    A quote is put before what a spreadsheet would take for a formula. Numbers stay numbers.
    """
    text = plain("" if value is None else str(value))
    return f"'{text}" if text.startswith(FORMULA) and not NUMBER.fullmatch(text) else text


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Return a CSV file (RFC 4180) in UTF-8. Every cell goes through ``csv_cell``."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(map(csv_cell, row) for row in rows)
    return text.getvalue().encode()
