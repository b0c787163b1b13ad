"""Decisions and raw answers on their way to the recorder: capped, in batches that are kept until
they are written down.

``take`` moves a batch aside and hands it out; ``done`` forgets it. A recorder that dies in between
gets the same batch again, so what it writes must bear repetition. Only one recorder works at a
time; a batch taken again by another is no longer the first one's to finish.
"""

import asyncio
import zlib
from collections.abc import Sequence

import msgspec

from keter.bus.codec import encode
from keter.bus.connection import Bus
from keter.bus.keys import AUDIT_CAP, CAPTURE_CAP, CAPTURE_CAP_BYTES
from keter.clock import Ids, random_id
from keter.domain.feed import CapturedAnswer
from keter.domain.signals import Decision

COMPRESSION = 1  # raw JSON shrinks about tenfold at the cheapest level
_packer = msgspec.msgpack.Encoder()
_unpacker = msgspec.msgpack.Decoder(CapturedAnswer)


class AuditBatch(msgspec.Struct, frozen=True):
    """Encoded Decisions, oldest first."""

    batch_id: str
    entries: tuple[bytes, ...]


class CaptureBatch(msgspec.Struct, frozen=True):
    """Raw answers, oldest first, and the bytes they take in Redis. ``unreadable`` were left out."""

    batch_id: str
    answers: tuple[CapturedAnswer, ...]
    stored_bytes: int
    unreadable: int


async def push_audit(bus: Bus, decisions: Sequence[Decision]) -> int:
    """Add decisions, for processes without a pipe; how many old ones fell out at AUDIT_CAP."""
    if not decisions:
        return 0
    async with bus.redis.batch(atomic=True) as batch:
        batch.rpush(bus.keys.audit, *[encode(decision) for decision in decisions])
        batch.ltrim(bus.keys.audit, -AUDIT_CAP, -1)
        length, _ = await batch.execute()
    return max(int(length) - AUDIT_CAP, 0)


async def take_audit(bus: Bus, n: int = 500, *, ids: Ids = random_id) -> AuditBatch:
    """The next batch, or again the one that was taken and never finished."""
    batch_id = ids()
    keys = [bus.keys.audit, bus.keys.audit_taken, bus.keys.audit_batch]
    return AuditBatch(batch_id, tuple(await bus.redis.run("record_take", keys, [batch_id, n])))


async def done_audit(bus: Bus, batch: AuditBatch) -> bool:
    """The batch is written down. False when another has taken it meanwhile."""
    return bool(
        await bus.redis.run(
            "record_done", [bus.keys.audit_taken, bus.keys.audit_batch], [batch.batch_id]
        )
    )


async def push_capture(bus: Bus, answer: CapturedAnswer) -> bool:
    """Add one raw answer, compressed; False when there is no room because nobody records."""
    packed = await asyncio.to_thread(_pack, answer)
    keys = [bus.keys.capture, bus.keys.capture_taken, bus.keys.capture_bytes]
    return bool(await bus.redis.run("capture_push", keys, [CAPTURE_CAP, CAPTURE_CAP_BYTES, packed]))


async def take_capture(bus: Bus, n: int = 8, *, ids: Ids = random_id) -> CaptureBatch:
    """The next batch, or again the one that was taken and never finished."""
    batch_id = ids()
    keys = [bus.keys.capture, bus.keys.capture_taken, bus.keys.capture_batch]
    entries: list[bytes] = await bus.redis.run("record_take", keys, [batch_id, n])
    answers = await asyncio.to_thread(_unpack_all, entries)
    return CaptureBatch(
        batch_id, tuple(answers), sum(map(len, entries)), len(entries) - len(answers)
    )


async def done_capture(bus: Bus, batch: CaptureBatch) -> bool:
    """The batch is written down. False when another has taken it meanwhile."""
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
