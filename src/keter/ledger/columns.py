"""Column types that keep values exact: times as whole microseconds, JSON as text, states as
words.
"""

import base64
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PACKED = "z"
PACK_FROM_BYTES = 512  # shorter ones gain little, and stay readable for whoever looks into the file
_MICROSECOND = timedelta(microseconds=1)

# SQLite numbers rows by itself only where the key is declared INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


def to_us(moment: datetime) -> int:
    """Microseconds since the epoch, exact. Raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("the ledger takes aware times only")
    return (moment - EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, stored as microseconds since the epoch: sorts, compares and survives every
    database exactly.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_us(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_us(value)


class JsonText(TypeDecorator[Any]):
    """Any JSON value (or None for NULL) as text, written and read by msgspec."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


class PackedJson(TypeDecorator[Any]):
    """As JsonText, but long values are compressed: ``z`` and base85 of zlib. JSON text never begins
    with a z.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        raw = msgspec.json.encode(value)
        return (
            PACKED + base64.b85encode(zlib.compress(raw)).decode()
            if len(raw) >= PACK_FROM_BYTES
            else raw.decode()
        )

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        packed = value.startswith(PACKED)
        return msgspec.json.decode(
            zlib.decompress(base64.b85decode(value[len(PACKED) :])) if packed else value
        )
