"""The conflating queue under every order of pushes, steps, crashes, pauses, lost replies, late
commands and reaping.

A hypothesis state machine drives several workers on a real server and checks after every step that
(1) no key waits twice, (2) keys in flight are those in processing lists, each in one, (3) no key
waits and is in flight, (4) waiting payloads are those of waiting keys and of keys that changed in
flight, (5) versions downstream never go back, (6) the newest version of every key waits, or else is
in a hand, or else has gone downstream or to the dead letters. Planted bugs show that it can fail.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import keter.bus.connection as connection_module
from keter.bus.connection import Arg, Bus, connect
from keter.bus.errors import BusDataError, ConnectionLostError, LeaseLostError
from keter.bus.queue import Output, Pipe, QueueName, Reaper
from keter.bus.scripts import Script, script
from tests.kit.support import RedisServer

pytestmark = pytest.mark.slow

RAW, VALIDATED = QueueName.RAW, QueueName.VALIDATED
KEYS = [f"k{i}" for i in range(3)]
WORKERS = range(2)
STRIKES = 2  # fewer than in life, so that items die often enough
LEASE_S = 30.0
DONE = st.integers(0, 3)
CLAIM = st.integers(0, 3)


class Wire:
    """Stands between a pipe and the server: passes a step on, loses its reply, or keeps it back to
    arrive late.
    """

    def __init__(self, bus: Bus) -> None:
        self._send = bus.redis.run
        self.next = "pass"
        self.late: list[tuple[str, Sequence[Arg], Sequence[Arg]]] = []
        bus.redis.run = self.run  # type: ignore[method-assign]  # the one place where every script goes through

    async def run(self, name: str, keys: Sequence[Arg], args: Sequence[Arg]) -> Any:
        fate, self.next = self.next, "pass"
        if fate == "late":
            self.late.append((name, keys, args))
            raise ConnectionLostError("kept back")
        answer = await self._send(name, keys, args)
        if fate == "lost":
            raise ConnectionLostError("the reply is lost")
        return answer

    async def deliver_late(self, index: int) -> None:
        name, keys, args = self.late.pop(index % len(self.late))
        await self._send(name, keys, args)


class QueueMachine(RuleBasedStateMachine):
    """``loop`` and ``bus`` are set by the test; rules are ordinary functions that run their work to
    its end.
    """

    loop: asyncio.AbstractEventLoop
    bus: Bus
    wire: Wire
    injected = 0
    begun = False

    @initialize()
    def begin(self) -> None:
        self.do(self._begin())
        self.begun = True

    async def _begin(self) -> None:
        await self.bus.redis.flushall()
        self.wire.late.clear()
        self.version = 0
        self.newest: dict[str, int] = {}
        self.delivered: dict[str, int] = {}
        self.producer = Pipe(self.bus, source=None, worker="p", lease_ttl_s=LEASE_S)
        self.pipes = [
            Pipe(self.bus, source=RAW, worker=f"w{i}", lease_ttl_s=LEASE_S) for i in WORKERS
        ]
        self.hands: list[list[tuple[str, int]]] = [[] for _ in WORKERS]
        self.incarnations: set[str] = set()
        for pipe in self.pipes:
            await pipe.open()
            self.incarnations.add(pipe.incarnation)
        self.sink = Pipe(self.bus, source=VALIDATED, worker="sink", lease_ttl_s=LEASE_S)
        await self.sink.open()

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @rule(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=4))
    def push(self, keys: list[str]) -> None:
        outputs = []
        for key in keys:
            self.version += 1
            self.newest[key] = self.version
            outputs.append(Output(RAW, key, b"%d" % self.version))
        self.do(self.producer.step(outputs=outputs))

    @rule(i=st.sampled_from(WORKERS), done=DONE, claim=CLAIM)
    def step(self, i: int, done: int, claim: int) -> None:
        self.do(self._step(i, done, claim))

    @rule(
        i=st.sampled_from(WORKERS), done=DONE, claim=CLAIM, fate=st.sampled_from(["lost", "late"])
    )
    def step_without_reply(self, i: int, done: int, claim: int, fate: str) -> None:
        """Lose the reply, or leave the command under way.

        The worker hands back what it can and starts again.
        """
        type(self).injected += 1
        self.wire.next = fate
        self.do(self._step(i, done, claim))

    async def _step(self, i: int, done: int, claim: int) -> None:
        hand, pipe = self.hands[i], self.pipes[i]
        done = min(done, len(hand))
        outputs = [Output(VALIDATED, key, b"%d" % version) for key, version in hand[:done]]
        try:
            items = await pipe.step(done=done, outputs=outputs, claim=claim)
        except (LeaseLostError, ConnectionLostError) as e:
            note(f"w{i}: {e}")
            self.hands[i] = []
            await pipe.reopen()
            self.incarnations.add(pipe.incarnation)
            return
        self.hands[i] = hand[done:] + [(item.key, int(item.payload)) for item in items]

    @rule(i=st.sampled_from(WORKERS))
    def crash(self, i: int) -> None:
        """End the process with all it knew; its lease ends, and another process starts."""
        type(self).injected += 1
        self.do(self._expire(i))
        self.hands[i] = []
        self.pipes[i] = Pipe(self.bus, source=RAW, worker=f"w{i}", lease_ttl_s=LEASE_S)
        self.do(self.pipes[i].open())
        self.incarnations.add(self.pipes[i].incarnation)

    @rule(i=st.sampled_from(WORKERS))
    def outlive_the_lease(self, i: int) -> None:
        """Freeze the worker until its lease has ended; it does not know."""
        type(self).injected += 1
        self.do(self._expire(i))

    async def _expire(self, i: int) -> None:
        await self.bus.redis.delete(self.bus.keys.queue(RAW).lease(self.pipes[i].incarnation))

    @rule(index=st.integers(0, 5))
    def late_command_arrives(self, index: int) -> None:
        if self.wire.late:
            try:
                self.do(self.wire.deliver_late(index))
            except LeaseLostError:
                return

    @rule(i=st.sampled_from(WORKERS))
    def bury_the_first_item(self, i: int) -> None:
        self.do(self._bury(i))

    async def _bury(self, i: int) -> None:
        if self.hands[i]:
            key, version = self.hands[i][0]
            item = type("", (), {"key": key, "payload": b"%d" % version})()
            try:
                await self.pipes[i].dead(item, "poisoned")
            except LeaseLostError:
                self.hands[i] = []
                await self.pipes[i].reopen()
                self.incarnations.add(self.pipes[i].incarnation)
            else:
                self.hands[i] = self.hands[i][1:]

    @rule()
    def reap(self) -> None:
        self.do(Reaper(self.bus, strikes=STRIKES, queues=[RAW]).run_once())

    @rule()
    def forget_scripts(self) -> None:
        self.do(self.bus.redis.script_flush())

    @rule()
    def consume_downstream(self) -> None:
        self.do(self._sink())

    async def _sink(self) -> None:
        await self.sink.step(done=len(await self.sink.step(claim=64)))

    @invariant()
    def the_books_balance(self) -> None:
        if self.begun:
            self.do(self._check())

    async def _check(self) -> None:
        keys = self.bus.keys.queue(RAW)
        owners = sorted(self.incarnations)
        async with self.bus.redis.batch() as batch:
            batch.lrange(keys.list, 0, -1)
            batch.hgetall(keys.payload)
            batch.smembers(keys.inflight)
            batch.hgetall(self.bus.keys.queue(VALIDATED).payload)
            batch.lrange(keys.dead, 0, -1)
            for incarnation in owners:
                batch.lrange(keys.processing(incarnation), 0, -1)
            entries, fields, members, output, letters, *hands = await batch.execute()
        waiting = [entry[14:].decode() for entry in entries]
        payloads = {name.decode(): int(value) for name, value in fields.items()}
        flying = {member.decode() for member in members}
        held = [name.decode() for hand in hands for name in hand[::2]]
        in_hand = {
            name.decode(): int(value)
            for hand in hands
            for name, value in zip(hand[::2], hand[1::2], strict=True)
        }
        alive = {pipe.incarnation for pipe in self.pipes}
        self.incarnations = alive | {name for name, hand in zip(owners, hands, strict=True) if hand}
        assert len(waiting) == len(set(waiting)), f"a key waits twice: {waiting}"
        assert sorted(held) == sorted(flying), f"in hands {held}, marked in flight {flying}"
        assert not flying & set(waiting), f"waiting and in flight: {flying & set(waiting)}"
        assert set(waiting) <= set(payloads), (
            f"waiting without payload: {set(waiting) - set(payloads)}"
        )
        assert set(payloads) <= set(waiting) | flying, (
            f"payload of a key that is nowhere: {set(payloads) - set(waiting) - flying}"
        )
        out = {name.decode(): int(value) for name, value in output.items()}
        for key, version in out.items():
            assert version >= self.delivered.get(key, 0), (
                f"{key} went back to {version} from {self.delivered[key]}"
            )
            self.delivered[key] = version
        buried: dict[str, int] = {}
        for letter in letters:
            _, _, _, key, payload = letter.decode().split("\n")
            buried[key] = max(buried.get(key, 0), int(payload))
        for key, version in self.newest.items():
            gone = max(self.delivered.get(key, 0), buried.get(key, 0))
            found = payloads.get(key, in_hand.get(key, gone))
            assert found == version, f"{key}: version {version} is lost, there is {found}"


def play(url: str, *, examples: int, steps: int, derandomize: bool = False) -> int:
    """Run the machine; how many faults it injected."""
    loop = asyncio.new_event_loop()
    bus = loop.run_until_complete(connect(url))
    machine = type(
        "Machine", (QueueMachine,), {"loop": loop, "bus": bus, "wire": Wire(bus), "injected": 0}
    )
    phases = [Phase.generate] if derandomize else [Phase.generate, Phase.shrink]
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                derandomize=derandomize,
                database=None,
                phases=phases,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(bus.aclose())
        loop.close()
    return int(machine.injected)  # type: ignore[attr-defined]  # the class is made above


@pytest.fixture(scope="module")
def machine_url() -> Iterator[str]:
    """Start a server of its own without the file behind.

    Thousands of FLUSHALLs are no business of the shared one.
    """
    server = RedisServer("--appendonly", "no")
    yield server.url
    server.close()


@pytest.mark.timeout(180)
def test_no_order_of_faults_breaks_the_queue(machine_url: str) -> None:
    assert play(machine_url, examples=150, steps=40) > 500, "hardly any fault was injected"


def _without(text: str, by: str = "") -> Callable[[str], str]:
    def edit(source: str) -> str:
        assert text in source, f"the script has changed: {text!r} is gone"
        return source.replace(text, by)

    return edit


def _both(first: Callable[[str], str], second: Callable[[str], str]) -> Callable[[str], str]:
    return lambda source: second(first(source))


# A missing check of the lease alone is harmless, because the hand is checked too, and the other way
# round.
PLANTED = {
    "neither lease nor hand is checked": (
        "step",
        _both(
            _without("call('EXISTS', lease) == 0", "false"),
            _without("call('LLEN', processing) ~= 2 * held", "false"),
        ),
    ),
    "a returned item replaces a newer payload": (
        "reap",
        _without("call('HSETNX', payloads", "call('HSET', payloads"),
    ),
    "a key in flight is queued again": (
        "step",
        _without("if busy[i - from + 1] == 0 then", "if true then"),
    ),
    "a change in flight is forgotten": ("step", _without("table.insert(again, stamp .. items[i])")),
    "reaped keys stay in flight": ("reap", _without("  call('SREM', inflight, key)\n")),
    "claimed items stay in the list": ("step", _without("    call('LTRIM', list, n, -1)\n")),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_the_machine_finds_a_planted_bug(
    bug: str, machine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, edit = PLANTED[bug]
    source = edit(script(name).source)
    broken = Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())
    monkeypatch.setattr(
        connection_module, "script", lambda wanted: broken if wanted == name else script(wanted)
    )
    with pytest.raises((AssertionError, BusDataError, LeaseLostError, ExceptionGroup)):
        play(machine_url, examples=200, steps=50, derandomize=True)
