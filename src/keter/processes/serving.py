"""The loop of every queue worker: finish what was done, hand on what comes of it, take more.

One script per turn.

A payload that does not decode goes to the dead letters and the worker goes on. Anything else that a
handler raises ends the process: the items come back to its successor, and the reaper puts one that
kills three workers with the dead letters too.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field

from structlog.contextvars import bound_contextvars

from keter.bus.errors import (
    BusRefusedError,
    ConnectionLostError,
    LeaseLostError,
    PoisonedPayloadError,
)
from keter.bus.queue import Item, Output, Pipe, Reaper
from keter.context import Context
from keter.domain.quotes import MarketUpdate

BATCH = 32
MOST_ERROR_TEXT = 500
REFUSED_WAIT_S = 0.5
GATHER_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Handled:
    """What one item came to: items for the next queue, counts for the day's statistics, decisions
    for the audit.
    """

    outputs: Sequence[Output] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    audit: Sequence[bytes] = ()


def together(parts: Sequence[Handled]) -> Handled:
    """One result out of several, in their order."""
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    outputs = [output for part in parts for output in part.outputs]
    return Handled(outputs, counts, [entry for part in parts for entry in part.audit])


def traced(update: MarketUpdate, selection_id: str | None = None) -> AbstractContextManager[None]:
    """While it is entered, every log line of this task names the signal: trace, event and, where it
    is one, the selection.
    """
    names = {
        "trace_id": update.trace_id,
        "event_uid": update.event.event_uid,
        "selection_id": selection_id,
    }
    return bound_contextvars(**{name: value for name, value in names.items() if value is not None})


Handle = Callable[[Item], Awaitable[Handled]]
Tick = Callable[[], Awaitable[Handled]]
Rank = Callable[[Sequence[Item]], Awaitable[Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Gather:
    """How items that arrive within ``seconds`` of the first are handled together: ``rank`` gives
    their places in order.
    """

    seconds: float
    rank: Rank


class _Turn:
    """What is done and not yet told to Redis."""

    def __init__(self) -> None:
        self.done = 0
        self.outputs: list[Output] = []
        self.counts: Counter[str] = Counter()
        self.audit: list[bytes] = []

    def add(self, handled: Handled, *, done: int) -> None:
        self.done += done
        self.outputs.extend(handled.outputs)
        self.counts.update(handled.counts)
        self.audit.extend(handled.audit)

    async def tell(self, pipe: Pipe, claim: int) -> list[Item]:
        """Raise BusRefusedError when Redis is full: nothing has happened then, and the same turn
        may be told again.
        """
        return await pipe.step(
            done=self.done, outputs=self.outputs, claim=claim, counts=self.counts, audit=self.audit
        )


async def serve(
    context: Context,
    pipe: Pipe,
    handle: Handle,
    *,
    batch: int = BATCH,
    tick: Tick | None = None,
    gather: Gather | None = None,
) -> None:
    """Serve ``pipe`` until asked to stop, then hands back what it holds.

    ``tick`` runs once per turn, at least each second.

    With ``gather`` a turn's items are those of its time, at most ``batch``, handled in the order of
    their rank.

    A lost lease or reply drops everything in hand and begins a new incarnation; when Redis does not
    answer even then, ConnectionLostError comes out and the runtime waits for Redis.
    """
    await pipe.open()
    server = _Server(context, pipe, handle, batch, tick, gather)
    while not context.stop.is_set():
        try:
            await server.incarnation()
        except (LeaseLostError, ConnectionLostError) as e:
            context.heart.count("reopened")
            context.log.warning("pipe_reopened", error=str(e))
            await pipe.reopen()
    await pipe.close()


class _Server:
    """One worker's loop over its pipe."""

    def __init__(
        self,
        context: Context,
        pipe: Pipe,
        handle: Handle,
        batch: int,
        tick: Tick | None,
        gather: Gather | None,
    ) -> None:
        self._context = context
        self._pipe = pipe
        self._handle = handle
        self._batch = batch
        self._tick = tick
        self._gather = gather
        self._reaper = Reaper(context.bus, lease_ttl_s=context.settings.process.worker_lease_ttl_s)
        self._reap_due = context.clock.monotonic()

    async def incarnation(self) -> None:
        """Turn after turn until asked to stop.

        Raises LeaseLostError and ConnectionLostError: nothing in hand counts then.
        """
        turn = _Turn()
        while not self._context.stop.is_set():
            await self._reap()
            if self._tick is not None:
                turn.add(await self._tick(), done=0)
            items = await self._report(turn, self._batch)
            turn = _Turn()
            if not items:
                await self._pipe.wait()
            if self._gather is not None and items:
                turn = await self._take_together(items, self._gather)
                continue
            for item in items:
                turn = await self._take(item, turn)
                if self._context.stop.is_set():
                    break
        if turn.done:
            await turn.tell(self._pipe, 0)

    async def _report(self, turn: _Turn, claim: int) -> list[Item]:
        """Keep what is done in hand while Redis refuses to write: nothing is claimed meanwhile,
        nothing is lost.
        """
        while True:
            try:
                return await turn.tell(self._pipe, claim)
            except BusRefusedError as e:
                self._context.heart.count("refused")
                self._context.heart.error(str(e))
                if await self._context.pause(REFUSED_WAIT_S):
                    return []
                # What takes no writes at all renews no lease; the next step tells.
                with suppress(BusRefusedError):
                    await self._pipe.touch()

    async def _take(self, item: Item, turn: _Turn) -> _Turn:
        return await self._add(item, await self._handled(item), turn)

    async def _take_together(self, items: list[Item], gather: Gather) -> _Turn:
        """Handle all of them by rank, and only then acknowledges, which goes by their places in
        the queue.
        """
        deadline = self._context.clock.monotonic() + gather.seconds
        # No further item is given beside one that is taken alone: to wait for some would make all
        # behind it old.
        while (
            not items[0].alone
            and len(items) < self._batch
            and self._context.clock.monotonic() < deadline
        ):
            if await self._context.pause(GATHER_POLL_S):
                break
            items += await self._report(_Turn(), self._batch - len(items))
        results = await self._in_order(items, await gather.rank(items))
        turn = _Turn()
        if not any(isinstance(one, PoisonedPayloadError) for one in results.values()):
            for place, result in results.items():  # what comes of the best goes on first
                turn = await self._add(items[place], result, turn)
            return turn
        for place, item in enumerate(items):  # a dead letter leaves from its place
            turn = await self._add(item, results[place], turn)
        return turn

    async def _in_order(
        self, items: Sequence[Item], order: Sequence[int]
    ) -> dict[int, Handled | PoisonedPayloadError]:
        """What comes of each place, in ``order``; the lease is renewed meanwhile, since many items
        may outlast it.
        """
        context, results = self._context, dict[int, Handled | PoisonedPayloadError]()
        renew_s = context.settings.process.worker_lease_ttl_s / 4
        renewed = context.clock.monotonic()
        for place in order:
            if context.clock.monotonic() - renewed > renew_s:
                await self._pipe.touch()
                renewed = context.clock.monotonic()
            results[place] = await self._handled(items[place])
        return results

    async def _handled(self, item: Item) -> Handled | PoisonedPayloadError:
        context = self._context
        started = context.clock.monotonic()
        try:
            handled = await self._handle(item)
        except PoisonedPayloadError as e:
            return e
        except Exception as e:
            e.add_note(f"while handling {item.key}")
            raise
        context.heart.count("items")
        context.heart.observe("handle", context.clock.monotonic() - started)
        context.heart.observe("wait", item.waited_s)
        return handled

    async def _add(self, item: Item, result: Handled | PoisonedPayloadError, turn: _Turn) -> _Turn:
        if not isinstance(result, PoisonedPayloadError):
            turn.add(result, done=1)
            return turn
        # A dead letter is taken from the head: what came before it is acknowledged first.
        await turn.tell(self._pipe, 0)
        await self._bury(item, str(result)[:MOST_ERROR_TEXT])
        return _Turn()

    async def _bury(self, item: Item, error: str) -> None:
        await self._pipe.dead(item, error)
        self._context.heart.count("poisoned")
        self._context.heart.error(f"poisoned payload: {error}")
        self._context.log.error("payload_poisoned", key=item.key, error=error)

    async def _reap(self) -> None:
        """Return the items of dead workers; every queue worker does it, so there is always
        somebody.
        """
        now = self._context.clock.monotonic()
        if now >= self._reap_due:
            self._reap_due = now + self._context.settings.process.worker_lease_ttl_s / 2
            with suppress(BusRefusedError):  # it is tried again; what is in hand must not go by it
                self._context.heart.count("reaped", await self._reaper.run_once())
