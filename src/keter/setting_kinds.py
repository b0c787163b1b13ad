"""Kinds of values with their bounds, and what every group of settings has in common.

Pure.
"""

import re
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from keter.errors import ConfigurationError

Words = Annotated[tuple[str, ...], NoDecode]
Money = Annotated[Decimal, Field(ge=0, decimal_places=2, max_digits=12)]
YEAR_S = 31_536_000  # longer settings could lead to dates outside the calendar
Seconds = Annotated[float, Field(ge=0, le=YEAR_S)]
Days = Annotated[float, Field(gt=0, le=36_500)]
Percent = Annotated[float, Field(ge=0, le=1000)]
_BOOK_CODE = re.compile(r"[A-Za-z0-9]{1,10}")
# It stands behind "__" in the names of an account's own settings, and in names of processes.
_ACCOUNT_LABEL = re.compile(r"[A-Z][A-Z0-9]{0,15}")


def checked_books(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the codes of books, as the venue writes them. Raises ValueError for other words."""
    if not all(_BOOK_CODE.fullmatch(word) for word in value):
        raise ValueError(
            "must be book codes with commas between, such as PIN,ISN,SBO, without brackets and"
            " quotes"
        )
    return value


def account_labels(text: str) -> tuple[str, ...]:
    """Return the names in the value of ACCOUNTS, in upper case.

    Raises ConfigurationError for what is no such name, and for one that is there twice.
    """
    labels = tuple(word.strip().upper() for word in text.split(",") if word.strip())
    if not all(_ACCOUNT_LABEL.fullmatch(label) for label in labels):
        raise ConfigurationError(
            "ACCOUNTS must be names of letters and digits with commas between, such as ALICE,BOB"
        )
    if len(set(labels)) < len(labels):
        raise ConfigurationError("ACCOUNTS names an account twice")
    return labels


class Group(BaseModel):
    """The settings of one concern. Field names in upper case are the environment's names."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=True,
        allow_inf_nan=False,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _split_words(cls, value: object, info: ValidationInfo) -> object:
        field = cls.model_fields[str(info.field_name)]
        if isinstance(value, str):
            value = value.strip()
            if field.annotation == tuple[str, ...]:
                if value.startswith("[") and any(quote in value for quote in "\"'"):
                    raise ValueError(
                        "must be words with commas between, such as A,B, without brackets and"
                        " quotes"
                    )
                return tuple(word.strip() for word in value.split(",") if word.strip())
        return value


def is_address(text: str, schemes: set[str]) -> bool:
    """Return True if ``text`` has one of ``schemes``, a host and, if any, a port number."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
