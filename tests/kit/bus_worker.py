"""A queue worker in a process of its own that stops at every step and waits for a word: ``python -m
tests.kit.bus_worker``.

Arguments: address of Redis, name, lease in seconds, items per claim, and ``walk`` or ``run``. With
``walk`` it prints the name of each point it reaches and waits for a line on standard input; with
``run`` it goes on until its input ends. It moves items from the raw to the validated queue, adding
its name, and buries payloads that read ``poison``.
"""

import asyncio
import sys

from keter.bus.connection import connect
from keter.bus.errors import BusRefusedError, ConnectionLostError, LeaseLostError
from keter.bus.queue import Item, Output, Pipe, QueueName, Reaper, queues_of
from keter.errors import UnavailableError
from tests.kit.signals import ACCOUNT

POINTS = ("opened", "claimed", "half done", "done", "stepped")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Worker:
    """One worker's life."""

    def __init__(self, pipe: Pipe, reaper: Reaper, name: str, claim: int, walk: bool) -> None:
        self._pipe = pipe
        self._reaper = reaper
        self._name = name
        self._claim = claim
        self._walk = walk
        self.over = asyncio.Event()

    async def point(self, name: str) -> None:
        """Print the point; when walking, wait for a line before going on."""
        say(name)
        if self._walk and not await asyncio.to_thread(sys.stdin.readline):
            self.over.set()

    async def live(self) -> None:
        await self._pipe.open()
        await self.point("opened")
        while not self.over.is_set():
            try:
                await self._turn()
            except (LeaseLostError, ConnectionLostError) as e:
                say(f"lost {type(e).__name__}")
                await self._reopen()
        await self._pipe.close()

    async def _reopen(self) -> None:
        while not self.over.is_set():
            try:
                await self._pipe.reopen()
            except (ConnectionLostError, LeaseLostError, BusRefusedError):
                await asyncio.sleep(0.02)
            else:
                return

    async def _turn(self) -> None:
        await self._reaper.run_once()
        items = await self._pipe.step(claim=self._claim)
        if not items:
            await self._pipe.wait()
            await self.point("idle")
            return
        await self.point("claimed")
        outputs: list[Output] = []
        for n, item in enumerate(items):
            if n == len(items) // 2:
                await self.point("half done")
            outputs += await self._work(item, outputs)
        await self.point("done")
        await self._pipe.step(done=len(outputs), outputs=outputs)
        await self.point("stepped")

    async def _work(self, item: Item, before: list[Output]) -> list[Output]:
        if item.payload != b"poison":
            return [
                Output(QueueName.VALIDATED, item.key, item.payload + b"|" + self._name.encode())
            ]
        await self._pipe.step(done=len(before), outputs=before)
        before.clear()
        await self._pipe.dead(item, "it says poison")
        return []


async def main(url: str, name: str, lease_s: float, claim: int, walk: bool) -> None:
    while True:
        try:
            bus = await connect(url)
        except UnavailableError:
            await asyncio.sleep(0.02)
        else:
            break
    pipe = Pipe(bus, source=QueueName.RAW, worker=name, lease_ttl_s=lease_s)
    worker = Worker(pipe, Reaper(bus, queues=queues_of([ACCOUNT])), name, claim, walk)
    if not walk:
        watcher = asyncio.create_task(_until_input_ends(worker.over))
    await worker.live()
    await bus.aclose()
    if not walk:
        watcher.cancel()


async def _until_input_ends(over: asyncio.Event) -> None:
    await asyncio.to_thread(sys.stdin.read)
    over.set()


if __name__ == "__main__":
    asyncio.run(
        main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "walk")
    )
