"""The loop of each process that serves a queue: one script a turn, which writes and claims.

A payload that does not decode becomes a dead letter, and the process goes on. Any other error of a
handler ends the process. Its items come back to its successor. The reaper makes a dead letter of an
item that kills three processes.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from keter.bus.errors import (
    BusRefusedError,
    ConnectionLostError,
    LeaseLostError,
    PoisonedPayloadError,
)
from keter.bus.queue import Item, Pipe
from keter.context import Context
from keter.processes.handling import Gather, Handle, Handling, Reaping
from keter.processes.turns import Handled, Turn

BATCH = 32
REFUSED_WAIT_S = 0.5
GATHER_POLL_S = 0.05
Tick = Callable[[], Awaitable[Handled]]


async def serve(
    context: Context,
    pipe: Pipe,
    handle: Handle,
    *,
    batch: int = BATCH,
    tick: Tick | None = None,
    gather: Gather | None = None,
    beside: Sequence[Pipe] = (),
) -> None:
    """Serve ``pipe`` until asked to stop, then return the items in hand to their queue.

    ``tick`` runs once a turn, at least each second, and at once when something comes to a pipe
    ``beside``, which it serves. With ``gather`` the items of its time are
    handled together in the order of their rank, at most ``batch`` of them.

    A lost lease or reply drops everything in hand and begins anew. Raises ConnectionLostError if
    Redis does not answer even then.
    """
    await pipe.open()
    server = _Server(context, pipe, handle, batch, tick, gather, beside)
    while not context.stop.is_set():
        try:
            await server.run()
        except (LeaseLostError, ConnectionLostError) as e:
            context.heart.count("reopened")
            context.log.warning("pipe_reopened", error=str(e))
            await pipe.reopen()
    await pipe.close()


class _Server:
    """The loop of one worker over its pipe."""

    def __init__(
        self,
        context: Context,
        pipe: Pipe,
        handle: Handle,
        batch: int,
        tick: Tick | None,
        gather: Gather | None,
        beside: Sequence[Pipe],
    ) -> None:
        self._context = context
        self._pipe = pipe
        self._handling = Handling(context, pipe, handle)
        self._batch = batch
        self._tick = tick
        self._gather = gather
        self._beside = beside
        self._reaping = Reaping(context)

    async def run(self) -> None:
        """Take turns until asked to stop.

        Raises LeaseLostError and ConnectionLostError: nothing in hand counts then.
        """
        turn = Turn()
        while not self._context.stop.is_set():
            await self._reaping.when_due()
            if self._tick is not None:
                turn.add(await self._tick(), done=0)
            items = await self._write(turn, self._batch)
            turn = Turn()
            if not items:
                await self._pipe.wait(*self._beside)
            if self._gather is not None and items:
                turn = await self._take_together(items, self._gather)
                continue
            for item in items:
                turn = await self._add(item, await self._handling.one(item), turn)
                if self._context.stop.is_set():
                    break
        if turn.done:
            await turn.write(self._pipe, 0)

    async def _write(self, turn: Turn, claim: int) -> list[Item]:
        """Write a turn and claim new items; try again while Redis refuses to write."""
        while True:
            try:
                return await turn.write(self._pipe, claim)
            except BusRefusedError as e:
                self._context.heart.count("refused")
                self._context.heart.error(str(e))
                if await self._context.pause(REFUSED_WAIT_S):
                    return []
                # A server that takes no writes renews no lease. The next step then raises.
                with suppress(BusRefusedError):
                    await self._pipe.touch()

    async def _take_together(self, items: list[Item], gather: Gather) -> Turn:
        """Gather more items, then handle all of them by rank."""
        deadline = self._context.clock.monotonic() + gather.seconds
        # Redis gives no further item beside one that is taken alone. Waiting for some would only
        # make the items behind it older.
        while (
            not items[0].alone
            and len(items) < self._batch
            and self._context.clock.monotonic() < deadline
        ):
            if await self._context.pause(GATHER_POLL_S):
                break
            items += await self._write(Turn(), self._batch - len(items))
        results = await self._handling.in_order(items, await gather.rank(items))
        turn = Turn()
        if any(isinstance(one, PoisonedPayloadError) for one in results.values()):
            # A dead letter leaves from its place in the queue, so the order is that of the queue.
            results = {place: results[place] for place in range(len(items))}
        # Else the outputs of the best item go first.
        for place, result in results.items():
            turn = await self._add(items[place], result, turn)
        return turn

    async def _add(self, item: Item, result: Handled | PoisonedPayloadError, turn: Turn) -> Turn:
        """Add a result to the turn; write the turn first if the item is a dead letter."""
        if not isinstance(result, PoisonedPayloadError):
            turn.add(result, done=1)
            return turn
        # A dead letter is taken from the head: what came before it is acknowledged first.
        await turn.write(self._pipe, 0)
        await self._handling.put_away(item, result)
        return Turn()
