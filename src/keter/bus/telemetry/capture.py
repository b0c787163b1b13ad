"""Raw answers of venues on their way to the recorder, capped by number and by bytes.

Batches are taken and finished as in ``keter.bus.telemetry.audit``.
"""

import asyncio
import zlib
from collections.abc import Sequence

import msgspec

from keter.bus.connection import Bus
from keter.bus.keys import CAPTURE_CAP, CAPTURE_CAP_BYTES
from keter.clock import Ids, random_id
from keter.domain.feed import CapturedAnswer

COMPRESSION = 1  # raw JSON shrinks about tenfold at the cheapest level
_packer = msgspec.msgpack.Encoder()
_unpacker = msgspec.msgpack.Decoder(CapturedAnswer)


class CaptureBatch(msgspec.Struct, frozen=True):
    """Raw answers, oldest first, and the bytes they take in Redis. ``unreadable`` were left out."""

    batch_id: str
    answers: tuple[CapturedAnswer, ...]
    stored_bytes: int
    unreadable: int


async def push_capture(bus: Bus, answer: CapturedAnswer) -> bool:
    """Add one raw answer, compressed; return False if there is no room for it."""
    packed = await asyncio.to_thread(_pack, answer)
    keys = [bus.keys.capture, bus.keys.capture_taken, bus.keys.capture_bytes]
    return bool(await bus.redis.run("capture_push", keys, [CAPTURE_CAP, CAPTURE_CAP_BYTES, packed]))


async def take_capture(bus: Bus, n: int = 8, *, ids: Ids = random_id) -> CaptureBatch:
    """Return the next batch of at most ``n``, or the batch that was taken and never finished."""
    batch_id = ids()
    keys = [bus.keys.capture, bus.keys.capture_taken, bus.keys.capture_batch]
    entries: list[bytes] = await bus.redis.run("record_take", keys, [batch_id, n])
    answers = await asyncio.to_thread(_unpack_all, entries)
    return CaptureBatch(
        batch_id, tuple(answers), sum(map(len, entries)), len(entries) - len(answers)
    )


async def done_capture(bus: Bus, batch: CaptureBatch) -> bool:
    """Remove a batch that is written down; return False if another recorder has taken it since."""
    keys = [bus.keys.capture_taken, bus.keys.capture_batch, bus.keys.capture_bytes]
    return bool(await bus.redis.run("record_done", keys, [batch.batch_id, batch.stored_bytes]))


def _pack(answer: CapturedAnswer) -> bytes:
    return zlib.compress(_packer.encode(answer), COMPRESSION)


def _unpack_all(entries: Sequence[bytes]) -> list[CapturedAnswer]:
    answers = []
    for entry in entries:
        try:
            answers.append(_unpacker.decode(zlib.decompress(entry)))
        except (zlib.error, msgspec.DecodeError):  # counted by the difference
            continue
    return answers
