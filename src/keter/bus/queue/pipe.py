"""The conflating, reliable queue: the newest payload per key, claimed by one worker at a time.

* A key waits, is in flight, or both: it is in flight and waits to be processed again.
* A push of a waiting key replaces its payload and keeps its place.
* A ``Pipe`` is one incarnation of one worker on one queue. It holds a lease, which every step
  renews, and a list of the items that it has claimed.
* Everything that a step does happens in one script (``lua/step.lua``). What a step moves, moves
  exactly once. What a worker *does* between two steps may be repeated.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from keter.bus.connection import BLOCK_S, Arg, Bus
from keter.bus.errors import BusRefusedError, ConnectionLostError, LeaseLostError
from keter.bus.keys import AUDIT_CAP, DEAD_CAP, STATS_MS, TOMB_MS
from keter.clock import Ids, random_id
from keter.domain.days import day_of

MOST_CLAIMED = 64  # Redis serves nobody else while a script runs
PUSH_CHUNK = 200  # outputs of a pure producer per script
STAMP = 14  # length of ``<13 digits of ms>|`` before the key in a queue's list


class QueueName(StrEnum):
    """The kinds of queues, in the order of the pipeline.

    RAW and VALIDATED conflate on markets, CONFIRMED and APPROVED on selections, CANCELS on intents.
    Each account has its own queues of approvals and of cancels: see ``approved_for`` and
    ``cancels_for``.
    """

    RAW = "raw"
    VALIDATED = "validated"
    CONFIRMED = "confirmed"
    APPROVED = "approved"
    CANCELS = "cancels"


# Of these kinds each account has a queue of its own.
OF_ACCOUNT = (QueueName.APPROVED, QueueName.CANCELS)


def approved_for(account: str) -> str:
    """Return the name of the queue of approvals that the router of this account serves."""
    return queue_for(QueueName.APPROVED, account)


def cancels_for(account: str) -> str:
    """Return the name of the queue of cancels, which the same router serves first."""
    return queue_for(QueueName.CANCELS, account)


def queue_for(kind: QueueName, account: str) -> str:
    """Return the name of an account's own queue of a kind."""
    return f"{kind.value}:{account}"


def queues_of(accounts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all queues of a run on these accounts, in the order of the pipeline."""
    shared = [queue.value for queue in QueueName if queue not in OF_ACCOUNT]
    own = [queue_for(kind, account) for account in accounts for kind in OF_ACCOUNT]
    return *shared, *own


class Item(msgspec.Struct, frozen=True):
    """One claimed item. ``waited_s`` is how long its key had been waiting when it was claimed.

    ``alone`` means that a worker died with it: nothing else is claimed until it is done.
    """

    key: str
    payload: bytes
    waited_s: float = 0.0
    alone: bool = False


class Output(msgspec.Struct, frozen=True):
    """One item for the next queue.

    A ``returned`` item goes back to the queue it came from and never replaces a newer payload.
    """

    queue: str
    key: str
    payload: bytes
    returned: bool = False


@dataclass(frozen=True, slots=True)
class _Step:
    """What one step does; ``error`` sends the first claimed item to the dead letters."""

    done: int = 0
    outputs: Sequence[Output] = ()
    claim: int = 0
    counts: Mapping[str, int] | None = None
    audit: Sequence[bytes] = ()
    error: str = ""


class Pipe:
    """One incarnation of one worker.

    * ``source`` None makes a pure producer, which needs no lease and claims nothing.
    * ``period`` returns the name of the betting day on which counters are booked.
    * After LeaseLostError or ConnectionLostError drop all claimed items and ``await reopen()``.
    * After BusRefusedError nothing has happened and the same step may be repeated.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        source: str | None,
        worker: str,
        lease_ttl_s: float,
        ids: Ids = random_id,
        period: Callable[[], str] = lambda: day_of(datetime.now(UTC), UTC),
    ) -> None:
        self._bus = bus
        self._source = bus.keys.queue(source) if source is not None else None
        self._worker = worker
        self._lease_ms = round(lease_ttl_s * 1000)
        self._ids = ids
        self._period = period
        self._claimed: list[str] = []
        self._unreturned: list[str] = []
        self._incarnation = ""
        self._certain = source is None

    @property
    def incarnation(self) -> str:
        """The name of this incarnation in Redis; empty before ``open``."""
        return self._incarnation

    async def open(self) -> None:
        """Register a new incarnation of the worker."""
        if self._source is None:
            return
        incarnation = f"{self._worker}.{self._ids()[:12]}"
        # Until Redis has answered, the incarnation may or may not exist.
        self._unreturned.append(incarnation)
        self._incarnation, self._claimed, self._certain = incarnation, [], False
        keys = [self._source.lease(incarnation), self._source.workers, self._source.tombs]
        await self._bus.redis.run("open", keys, [incarnation, self._lease_ms])
        self._certain = True

    async def reopen(self) -> None:
        """Return the items of earlier incarnations to the queue and open a new one.

        May be repeated until it succeeds.
        """
        self._certain = self._source is None
        self._claimed = []
        await self._return_items()
        await self.open()

    async def close(self) -> None:
        """Return unfinished items to the queue, in order and without a strike."""
        self._certain = self._source is None
        self._claimed = []
        await self._return_items()

    async def _return_items(self) -> None:
        while self._source is not None and self._unreturned:
            await reap(self._bus, self._source.name, self._unreturned[0], own=True)
            self._unreturned.pop(0)

    async def step(
        self,
        *,
        done: int = 0,
        outputs: Sequence[Output] = (),
        claim: int = 0,
        counts: Mapping[str, int] | None = None,
        audit: Sequence[bytes] = (),
    ) -> list[Item]:
        """Run one atomic step and return the newly claimed items.

        It renews the lease, pushes ``outputs``, acknowledges the first ``done`` claimed items and
        claims up to ``claim`` more, which follow those not yet done. ``counts`` are added to the
        day's statistics; ``audit`` (encoded Decisions) goes to the recorder.
        """
        if (
            done > len(self._claimed)
            or not 0 <= claim <= MOST_CLAIMED
            or (self._source is None and claim)
        ):
            raise ValueError(
                f"cannot acknowledge {done} of {len(self._claimed)} items and claim {claim}"
            )
        if self._source is None:
            for start in range(0, max(len(outputs), 1), PUSH_CHUNK):
                await self._run(_Step(0, outputs[start : start + PUSH_CHUNK], 0, counts, audit))
                counts, audit = None, ()
            return []
        return await self._run(_Step(done, outputs, claim, counts, audit))

    async def dead(self, item: Item, error: str) -> None:
        """Move ``item`` to the dead letters, with one line of ``error``.

        Raises ValueError if it is not the first claimed item.
        """
        if not self._claimed or self._claimed[0] != item.key:
            raise ValueError(f"{item.key} is not the first item in hand")
        line = " ".join(error.split())[:500] or "unknown error"
        await self._run(_Step(done=1, error=line))

    async def _run(self, step: _Step) -> list[Item]:
        if not self._certain:
            raise ConnectionLostError(
                "what became of the last step is unknown: reopen the pipe first"
            )
        keys, args = self._call(step)
        self._certain = self._source is None  # a producer's push may be repeated: it conflates
        try:
            reply = await self._bus.redis.run("step", keys, args)
        except BusRefusedError:
            self._certain = True
            raise
        self._certain = True
        del self._claimed[: step.done]
        return self._take(reply)

    def _call(self, step: _Step) -> tuple[list[Arg], list[Arg]]:
        """Return KEYS and ARGV of the step's script."""
        source = self._source
        keys: list[Arg] = [self._bus.keys.stats(self._period()), self._bus.keys.audit]
        keys += source.of_step(self._incarnation) if source is not None else ()
        args: list[Arg] = [int(source is not None), self._lease_ms, len(self._claimed)]
        args += (step.done, step.claim, self._worker, step.error, DEAD_CAP, AUDIT_CAP, STATS_MS)
        counters = step.counts or {}
        args.append(len(counters))
        for name, n in counters.items():
            args += (name, n)
        args += (len(step.audit), *step.audit)
        places: dict[str, int] = {}
        for output in step.outputs:
            place = places.get(output.queue)
            if place is None:
                place = places[output.queue] = len(keys) + 1
                keys += self._bus.keys.queue(output.queue).of_push
            args += (-place if output.returned else place, output.key, output.payload)
        return keys, args

    def _take(self, reply: list[bytes]) -> list[Item]:
        now_ms, alone = int(reply[0]), int(reply[1]) == 1
        items = []
        for i in range(2, len(reply), 2):
            key = reply[i][STAMP:].decode()
            self._claimed.append(key)
            items.append(
                Item(key, reply[i + 1], (now_ms - int(reply[i][: STAMP - 1])) / 1000, alone)
            )
        return items

    async def wait(self, *others: "Pipe") -> None:
        """Return when there may be something to claim, at the latest after a second.

        ``others`` are pipes whose items end the waiting too. Only for an idle consumer. Never
        cancel it or put it under a time-out: a cancelled pop may lose the bell and drops the
        connection.
        """
        sources = [pipe._source for pipe in (self, *others)]
        bells = [source.bell for source in sources if source is not None]
        if len(bells) < len(sources):
            raise ValueError("a pure producer has nothing to wait for")
        await self._bus.blocking.execute_command("BLPOP", *bells, BLOCK_S)

    async def touch(self) -> None:
        """Renew the lease during a long item; for another task of the same process.

        Raises LeaseLostError if it has expired.
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
    """Return the items claimed by ``incarnation`` to the queue.

    Returns (items put back, items dead), or (-1, 0) while its lease is live. ``own`` disregards the
    lease. An item that reaches ``strikes`` goes to the dead letters; 0 counts no strike.
    """
    keys = bus.keys.queue(queue)
    args: list[Arg] = [incarnation, int(own), strikes, DEAD_CAP, TOMB_MS]
    back, dead = await bus.redis.run("reap", keys.of_reap(incarnation), args)
    return int(back), int(dead)
