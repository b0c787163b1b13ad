"""Column types that keep values exact: times as microseconds, decimals and JSON as text."""

import base64
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Integer, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PACKED = "z"
PACK_FROM_BYTES = 512  # shorter values gain little, and stay readable with other tools
_MICROSECOND = timedelta(microseconds=1)

# SQLite numbers rows by itself only if the key is declared INTEGER.
RowId = BigInteger().with_variant(Integer, "sqlite")


def to_us(moment: datetime) -> int:
    """Return the exact microseconds since the epoch. Raises ValueError for a naive time."""
    if moment.tzinfo is None:
        raise ValueError("the ledger takes aware times only")
    return (moment - EPOCH) // _MICROSECOND


def from_us(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, stored as an integer of microseconds since the epoch.

    It sorts and compares exactly in every database.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_us(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_us(value)


class DecimalText(TypeDecorator[Decimal]):
    """A decimal as its exact text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class JsonText(TypeDecorator[Any]):
    """Any JSON value (or None for NULL) as text, written and read by msgspec."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


class PackedJson(TypeDecorator[Any]):
    """JSON as text, compressed if it is long: ``z`` and the base85 text of zlib's output.

    JSON text never begins with a z.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        raw = msgspec.json.encode(value)
        if len(raw) < PACK_FROM_BYTES:
            return raw.decode()
        return PACKED + base64.b85encode(zlib.compress(raw)).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if not value.startswith(PACKED):
            return msgspec.json.decode(value)
        return msgspec.json.decode(zlib.decompress(base64.b85decode(value[len(PACKED) :])))
