"""The conflating, reliable queue: the newest payload per key, in one pair of hands at a time,
nothing lost, nothing twice.

A key waits, is in flight, or both waits to be looked at again and is in flight; a push of a waiting
key replaces its payload and keeps its place. A ``Pipe`` is one incarnation of one worker on one
queue: it holds a lease that every step renews, and a list of what it has in hand. Everything a turn
does happens in one script (``lua/step.lua``). What a step moves, moves exactly once; what a worker
*does* between two steps may be repeated.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from keter.bus.connection import BLOCK_S, Arg, Bus
from keter.bus.errors import BusRefusedError, ConnectionLostError, LeaseLostError
from keter.bus.keys import AUDIT_CAP, DEAD_CAP, STATS_MS, TOMB_MS
from keter.clock import Ids, day_of, random_id

MOST_CLAIMED = 64  # a longer script makes everybody wait
PUSH_CHUNK = 200  # outputs of a pure producer per script
STAMP = 14  # ``<13 digits of ms>|`` before the key in a queue's list


class QueueName(StrEnum):
    """The queues, in the order of the pipeline.

    Raw and validated conflate on markets, the others on selections.
    """

    RAW = "raw"
    VALIDATED = "validated"
    CONFIRMED = "confirmed"
    APPROVED = "approved"


class Item(msgspec.Struct, frozen=True):
    """One claimed item. ``waited_s`` is how long its key had been waiting when it was claimed.

    ``alone`` says that it has cost a worker its life, so nothing else is claimed until it is done.
    """

    key: str
    payload: bytes
    waited_s: float = 0.0
    alone: bool = False


class Output(msgspec.Struct, frozen=True):
    """One item for the next queue, or one ``returned`` to the queue it came from, where it never
    replaces a newer payload.
    """

    queue: QueueName
    key: str
    payload: bytes
    returned: bool = False


class Pipe:
    """One incarnation of one worker.

    ``source`` None makes a pure producer, which needs no lease and holds nothing.

    After LeaseLostError or ConnectionLostError drop what is in hand and ``await reopen()``; after
    BusRefusedError nothing has happened and the same step may be made again. ``day`` tells on which
    betting day counters are booked.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        source: QueueName | None,
        worker: str,
        lease_ttl_s: float,
        ids: Ids = random_id,
        day: Callable[[], str] = lambda: day_of(datetime.now(UTC), UTC),
    ) -> None:
        self._bus = bus
        self._source = bus.keys.queue(source) if source is not None else None
        self._worker = worker
        self._lease_ms = round(lease_ttl_s * 1000)
        self._ids = ids
        self._day = day
        self._hand: list[str] = []
        self._orphans: list[str] = []
        self._incarnation = ""
        self._certain = source is None

    @property
    def incarnation(self) -> str:
        """Names this life of the worker in Redis; empty before ``open``."""
        return self._incarnation

    async def open(self) -> None:
        """Register a new incarnation."""
        if self._source is None:
            return
        incarnation = f"{self._worker}.{self._ids()[:12]}"
        self._orphans.append(incarnation)  # until Redis has answered, it may or may not exist
        self._incarnation, self._hand, self._certain = incarnation, [], False
        keys = [self._source.lease(incarnation), self._source.workers, self._source.tombs]
        await self._bus.redis.run("open", keys, [incarnation, self._lease_ms])
        self._certain = True

    async def reopen(self) -> None:
        """Give everything of earlier lives back to the queue and starts a new one; may be repeated
        until it succeeds.
        """
        self._certain = self._source is None
        self._hand = []
        await self._hand_over()
        await self.open()

    async def close(self) -> None:
        """Give unfinished items back, in order and without a strike."""
        self._certain = self._source is None
        self._hand = []
        await self._hand_over()

    async def _hand_over(self) -> None:
        while self._source is not None and self._orphans:
            await reap(self._bus, self._source.name, self._orphans[0], own=True)
            self._orphans.pop(0)

    async def step(
        self,
        *,
        done: int = 0,
        outputs: Sequence[Output] = (),
        claim: int = 0,
        counts: Mapping[str, int] | None = None,
        audit: Sequence[bytes] = (),
    ) -> list[Item]:
        """One atomic turn: renews the lease, pushes ``outputs``, acknowledges the first ``done``
        items in hand, claims more.

        ``counts`` are added to the day's statistics, ``audit`` goes to the recorder. Returns the
        newly claimed items; they follow those still in hand.
        """
        if (
            done > len(self._hand)
            or not 0 <= claim <= MOST_CLAIMED
            or (self._source is None and claim)
        ):
            raise ValueError(
                f"cannot acknowledge {done} of {len(self._hand)} items and claim {claim}"
            )
        if self._source is None:
            for start in range(0, max(len(outputs), 1), PUSH_CHUNK):
                await self._turn(0, outputs[start : start + PUSH_CHUNK], 0, counts, audit)
                counts, audit = None, ()
            return []
        return await self._turn(done, outputs, claim, counts, audit)

    async def dead(self, item: Item, error: str) -> None:
        """Move ``item``, which must be the first in hand, to the dead letters with one line of
        ``error``.
        """
        if not self._hand or self._hand[0] != item.key:
            raise ValueError(f"{item.key} is not the first item in hand")
        await self._turn(1, (), 0, None, (), error=" ".join(error.split())[:500] or "unknown error")

    async def _turn(
        self,
        done: int,
        outputs: Sequence[Output],
        claim: int,
        counts: Mapping[str, int] | None,
        audit: Sequence[bytes],
        error: str = "",
    ) -> list[Item]:
        if not self._certain:
            raise ConnectionLostError(
                "what became of the last step is unknown: reopen the pipe first"
            )
        keys: list[Arg] = [self._bus.keys.stats(self._day()), self._bus.keys.audit]
        args: list[Arg] = [
            0,
            self._lease_ms,
            len(self._hand),
            done,
            claim,
            self._worker,
            error,
            DEAD_CAP,
            AUDIT_CAP,
            STATS_MS,
        ]
        if self._source is not None:
            args[0] = 1
            keys += self._source.of_step(self._incarnation)
        counters = counts or {}
        args.append(len(counters))
        for name, n in counters.items():
            args += (name, n)
        args.append(len(audit))
        args += audit
        places: dict[QueueName, int] = {}
        for output in outputs:
            place = places.get(output.queue)
            if place is None:
                place = places[output.queue] = len(keys) + 1
                keys += self._bus.keys.queue(output.queue).of_push
            args += (-place if output.returned else place, output.key, output.payload)
        self._certain = self._source is None  # a producer's push may be repeated: it conflates
        try:
            reply = await self._bus.redis.run("step", keys, args)
        except BusRefusedError:
            self._certain = True
            raise
        self._certain = True
        del self._hand[:done]
        return self._take(reply)

    def _take(self, reply: list[bytes]) -> list[Item]:
        now_ms, alone = int(reply[0]), int(reply[1]) == 1
        items = []
        for i in range(2, len(reply), 2):
            key = reply[i][STAMP:].decode()
            self._hand.append(key)
            items.append(
                Item(key, reply[i + 1], (now_ms - int(reply[i][: STAMP - 1])) / 1000, alone)
            )
        return items

    async def wait(self) -> None:
        """Return when there may be something to claim, at the latest after a second.

        Only for an idle consumer.

        Never cancel it, nor put it under a time-out: let the second run out.
        """
        if self._source is None:
            raise ValueError("a pure producer has nothing to wait for")
        await self._bus.blocking.execute_command("BLPOP", self._source.bell, BLOCK_S)

    async def touch(self) -> None:
        """Renews the lease during a long item; for another task of the same process.

        Raises LeaseLostError.
        """
        if self._source is None:
            return
        if not await self._bus.redis.execute_command(
            "PEXPIRE", self._source.lease(self._incarnation), self._lease_ms
        ):
            raise LeaseLostError("the lease expired during a long item")


async def reap(
    bus: Bus, queue: str, incarnation: str, *, own: bool, strikes: int = 0
) -> tuple[int, int]:
    """Take back what ``incarnation`` has in hand: (items put back, items dead), or (-1, 0) while
    its lease stands.

    ``own`` disregards the lease. An item that reaches ``strikes`` goes to the dead letters; 0
    counts no strike.
    """
    keys = bus.keys.queue(queue)
    args: list[Arg] = [incarnation, int(own), strikes, DEAD_CAP, TOMB_MS]
    back, dead = await bus.redis.run("reap", keys.of_reap(incarnation), args)
    return int(back), int(dead)
