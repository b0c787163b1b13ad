"""Small answers, read by field name: names in any case, numbers as numbers or strings, exact to the
digit.

Floats are kept as the text that came, so that a price can be sent back as it was and money never
becomes a float.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import cast

import msgspec

from keter.domain.money import round_to_minor
from keter.plain import plain
from keter.venues.asianodds.limits import INT64, LONGEST_TEXT, MOST_MINOR, MOST_ROWS
from keter.venues.asianodds.normalise import read_time
from keter.venues.asianodds.wire import BrokenAnswerError

# As a service writes its doubles: computed ones with up to 17 digits, small ones with an exponent.
# A comma parts thousands or nothing: 5,00 may be five or five hundred, and is no number.
_NUMBER = re.compile(
    r"-?(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.\d{1,24})?(?:[eE][+-]?\d{1,2})?", re.ASCII
)
_ANY_NUMBER = re.compile(r"[-+]?(?:\d[\d.,]*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
# The stubs type the hook's result as a float; the decoder takes whatever it returns.
_DECODER: msgspec.json.Decoder[object] = msgspec.json.Decoder(
    float_hook=cast("Callable[[str], float]", str)
)


class Fields:
    """One JSON object. A missing field, null and a value of another type are all "not there"."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def value(self, *names: str) -> object:
        """The first of ``names`` that is there and not null."""
        for name in names:
            value = self._values.get(name.lower())
            if value is not None:
                return value
        return None

    def text(self, *names: str, longest: int = LONGEST_TEXT) -> str:
        """The value in one visible line, cut to ``longest`` characters."""
        value = self.value(*names)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return ""
        if isinstance(value, int) and abs(value) > INT64:
            # Python does not write more than 4,300 digits
            return f"{'-' if value < 0 else ''}1e{value.bit_length() * 3 // 10}"
        return plain(str(value).strip(), longest)

    def number(self, *names: str) -> Decimal | None:
        """A finite number, also when written as a string or with thousands commas."""
        text = self.text(*names)
        return Decimal(text.replace(",", "")) if _NUMBER.fullmatch(text) else None

    def writes_number(self, *names: str) -> bool:
        """Whether a number stands there, of whatever size: NaN, words and nothing are none."""
        return _ANY_NUMBER.fullmatch(self.text(*names)) is not None

    def integer(self, *names: str) -> int | None:
        """A whole number of 64 bits."""
        number = self.number(*names)
        whole = number is not None and abs(number) <= INT64 and number == number.to_integral_value()
        return int(number) if whole and number is not None else None

    def minor(self, *names: str, most: int = MOST_MINOR) -> int | None:
        """An amount in minor units, rounded to the cent; None also beyond ``most``, either side of
        0.
        """
        number = self.number(*names)
        minor = round_to_minor(number) if number is not None else None
        return minor if minor is not None and abs(minor) <= most else None

    def flag(self, *names: str) -> bool:
        value = self.value(*names)
        return value is True or (
            not isinstance(value, bool) and self.text(*names).lower() in {"true", "1"}
        )

    def time(self, *names: str) -> datetime | None:
        """Milliseconds since the epoch as aware UTC."""
        return read_time(self.integer(*names))

    def items(self, *names: str) -> "list[Fields]":
        """A list of objects; entries that are none are left out."""
        value = self.value(*names)
        return (
            [Fields(item) for item in value if isinstance(item, dict)]
            if isinstance(value, list)
            else []
        )

    def words(self, *names: str) -> tuple[str, ...]:
        value = self.value(*names)
        return (
            tuple(plain(item, LONGEST_TEXT) for item in value if isinstance(item, str))
            if isinstance(value, list)
            else ()
        )


def read_fields(raw: msgspec.Raw | bytes) -> Fields:
    """The object that ``raw`` is; one without fields when it is anything else.

    Raises BrokenAnswerError.
    """
    value = _decode(raw)
    return Fields(value) if isinstance(value, dict) else Fields({})


def read_rows(raw: msgspec.Raw) -> list[Fields]:
    """The objects of a list, empty for null.

    Raises BrokenAnswerError when it is no list of objects, or too long to be true: no row may be
    overlooked.
    """
    value = _decode(raw)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise BrokenAnswerError("bad_rows", "not a list of rows")
    if len(value) > MOST_ROWS:
        raise BrokenAnswerError("bad_rows", f"{len(value)} rows, more than {MOST_ROWS}")
    return [Fields(item) for item in value]


def _decode(raw: msgspec.Raw | bytes) -> object:
    try:
        return _DECODER.decode(raw)
    except (ValueError, RecursionError) as e:
        raise BrokenAnswerError("bad_result", f"cannot be read: {type(e).__name__}") from None
