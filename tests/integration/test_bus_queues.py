"""The conflating queue on a real server: every part of the step script, opening, closing, reaping,
dead letters.
"""

from collections.abc import Sequence

import pytest

from keter.bus.connection import Bus
from keter.bus.errors import LeaseLostError
from keter.bus.queue import Item, Output, Pipe, QueueName, Reaper, depths, queues_of, read_dead
from keter.bus.telemetry.audit import add_counts, read_counts
from tests.kit.execution import ACCOUNT
from tests.kit.support import eventually

RAW, VALIDATED, CONFIRMED = QueueName.RAW, QueueName.VALIDATED, QueueName.CONFIRMED
LEASE_S = 5.0


def producer(bus: Bus) -> Pipe:
    return Pipe(bus, source=None, worker="ingest", lease_ttl_s=LEASE_S)


async def push(bus: Bus, *items: tuple[str, bytes], queue: QueueName = RAW) -> None:
    await producer(bus).step(outputs=[Output(queue, key, payload) for key, payload in items])


async def worker(bus: Bus, name: str = "w", queue: QueueName = RAW) -> Pipe:
    pipe = Pipe(bus, source=queue, worker=name, lease_ttl_s=LEASE_S)
    await pipe.open()
    return pipe


async def end_lease(bus: Bus, pipe: Pipe, queue: QueueName = RAW) -> None:
    """As if the lease's time had passed."""
    assert await bus.redis.delete(bus.keys.queue(queue).lease(pipe.incarnation)) == 1


def keys_of(items: Sequence[Item]) -> list[str]:
    return [item.key for item in items]


async def test_items_come_out_in_the_order_in_which_their_keys_first_waited(bus: Bus) -> None:
    await push(bus, ("a", b"1"), ("b", b"1"), ("c", b"1"))
    pipe = await worker(bus)
    assert [(item.key, item.payload) for item in await pipe.step(claim=2)] == [
        ("a", b"1"),
        ("b", b"1"),
    ]
    assert keys_of(await pipe.step(done=2, claim=64)) == ["c"]
    assert await pipe.step(done=1, claim=64) == []


async def test_a_newer_payload_replaces_the_waiting_one_and_keeps_its_place(bus: Bus) -> None:
    await push(bus, ("a", b"1"), ("b", b"1"))
    await push(bus, ("a", b"2"))
    pipe = await worker(bus)
    assert [(item.key, item.payload) for item in await pipe.step(claim=64)] == [
        ("a", b"2"),
        ("b", b"1"),
    ]


async def test_a_key_in_flight_is_in_nobody_elses_hands_until_it_is_done(bus: Bus) -> None:
    """Otherwise an old price could overtake a new one downstream."""
    await push(bus, ("a", b"1"))
    first, second = await worker(bus, "first"), await worker(bus, "second")
    await first.step(claim=1)
    await push(bus, ("a", b"2"))
    assert await second.step(claim=1) == []
    assert (await depths(bus, [ACCOUNT]))[RAW].depth == 0
    await first.step(done=1)
    assert [item.payload for item in await second.step(claim=1)] == [b"2"]


async def test_one_step_acknowledges_pushes_counts_and_records_together(bus: Bus) -> None:
    await push(bus, ("a", b"1"), ("b", b"1"))
    pipe = Pipe(bus, source=RAW, worker="w", lease_ttl_s=LEASE_S, period=lambda: "2026-02-21")
    await pipe.open()
    await pipe.step(claim=2)
    outputs = [
        Output(VALIDATED, "a", b"x"),
        Output(CONFIRMED, "b", b"y"),
        Output(VALIDATED, "b", b"z"),
    ]
    await pipe.step(
        done=2, outputs=outputs, counts={"edge:ok": 2, "edge:ev_too_low": 1}, audit=[b"d1", b"d2"]
    )
    facts = await depths(bus, [ACCOUNT])
    assert (facts[RAW].depth, facts[RAW].in_flight) == (0, 0)
    assert (facts[VALIDATED].depth, facts[CONFIRMED].depth) == (2, 1)
    assert await read_counts(bus, "2026-02-21") == {"edge:ok": 2, "edge:ev_too_low": 1}
    assert await bus.redis.read_list(bus.keys.audit, 0, -1) == [b"d1", b"d2"]


async def test_items_still_in_hand_stay_in_hand_while_more_are_claimed(bus: Bus) -> None:
    await push(bus, *[(name, b"1") for name in "abcde"])
    pipe = await worker(bus)
    await pipe.step(claim=3)
    assert keys_of(await pipe.step(done=1, claim=1)) == ["d"]
    await pipe.step(done=3)
    facts = (await depths(bus, [ACCOUNT]))[RAW]
    assert (facts.depth, facts.in_flight) == (1, 0)


async def test_more_cannot_be_acknowledged_than_is_in_hand(bus: Bus) -> None:
    pipe = await worker(bus)
    with pytest.raises(ValueError, match="cannot acknowledge 1 of 0"):
        await pipe.step(done=1)
    with pytest.raises(ValueError, match="claim 65"):
        await pipe.step(claim=65)


async def test_a_pure_producer_can_take_nothing(bus: Bus) -> None:
    pipe = producer(bus)
    with pytest.raises(ValueError, match="claim 1"):
        await pipe.step(claim=1)
    with pytest.raises(ValueError, match="nothing to wait for"):
        await pipe.wait()


async def test_a_producers_large_push_is_cut_into_short_scripts_and_counted_once(bus: Bus) -> None:
    pipe = Pipe(bus, source=None, worker="ingest", lease_ttl_s=LEASE_S, period=lambda: "d")
    await pipe.open()
    await pipe.step(
        outputs=[Output(RAW, f"k{i}", b"p") for i in range(2_500)],
        counts={"ingest:changed": 2_500},
        audit=[b"one"],
    )
    assert (await depths(bus, [ACCOUNT]))[RAW].depth == 2_500
    assert await read_counts(bus, "d") == {"ingest:changed": 2_500}
    assert await bus.redis.llen(bus.keys.audit) == 1


async def test_a_consumer_may_push_thousands_in_one_step(bus: Bus) -> None:
    """The script's lists are cut where Lua's unpack would fail."""
    await push(bus, ("a", b"1"))
    pipe = await worker(bus)
    await pipe.step(claim=1)
    await pipe.step(done=1, outputs=[Output(VALIDATED, f"k{i}", b"p") for i in range(9_000)])
    assert (await depths(bus, [ACCOUNT]))[VALIDATED].depth == 9_000


async def test_without_a_consumer_a_queue_holds_no_more_than_its_keys(bus: Bus) -> None:
    for version in range(20):
        await push(bus, *[(f"m{i}", b"v%d" % version) for i in range(100)])
    keys = bus.keys.queue(RAW)
    assert (await depths(bus, [ACCOUNT]))[RAW].depth == 100
    assert await bus.redis.hlen(keys.payload) == 100
    assert await bus.redis.llen(keys.bell) == 1


async def test_a_push_rings_the_bell_of_an_idle_worker(bus: Bus) -> None:
    pipe = await worker(bus)
    await push(bus, ("a", b"1"))
    await pipe.wait()
    assert await bus.redis.llen(bus.keys.queue(RAW).bell) == 0
    assert keys_of(await pipe.step(claim=1)) == ["a"]


async def test_an_idle_worker_comes_back_within_about_a_second_without_a_bell(bus: Bus) -> None:
    pipe = await worker(bus)
    before = await bus.now_ms()
    await pipe.wait()
    assert 900 <= await bus.now_ms() - before <= 2_500


async def test_a_worker_that_leaves_items_waiting_rings_for_a_colleague(bus: Bus) -> None:
    await push(bus, ("a", b"1"), ("b", b"1"))
    first, second = await worker(bus, "first"), await worker(bus, "second")
    await first.wait()
    await first.step(claim=1)
    before = await bus.now_ms()
    await second.wait()
    assert await bus.now_ms() - before < 500
    assert keys_of(await second.step(claim=1)) == ["b"]


async def test_the_age_of_the_oldest_item_is_measured_by_the_servers_clock(bus: Bus) -> None:
    await push(bus, ("a", b"1"))
    started = await bus.now_ms()

    async def aged() -> bool:
        return ((await depths(bus, [ACCOUNT]))[RAW].oldest_age_s or 0) >= 0.05

    await eventually(aged)
    pipe = await worker(bus)
    [item] = await pipe.step(claim=1)
    assert 0.05 <= item.waited_s <= (await bus.now_ms() - started) / 1000 + 0.05
    assert (await depths(bus, [ACCOUNT]))[RAW].oldest_age_s is None


async def test_consumers_are_counted_by_their_leases(bus: Bus) -> None:
    first, second = await worker(bus, "first"), await worker(bus, "second")
    assert (await depths(bus, [ACCOUNT]))[RAW].consumers == 2
    await first.close()
    await end_lease(bus, second)
    assert (await depths(bus, [ACCOUNT]))[RAW].consumers == 0


async def test_a_step_after_the_lease_has_ended_is_refused_and_changes_nothing(bus: Bus) -> None:
    await push(bus, ("a", b"1"))
    pipe = await worker(bus)
    await pipe.step(claim=1)
    await end_lease(bus, pipe)
    before = await bus.redis.dbsize()
    with pytest.raises(LeaseLostError):
        await pipe.step(
            done=1, outputs=[Output(VALIDATED, "a", b"late")], counts={"x": 1}, audit=[b"late"]
        )
    assert await bus.redis.dbsize() == before
    assert (await depths(bus, [ACCOUNT]))[RAW].in_flight == 1


async def test_after_a_refusal_nothing_works_until_the_pipe_is_reopened(bus: Bus) -> None:
    await push(bus, ("a", b"1"))
    pipe = await worker(bus)
    await pipe.step(claim=1)
    await end_lease(bus, pipe)
    with pytest.raises(LeaseLostError):
        await pipe.step(done=1)
    old = pipe.incarnation
    await pipe.reopen()
    assert pipe.incarnation != old
    assert [(item.key, item.payload) for item in await pipe.step(claim=1)] == [("a", b"1")]


async def test_a_long_item_keeps_its_lease_by_touching_it(bus: Bus) -> None:
    pipe = await worker(bus)
    lease = bus.keys.queue(RAW).lease(pipe.incarnation)
    await bus.redis.pexpire(lease, 1_000)
    await pipe.touch()
    assert await bus.redis.pttl(lease) > 4_000
    await end_lease(bus, pipe)
    with pytest.raises(LeaseLostError):
        await pipe.touch()


async def test_closing_hands_items_back_in_order_without_a_strike(bus: Bus) -> None:
    await push(bus, *[(name, b"1") for name in "abcd"])
    pipe = await worker(bus)
    await pipe.step(claim=3)
    await pipe.step(done=1)
    await pipe.close()
    facts = (await depths(bus, [ACCOUNT]))[RAW]
    assert (facts.depth, facts.in_flight, facts.consumers) == (3, 0, 0)
    assert not await bus.redis.exists(bus.keys.queue(RAW).strikes)
    assert keys_of(await (await worker(bus)).step(claim=64)) == ["b", "c", "d"]


async def test_the_reaper_returns_what_a_dead_worker_held_to_the_head_in_order(bus: Bus) -> None:
    await push(bus, *[(name, b"1") for name in "abc"])
    dead = await worker(bus, "dead")
    await dead.step(claim=1)
    await dead.step(claim=1)
    await end_lease(bus, dead)
    assert await Reaper(bus, queues=queues_of([ACCOUNT])).run_once() == 2
    survivor = await worker(bus, "survivor")
    seen = [await survivor.step(done=min(turn, 1), claim=64) for turn in range(3)]
    assert [keys_of(items) for items in seen] == [
        ["a"],
        ["b"],
        ["c"],
    ]  # one by one, for they have a strike
    assert [item.alone for items in seen for item in items] == [
        True,
        True,
        False,
    ]  # nobody died holding "c"
    await push(bus, ("d", b"1"), ("e", b"1"))
    together = await survivor.step(done=1, claim=64)
    assert (keys_of(together), [item.alone for item in together]) == (["d", "e"], [False, False])


async def test_the_reaper_leaves_the_living_alone(bus: Bus) -> None:
    await push(bus, ("a", b"1"))
    alive = await worker(bus)
    await alive.step(claim=1)
    assert await Reaper(bus, queues=queues_of([ACCOUNT])).run_once() == 0
    await alive.step(done=1)


async def test_a_returned_item_never_replaces_a_newer_payload(bus: Bus) -> None:
    await push(bus, ("a", b"1"))
    dead = await worker(bus, "dead")
    await dead.step(claim=1)
    await push(bus, ("a", b"2"))
    await end_lease(bus, dead)
    await Reaper(bus, queues=queues_of([ACCOUNT])).run_once()
    [item] = await (await worker(bus)).step(claim=64)
    assert item.payload == b"2"


async def test_what_a_worker_puts_back_waits_at_the_end_and_never_replaces_a_newer_payload(
    bus: Bus,
) -> None:
    """A guard that was contended must not lay its old price over the one that came meanwhile."""
    await push(bus, ("a", b"old"), ("b", b"old"), ("c", b"1"))
    pipe = await worker(bus)
    first, second = await pipe.step(claim=2)
    await push(bus, ("a", b"new"))
    returned = [Output(RAW, item.key, item.payload, returned=True) for item in (first, second)]
    await pipe.step(done=2, outputs=returned)
    waiting = [(item.key, item.payload) for item in await pipe.step(claim=64)]
    assert waiting == [("c", b"1"), ("a", b"new"), ("b", b"old")]


async def test_a_buried_incarnation_cannot_come_back(bus: Bus) -> None:
    """Its opening may arrive late; the tomb refuses it."""
    pipe = await worker(bus)
    await end_lease(bus, pipe)
    await Reaper(bus, queues=queues_of([ACCOUNT])).run_once()
    keys = bus.keys.queue(RAW)
    with pytest.raises(LeaseLostError):
        await bus.redis.run(
            "open",
            [keys.lease(pipe.incarnation), keys.workers, keys.tombs],
            [pipe.incarnation, 5_000],
        )


async def test_tombs_are_looked_after_and_go_in_time(bus: Bus) -> None:
    pipe = await worker(bus)
    await end_lease(bus, pipe)
    await Reaper(bus, queues=queues_of([ACCOUNT])).run_once()
    keys = bus.keys.queue(RAW)
    await bus.redis.rpush(keys.processing(pipe.incarnation), "late", "1")
    await bus.redis.sadd(keys.inflight, "late")
    assert await Reaper(bus, queues=queues_of([ACCOUNT])).run_once() == 1
    assert (await depths(bus, [ACCOUNT]))[RAW].depth == 1
    await bus.redis.zadd(keys.tombs, {pipe.incarnation: 1})
    await Reaper(bus, queues=queues_of([ACCOUNT])).run_once()
    assert not await bus.redis.exists(keys.tombs)


async def test_three_strikes_and_an_item_is_dead_while_its_neighbours_live(bus: Bus) -> None:
    """One item that kills its worker is found out; what was claimed with it is not condemned with
    it.
    """
    await push(bus, *[(name, b"1") for name in ("good1", "poison", "good2")])
    finished: list[str] = []
    for life in range(20):
        pipe = await worker(bus, f"life{life}")
        while items := await pipe.step(claim=64):
            if any(item.key == "poison" for item in items):
                await end_lease(bus, pipe)  # the worker dies on it
                break
            finished += keys_of(items)
            await pipe.step(done=len(items))
        else:
            break
        await Reaper(bus, queues=queues_of([ACCOUNT])).run_once()
    assert sorted(finished) == ["good1", "good2"]
    [letter] = await read_dead(bus, RAW)
    assert (letter.key, letter.payload) == ("poison", b"1")
    assert letter.error == "its worker died or lost its lease 3 times"
    facts = (await depths(bus, [ACCOUNT]))[RAW]
    assert (facts.depth, facts.in_flight, facts.dead) == (0, 0, 1)
    assert not await bus.redis.exists(bus.keys.queue(RAW).strikes)


async def test_a_newer_payload_outlives_the_death_of_an_older_one(bus: Bus) -> None:
    await push(bus, ("a", b"poison"))
    for life in range(3):
        pipe = await worker(bus, f"life{life}")
        await pipe.step(claim=1)
        if life == 2:
            await push(bus, ("a", b"healthy"))
        await end_lease(bus, pipe)
        await Reaper(bus, queues=queues_of([ACCOUNT])).run_once()
    assert [letter.payload for letter in await read_dead(bus, RAW)] == [b"poison"]
    assert [item.payload for item in await (await worker(bus)).step(claim=1)] == [b"healthy"]


async def test_an_acknowledged_item_has_no_strikes_left(bus: Bus) -> None:
    await push(bus, ("a", b"1"))
    dead = await worker(bus, "dead")
    await dead.step(claim=1)
    await end_lease(bus, dead)
    await Reaper(bus, queues=queues_of([ACCOUNT])).run_once()
    pipe = await worker(bus)
    await pipe.step(claim=1)
    assert await bus.redis.hget(bus.keys.queue(RAW).strikes, "a") == b"1"
    await pipe.step(done=1)
    assert not await bus.redis.exists(bus.keys.queue(RAW).strikes)


async def test_a_struck_item_is_not_added_to_a_full_hand(bus: Bus) -> None:
    await push(bus, ("fresh", b"1"))
    await bus.redis.hset(bus.keys.queue(RAW).strikes, "struck", "1")
    await push(bus, ("struck", b"1"), ("other", b"1"))
    pipe = await worker(bus)
    assert keys_of(await pipe.step(claim=64)) == ["fresh"]
    assert await pipe.step(claim=64) == []
    assert keys_of(await pipe.step(done=1, claim=64)) == ["struck"]
    assert keys_of(await pipe.step(done=1, claim=64)) == ["other"]


async def test_a_poisoned_item_goes_to_the_dead_letters_and_the_worker_goes_on(bus: Bus) -> None:
    await push(bus, ("bad", b"\xff{"), ("good", b"1"))
    pipe = await worker(bus)
    bad, good = await pipe.step(claim=2)
    await pipe.dead(bad, "not JSON:\n  line 1")
    await pipe.step(done=1, outputs=[Output(VALIDATED, good.key, good.payload)])
    [letter] = await read_dead(bus, RAW)
    assert (letter.key, letter.payload, letter.worker, letter.error) == (
        "bad",
        b"\xff{",
        "w",
        "not JSON: line 1",
    )
    assert (await depths(bus, [ACCOUNT]))[VALIDATED].depth == 1


async def test_only_the_first_item_in_hand_can_be_buried(bus: Bus) -> None:
    await push(bus, ("a", b"1"), ("b", b"1"))
    pipe = await worker(bus)
    _, second = await pipe.step(claim=2)
    with pytest.raises(ValueError, match="b is not the first"):
        await pipe.dead(second, "no")


async def test_a_payload_with_line_breaks_survives_as_a_dead_letter(bus: Bus) -> None:
    await push(bus, ("a", b"line1\nline2\n"))
    pipe = await worker(bus)
    [item] = await pipe.step(claim=1)
    await pipe.dead(item, "why")
    [letter] = await read_dead(bus, RAW)
    assert letter.payload == b"line1\nline2\n"


async def test_dead_letters_and_the_audit_are_capped_and_the_loss_is_counted(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keter.bus.queue.pipe.DEAD_CAP", 3)
    monkeypatch.setattr("keter.bus.queue.pipe.AUDIT_CAP", 4)
    await push(bus, *[(f"k{i}", b"1") for i in range(5)])
    pipe = Pipe(bus, source=RAW, worker="w", lease_ttl_s=LEASE_S, period=lambda: "d")
    await pipe.open()
    for item in await pipe.step(claim=5):
        await pipe.dead(item, "no")
    await pipe.step(audit=[b"%d" % i for i in range(6)])
    assert [letter.key for letter in await read_dead(bus, RAW)] == ["k4", "k3", "k2"]
    assert await bus.redis.read_list(bus.keys.audit, 0, -1) == [b"2", b"3", b"4", b"5"]
    assert await read_counts(bus, "d") == {"audit:dropped": 2}


async def test_a_payload_deleted_by_hand_is_not_handed_out_as_nothing(bus: Bus) -> None:
    await push(bus, ("a", b"1"), ("b", b"1"))
    await bus.redis.hdel(bus.keys.queue(RAW).payload, "a")
    pipe = await worker(bus)
    assert keys_of(await pipe.step(claim=2)) == ["b"]
    await push(bus, ("a", b"2"))
    assert keys_of(await pipe.step(done=1, claim=2)) == ["a"]


async def test_counts_of_processes_without_a_pipe_join_the_same_day(bus: Bus) -> None:
    await add_counts(bus, "2026-02-21", {"tracker:settled": 2})
    await add_counts(bus, "2026-02-21", {"tracker:settled": 1})
    await add_counts(bus, "2026-02-21", {})
    assert await read_counts(bus, "2026-02-21") == {"tracker:settled": 3}
    assert await bus.redis.pttl(bus.keys.stats("2026-02-21")) > 0


async def test_every_key_of_an_idle_pipeline_is_bounded_or_expires(bus: Bus) -> None:
    """After a full round nothing is left but registers, tombs, statistics and bells."""
    await push(bus, *[(f"k{i}", b"1") for i in range(30)])
    pipe = await worker(bus)
    items = await pipe.step(claim=30)
    await pipe.step(
        done=30, outputs=[Output(VALIDATED, item.key, b"2") for item in items], counts={"n": 30}
    )
    sink = await worker(bus, "sink", VALIDATED)
    await sink.step(done=len(await sink.step(claim=64)))
    await pipe.close()
    await sink.close()
    left = {key.decode() for key in await bus.redis.execute_command("KEYS", "*")}
    left = {key for key in left if not key.startswith("stats:")}
    assert left <= {
        "queue:raw:tombs",
        "queue:validated:tombs",
        "queue:raw:bell",
        "queue:validated:bell",
    }
