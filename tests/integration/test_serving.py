"""The loop of the queue workers, against a real Redis."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keter.bus.connection import Bus
from keter.bus.errors import ConnectionLostError, PoisonedPayloadError
from keter.bus.queue import Item, Output, QueueName, Reaper, depths, read_dead
from keter.bus.telemetry.audit import read_counts
from keter.clock import ManualClock
from keter.context import Context
from keter.processes.handling import Gather, Handle, Rank
from keter.processes.serving import Tick, serve
from keter.processes.turns import Handled
from keter.settings import Settings
from tests.kit.execution import ACCOUNT
from tests.kit.support import RedisServer, eventually
from tests.kit.workbench import context_on, drain, opened, push, settings_for, working

pytestmark = pytest.mark.redis


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path)


async def pass_on(item: Item) -> Handled:
    if item.payload == b"poison":
        raise PoisonedPayloadError("not a number: poison")
    return Handled(
        [Output(QueueName.VALIDATED, item.key, item.payload)], {"test:ok": 1}, [b"audited"]
    )


def serving(handle: Handle, tick: Tick | None = None) -> Callable[[Context], Awaitable[None]]:
    async def run(context: Context) -> None:
        await serve(context, context.pipe(QueueName.RAW), handle, tick=tick)

    return run


async def empty(bus: Bus, queue: QueueName) -> bool:
    facts = (await depths(bus, [ACCOUNT]))[queue]
    return facts.depth == facts.in_flight == 0


async def test_everything_is_handed_on_once_and_counted(redis_url: str, settings: Settings) -> None:
    async with opened(redis_url) as bus:
        context = context_on(bus, settings)
        await push(bus, QueueName.RAW, *((f"k{i}", b"%d" % i) for i in range(200)))
        async with working(context, serving(pass_on)):
            await eventually(lambda: empty(bus, QueueName.RAW))
        taken = await drain(bus, QueueName.VALIDATED)
        assert [item.payload for item in taken] == [b"%d" % i for i in range(200)]
        assert (await read_counts(bus, context.period()))["test:ok"] == 200


async def test_poison_goes_to_the_dead_letters_and_its_neighbours_go_on(
    redis_url: str, settings: Settings
) -> None:
    async with opened(redis_url) as bus:
        context = context_on(bus, settings)
        payloads = [b"0", b"poison", b"2", b"poison", b"4"]
        await push(bus, QueueName.RAW, *((f"k{i}", payload) for i, payload in enumerate(payloads)))
        async with working(context, serving(pass_on)):
            await eventually(lambda: empty(bus, QueueName.RAW))
        assert [item.key for item in await drain(bus, QueueName.VALIDATED)] == ["k0", "k2", "k4"]
        letters = await read_dead(bus, QueueName.RAW)
        assert [(letter.key, letter.error) for letter in letters] == [
            ("k3", "not a number: poison"),
            ("k1", "not a number: poison"),
        ]
        assert (await read_counts(bus, context.period()))["test:ok"] == 3


async def test_a_worker_asked_to_stop_finishes_its_item_and_gives_the_rest_back(
    redis_url: str, settings: Settings
) -> None:
    async with opened(redis_url) as bus:
        context = context_on(bus, settings)

        async def stop_at_third(item: Item) -> Handled:
            if item.key == "k2":
                context.stop.set()
            return await pass_on(item)

        await push(bus, QueueName.RAW, *((f"k{i}", b"x") for i in range(6)))
        await asyncio.wait_for(serving(stop_at_third)(context), 5)
        assert [item.key for item in await drain(bus, QueueName.VALIDATED)] == ["k0", "k1", "k2"]
        assert [item.key for item in await drain(bus, QueueName.RAW)] == ["k3", "k4", "k5"]


@pytest.mark.slow
async def test_what_a_crashed_worker_held_comes_back_to_a_colleague(
    redis_url: str, settings: Settings
) -> None:
    async with opened(redis_url) as bus:

        async def crash(item: Item) -> Handled:
            raise ZeroDivisionError(item.key)

        await push(bus, QueueName.RAW, ("k0", b"x"), ("k1", b"y"))
        with pytest.raises(ZeroDivisionError) as caught:
            await serving(crash)(context_on(bus, settings, worker="first"))
        assert caught.value.__notes__ == ["while handling k0"]
        async with working(context_on(bus, settings, worker="second"), serving(pass_on)):
            await eventually(lambda: empty(bus, QueueName.RAW))
        assert [item.key for item in await drain(bus, QueueName.VALIDATED)] == ["k0", "k1"]


@pytest.mark.slow
async def test_an_item_that_kills_every_worker_ends_with_the_dead_letters(
    redis_url: str, settings: Settings
) -> None:
    async with opened(redis_url) as bus:

        async def crash_on_k0(item: Item) -> Handled:
            if item.key == "k0":
                raise ZeroDivisionError(item.key)
            return await pass_on(item)

        await push(bus, QueueName.RAW, ("k0", b"x"), ("k1", b"y"))

        async def one_life() -> bool:
            context = context_on(bus, settings)
            task = asyncio.ensure_future(serving(crash_on_k0)(context))
            await eventually(lambda: _done_or_empty(task, bus), timeout_s=20)
            context.stop.set()
            await asyncio.wait({task})
            return task.exception() is not None

        lives = 0
        while await one_life():
            lives += 1
        assert lives == 3
        assert [(letter.key, letter.payload) for letter in await read_dead(bus, QueueName.RAW)] == [
            ("k0", b"x")
        ]
        assert [item.key for item in await drain(bus, QueueName.VALIDATED)] == ["k1"]


async def _done_or_empty(task: asyncio.Future[None], bus: Bus) -> bool:
    return task.done() or await empty(bus, QueueName.RAW)


async def test_cut_connections_lose_nothing_and_hand_nothing_on_twice(
    redis_url: str, settings: Settings
) -> None:
    async with opened(redis_url) as bus, opened(redis_url) as axe:
        context = context_on(bus, settings)
        handed: list[str] = []

        async def cut_sometimes(item: Item) -> Handled:
            if int(item.payload) % 40 == 7 and item.key not in handed:
                handed.append(item.key)
                await axe.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            return await pass_on(item)

        async def seen_empty() -> bool:
            try:
                return await empty(axe, QueueName.RAW)
            except ConnectionLostError:  # this look's connection was cut with the others
                return False

        await push(bus, QueueName.RAW, *((f"k{i}", b"%d" % i) for i in range(200)))
        async with working(context, serving(cut_sometimes)):
            await eventually(seen_empty, timeout_s=20)
        assert len(handed) == 5
        taken = await drain(axe, QueueName.VALIDATED)
        assert sorted(int(item.payload) for item in taken) == list(range(200))
        assert (await read_counts(axe, context.period()))["test:ok"] == 200


async def test_a_tick_puts_items_into_the_next_queue_without_any_input(
    redis_url: str, settings: Settings
) -> None:
    async with opened(redis_url) as bus:
        ticks = 0

        async def tick() -> Handled:
            nonlocal ticks
            ticks += 1
            return Handled([Output(QueueName.CONFIRMED, f"t{ticks}", b"x")])

        async with working(context_on(bus, settings), serving(pass_on, tick=tick)):
            await eventually(lambda: ticks >= 2)
        assert [item.key for item in await drain(bus, QueueName.CONFIRMED)][:2] == ["t1", "t2"]


async def test_a_full_redis_is_waited_out_with_everything_in_hand(settings: Settings) -> None:
    server = RedisServer()
    try:
        async with opened(server.url) as bus:
            context = context_on(bus, settings)

            async def fill_up_at_third(item: Item) -> Handled:
                if item.key == "k2" and not context.heart._counters.get("refused"):
                    await bus.redis.execute_command("CONFIG", "SET", "maxmemory", "1")
                return await pass_on(item)

            await push(bus, QueueName.RAW, *((f"k{i}", b"x") for i in range(5)))
            async with working(context, serving(fill_up_at_third)):
                await eventually(lambda: context.heart._counters.get("refused", 0) >= 2)
                await bus.redis.execute_command("CONFIG", "SET", "maxmemory", "0")
                await eventually(lambda: empty(bus, QueueName.RAW))
            assert [item.key for item in await drain(bus, QueueName.VALIDATED)] == [
                f"k{i}" for i in range(5)
            ]
            assert (await read_counts(bus, context.period()))["test:ok"] == 5
    finally:
        server.close()


@pytest.mark.slow
async def test_a_redis_that_takes_no_writes_at_all_is_waited_out_too(settings: Settings) -> None:
    """A replica renews no lease either, and a worker that ended by that would come back to items
    with strikes.
    """
    server = RedisServer()
    try:
        async with opened(server.url) as bus:
            context = context_on(bus, settings)

            async def demote_at_third(item: Item) -> Handled:
                if item.key == "k2" and not context.heart._counters.get("refused"):
                    await bus.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
                return await pass_on(item)

            await push(bus, QueueName.RAW, *((f"k{i}", b"x") for i in range(5)))
            async with working(context, serving(demote_at_third)) as work:
                await eventually(
                    lambda: work.done() or context.heart._counters.get("refused", 0) >= 2
                )
                await bus.redis.execute_command("REPLICAOF", "NO", "ONE")
                await eventually(lambda: work.done() or empty(bus, QueueName.RAW))
            assert [item.key for item in await drain(bus, QueueName.VALIDATED)] == [
                f"k{i}" for i in range(5)
            ]
            assert (await read_counts(bus, context.period()))["test:ok"] == 5
    finally:
        server.close()


async def test_what_is_in_hand_stays_there_when_nothing_can_be_taken_back_from_the_dead(
    settings: Settings,
) -> None:
    """The look for dead workers comes before the next step and writes as well."""
    server, clock = RedisServer(), ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    try:
        async with opened(server.url) as bus:
            context = dataclasses.replace(context_on(bus, settings), clock=clock)
            await drain(bus, QueueName.RAW)  # leaves a tomb to be looked after

            async def demote(item: Item) -> Handled:
                if not context.heart._counters.get("refused"):
                    await bus.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
                    clock.set(clock.now() + timedelta(seconds=60))
                return await pass_on(item)

            await push(bus, QueueName.RAW, ("k0", b"x"))
            async with working(context, serving(demote)) as work:
                await eventually(
                    lambda: work.done() or context.heart._counters.get("refused", 0) >= 1
                )
                await bus.redis.execute_command("REPLICAOF", "NO", "ONE")
                await eventually(lambda: work.done() or empty(bus, QueueName.RAW))
            assert [item.key for item in await drain(bus, QueueName.VALIDATED)] == ["k0"]
    finally:
        server.close()


@pytest.mark.slow
async def test_what_is_gathered_stays_in_hand_while_redis_takes_no_writes(
    settings: Settings,
) -> None:
    server = RedisServer()
    try:
        async with opened(server.url) as bus:
            context = context_on(bus, settings)
            await push(bus, QueueName.RAW, ("a", b"1"), ("b", b"2"))
            async with working(context, gathering(pass_on, highest_first, seconds=5)) as work:
                await eventually(lambda: _in_hand(bus, 2))
                await bus.redis.execute_command("REPLICAOF", "127.0.0.1", "1")
                await eventually(
                    lambda: work.done() or context.heart._counters.get("refused", 0) >= 1
                )
                await bus.redis.execute_command("REPLICAOF", "NO", "ONE")
                await eventually(lambda: work.done() or empty(bus, QueueName.RAW))
            assert [item.payload for item in await drain(bus, QueueName.VALIDATED)] == [b"2", b"1"]
    finally:
        server.close()


def gathering(
    handle: Handle, rank: Rank, seconds: float = 0.3
) -> Callable[[Context], Awaitable[None]]:
    async def run(context: Context) -> None:
        await serve(
            context, context.pipe(QueueName.RAW), handle, batch=8, gather=Gather(seconds, rank)
        )

    return run


async def highest_first(items: Sequence[Item]) -> list[int]:
    return sorted(range(len(items)), key=lambda place: items[place].payload, reverse=True)


async def test_items_that_arrive_together_go_on_in_the_order_of_their_rank(
    redis_url: str, settings: Settings
) -> None:
    async with opened(redis_url) as bus:
        context = context_on(bus, settings)
        await push(bus, QueueName.RAW, ("a", b"2"), ("b", b"1"))
        async with working(context, gathering(pass_on, highest_first, seconds=5)):
            await eventually(lambda: _in_hand(bus, 2))
            await push(bus, QueueName.RAW, *((f"later{i}", b"%d" % (i + 3)) for i in range(6)))
            await eventually(lambda: empty(bus, QueueName.RAW))
        taken = await drain(bus, QueueName.VALIDATED)
        assert [item.payload for item in taken] == [b"8", b"7", b"6", b"5", b"4", b"3", b"2", b"1"]
        assert (await read_counts(bus, context.period()))["test:ok"] == 8


async def _in_hand(bus: Bus, count: int) -> bool:
    return (await depths(bus, [ACCOUNT]))[QueueName.RAW].in_flight == count


async def test_poison_among_what_is_ranked_is_put_away_and_nothing_else_is_lost(
    redis_url: str, settings: Settings
) -> None:
    async with opened(redis_url) as bus:
        context = context_on(bus, settings)
        payloads = [b"0", b"poison", b"2", b"poison", b"4"]
        await push(bus, QueueName.RAW, *((f"k{i}", payload) for i, payload in enumerate(payloads)))
        async with working(context, gathering(pass_on, highest_first)):
            await eventually(lambda: empty(bus, QueueName.RAW))
        assert {item.key for item in await drain(bus, QueueName.VALIDATED)} == {"k0", "k2", "k4"}
        assert {letter.key for letter in await read_dead(bus, QueueName.RAW)} == {"k1", "k3"}
        assert (await read_counts(bus, context.period()))["test:ok"] == 3


@pytest.mark.slow
async def test_what_is_gathered_by_a_worker_that_dies_comes_back(
    redis_url: str, settings: Settings
) -> None:
    async with opened(redis_url) as bus:

        async def crash(item: Item) -> Handled:
            raise ZeroDivisionError(item.key)

        await push(bus, QueueName.RAW, ("k0", b"1"), ("k1", b"2"))
        with pytest.raises(ZeroDivisionError):
            await gathering(crash, highest_first, seconds=0)(
                context_on(bus, settings, worker="first")
            )
        async with working(
            context_on(bus, settings, worker="second"), gathering(pass_on, highest_first)
        ):
            await eventually(lambda: empty(bus, QueueName.RAW))
        assert {item.key for item in await drain(bus, QueueName.VALIDATED)} == {"k0", "k1"}


async def test_what_cost_workers_their_lives_is_not_waited_beside(
    redis_url: str, settings: Settings
) -> None:
    """Such items are claimed one by one, so a wait beside each would make all of them, and all
    behind them, old.
    """
    async with opened(redis_url) as bus:
        await push(bus, QueueName.RAW, *((f"k{i}", b"%d" % i) for i in range(8)))
        lost = context_on(bus, settings, worker="lost").pipe(QueueName.RAW)
        await lost.open()
        assert len(await lost.step(claim=8)) == 8
        await bus.redis.delete(bus.keys.queue(QueueName.RAW).lease(lost.incarnation))
        assert await Reaper(bus, queues=[QueueName.RAW]).run_once() == 8
        never = 3600
        async with working(
            context_on(bus, settings), gathering(pass_on, highest_first, seconds=never)
        ):
            await eventually(lambda: empty(bus, QueueName.RAW))
        assert len(await drain(bus, QueueName.VALIDATED)) == 8
