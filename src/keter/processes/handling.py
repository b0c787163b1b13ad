"""Calls a process's handler for its items, measures it, and puts away what it cannot read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from keter.bus.errors import BusRefusedError, PoisonedPayloadError
from keter.bus.queue import Item, Pipe, Reaper, queues_of
from keter.context import Context
from keter.processes.redis_following import REDIS_TROUBLE
from keter.processes.turns import Handled
from keter.system.tasks import end_tasks, sleep

MOST_ERROR_TEXT = 500
Handle = Callable[[Item], Awaitable[Handled]]
Rank = Callable[[Sequence[Item]], Awaitable[Sequence[int]]]


@dataclass(frozen=True, slots=True)
class Gather:
    """How items that arrive within ``seconds`` of the first are handled together.

    ``rank`` returns their indexes in the order in which they are handled.
    """

    seconds: float
    rank: Rank


class Handling:
    """One process's handler over the items of its pipe."""

    def __init__(self, context: Context, pipe: Pipe, handle: Handle) -> None:
        self._context = context
        self._pipe = pipe
        self._handle = handle

    async def one(self, item: Item) -> Handled | PoisonedPayloadError:
        """Return what came of an item, or the error if its payload does not decode."""
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

    async def in_order(
        self, items: Sequence[Item], order: Sequence[int]
    ) -> dict[int, Handled | PoisonedPayloadError]:
        """Return what came of each index, handled in ``order``.

        The lease is renewed meanwhile: many items may outlast it.
        """
        context, results = self._context, dict[int, Handled | PoisonedPayloadError]()
        renew_s = context.settings.process.worker_lease_ttl_s / 4
        renewed = context.clock.monotonic()
        for place in order:
            if context.clock.monotonic() - renewed > renew_s:
                await self._pipe.touch()
                renewed = context.clock.monotonic()
            results[place] = await self.one(items[place])
        return results

    async def put_away(self, item: Item, error: PoisonedPayloadError) -> None:
        """Move the item at the head of the queue to the dead letters."""
        await put_away(self._context, self._pipe, item, error)


async def put_away(context: Context, pipe: Pipe, item: Item, error: PoisonedPayloadError) -> None:
    """Move the item at the head of the pipe's queue to the dead letters."""
    text = str(error)[:MOST_ERROR_TEXT]
    await pipe.dead(item, text)
    context.heart.count("poisoned")
    context.heart.error(f"poisoned payload: {text}")
    context.log.error("payload_poisoned", key=item.key, error=text)


@asynccontextmanager
async def kept_leases(context: Context, pipes: Sequence[Pipe]) -> AsyncIterator[None]:
    """Renew the leases of the pipes meanwhile: a call to the venue may outlast them."""
    renewal = asyncio.create_task(_renew_leases(context, pipes), name="pipe leases")
    try:
        yield
    finally:
        await end_tasks(renewal)


async def _renew_leases(context: Context, pipes: Sequence[Pipe]) -> None:
    period_s = context.settings.process.worker_lease_ttl_s / 3
    # A pipe's next step meets the same trouble and acts on it.
    with suppress(*REDIS_TROUBLE):
        while pipes:
            await sleep(period_s)
            for pipe in pipes:
                await pipe.touch()


class Reaping:
    """Return the items of dead workers now and then. Every worker does it, for all queues."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._every_s = context.settings.process.worker_lease_ttl_s / 2
        self._reaper = Reaper(
            context.bus,
            queues=queues_of(context.accounts),
            lease_ttl_s=context.settings.process.worker_lease_ttl_s,
        )
        self._due = context.clock.monotonic()

    async def when_due(self) -> None:
        """Look for dead workers twice in the life of a lease."""
        now = self._context.clock.monotonic()
        if now >= self._due:
            self._due = now + self._every_s
            # A refusal must not cost the items in hand. It is tried again.
            with suppress(BusRefusedError):
                self._context.heart.count("reaped", await self._reaper.run_once())
