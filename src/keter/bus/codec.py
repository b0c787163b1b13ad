"""Values as JSON bytes and back.

The schema version is checked where a type has one, in its field ``v``.
"""

from typing import Any, TypeVar, cast

import msgspec

from keter.bus.errors import PoisonedPayloadError

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_decoders: dict[type[Any], tuple["msgspec.json.Decoder[Any]", int | None]] = {}


def encode(value: object) -> bytes:
    """Return the JSON of a struct or of plain values; field names and order are as declared."""
    return _encoder.encode(value)


def decode(kind: type[T], payload: bytes) -> T:
    """Return the ``kind`` that ``payload`` encodes.

    Raises PoisonedPayloadError if it encodes none, or one of another schema version.
    """
    decoder, version = _decoder(kind)
    try:
        value = cast("T", decoder.decode(payload))
    # ValueError: a domain type's own check, or text that is not UTF-8.
    # RecursionError: lists nested too deeply.
    except (msgspec.DecodeError, ValueError, RecursionError) as e:
        raise PoisonedPayloadError(f"not a {kind.__name__}: {e}") from e
    if version is not None and (found := cast("Any", value).v) != version:
        raise PoisonedPayloadError(
            f"{kind.__name__} of schema version {found}; this Keter reads version {version}"
        )
    return value


def _decoder(kind: type[Any]) -> tuple["msgspec.json.Decoder[Any]", int | None]:
    known = _decoders.get(kind)
    if known is None:
        fields = msgspec.structs.fields(kind) if issubclass(kind, msgspec.Struct) else ()
        version = next((field.default for field in fields if field.name == "v"), None)
        known = _decoders[kind] = msgspec.json.Decoder(kind), version
    return known
