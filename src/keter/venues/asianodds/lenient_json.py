"""Small answers, read by field name in any case; numbers may be strings and stay exact.

Floats are kept as the text that came. So a price can be sent back as it was, and money never
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

# Numbers as a service writes its doubles: computed ones have up to 17 digits, small ones an
# exponent. A comma separates thousands only: 5,00 may be five or five hundred, so it is no number.
_NUMBER = re.compile(
    r"-?(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.\d{1,24})?(?:[eE][+-]?\d{1,2})?", re.ASCII
)
_ANY_NUMBER = re.compile(r"[-+]?(?:\d[\d.,]*|\.\d+)(?:[eE][-+]?\d+)?", re.ASCII)
# The stubs type the hook's result as a float; the decoder takes whatever it returns.
_DECODER: msgspec.json.Decoder[object] = msgspec.json.Decoder(
    float_hook=cast("Callable[[str], float]", str)
)


class Fields:
    """One JSON object. A missing field, null and a value of another type are all the same: absent.

    Every method takes the possible names of a field, and the first that is present counts.
    """

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = {name.lower(): value for name, value in values.items()}

    def value(self, *names: str) -> object:
        """Return the first value of ``names`` that is present and not null, else None."""
        for name in names:
            value = self._values.get(name.lower())
            if value is not None:
                return value
        return None

    def text(self, *names: str, longest: int = LONGEST_TEXT) -> str:
        """Return a string or whole number as one visible line, cut to ``longest`` characters.

        Return an empty string for every other value.
        """
        value = self.value(*names)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return ""
        if isinstance(value, int) and abs(value) > INT64:
            # Python refuses to write more than 4,300 digits.
            return f"{'-' if value < 0 else ''}1e{value.bit_length() * 3 // 10}"
        return plain(str(value).strip(), longest)

    def number(self, *names: str) -> Decimal | None:
        """Return a finite number, also if it is a string or has thousands commas; else None."""
        text = self.text(*names)
        return Decimal(text.replace(",", "")) if _NUMBER.fullmatch(text) else None

    def writes_number(self, *names: str) -> bool:
        """Return whether the field holds a number of any size. NaN, words and nothing are none."""
        return _ANY_NUMBER.fullmatch(self.text(*names)) is not None

    def integer(self, *names: str) -> int | None:
        """Return a whole number of 64 bits; else None."""
        number = self.number(*names)
        whole = number is not None and abs(number) <= INT64 and number == number.to_integral_value()
        return int(number) if whole and number is not None else None

    def minor(self, *names: str, most: int = MOST_MINOR) -> int | None:
        """Return an amount in minor units, rounded to the cent.

        Return None if there is no number, or if its size is above ``most``.
        """
        number = self.number(*names)
        minor = round_to_minor(number) if number is not None else None
        return minor if minor is not None and abs(minor) <= most else None

    def flag(self, *names: str) -> bool:
        """Return True for true, "true", 1 and "1"."""
        value = self.value(*names)
        return value is True or (
            not isinstance(value, bool) and self.text(*names).lower() in {"true", "1"}
        )

    def time(self, *names: str) -> datetime | None:
        """Return milliseconds since the epoch as aware UTC; None if it is no plausible time."""
        return read_time(self.integer(*names))

    def items(self, *names: str) -> "list[Fields]":
        """Return the objects of a list; entries of other types are left out."""
        value = self.value(*names)
        return (
            [Fields(item) for item in value if isinstance(item, dict)]
            if isinstance(value, list)
            else []
        )


def read_fields(raw: msgspec.Raw | bytes) -> Fields:
    """Return the object that ``raw`` is; one without fields if it is anything else.

    Raises BrokenAnswerError for text that is no JSON.
    """
    value = _decode(raw)
    return Fields(value) if isinstance(value, dict) else Fields({})


def read_rows(raw: msgspec.Raw) -> list[Fields]:
    """Return the objects of a list; an empty list for null.

    Raises BrokenAnswerError if ``raw`` is no list of objects or longer than MOST_ROWS: no row may
    be overlooked.
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
