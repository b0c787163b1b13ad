"""Locks with an owner and a fencing number, and leases for processes of which one is active.

A lock that expires does not stop a paused owner: it only avoids double work. What must not happen
twice is protected where it happens: by a unique key in the ledger, or by comparing the fencing
number. Fencing numbers only grow, over all locks.
"""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from keter.bus.connection import Arg, Bus
from keter.bus.errors import BusRefusedError, ConnectionLostError, NotOwnerError
from keter.bus.keys import account_of
from keter.clock import Clock, Ids, SystemClock, random_id
from keter.domain.runs import RunMark
from keter.system.tasks import end_tasks, sleep

RENEWALS_PER_TTL = 3
LONGEST_STANDBY_S = 1.0  # a waiting process notices a free lease within this time


class Held(msgspec.Struct, frozen=True):
    """A lock as its owner acquired it; only Redis knows whether it is still held."""

    key: str
    token: str
    fence: int
    ttl_s: float

    @property
    def value(self) -> str:
        """Return the value of the key in Redis while the lock is ours."""
        return f"{self.token}|{self.fence}"


class Locks:
    """Locks of one process.

    Each token begins with ``owner``, so that people can see who holds a lock.
    """

    def __init__(self, bus: Bus, *, owner: str = "keter", ids: Ids = random_id) -> None:
        self._bus = bus
        self._owner = owner
        self._ids = ids

    def new_token(self) -> str:
        """Return a token that nobody has used."""
        return f"{self._owner}.{self._ids()[:16]}"

    async def acquire(self, key: str, ttl_s: float, token: str | None = None) -> Held | None:
        """Acquire the lock; return None while another owner holds it.

        Raises NotOwnerError if this Redis is another run's. After ConnectionLostError the lock may
        be ours or not: a call with the same ``token`` finds out, otherwise it expires.
        """
        token = token or self.new_token()
        keys = [key, self._bus.keys.fence, self._bus.keys.owner]
        fence = await self._bus.redis.run(
            "lock_acquire", keys, [token, round(ttl_s * 1000), self._bus.run_id]
        )
        if fence == b"":
            raise NotOwnerError("this Redis is another run's, or nobody's yet")
        return Held(key, token, int(fence), ttl_s) if fence is not None else None

    async def renew(self, held: Held) -> bool:
        """Set the lock's time to live back to the whole.

        Return False if it is no longer ours, or this Redis has become another run's.
        """
        return await self._kept(held, round(held.ttl_s * 1000))

    async def release(self, held: Held) -> bool:
        """Release the lock; return False if it was no longer ours."""
        return await self._kept(held, 0)

    async def _kept(self, held: Held, life_ms: int) -> bool:
        args: list[Arg] = [held.value, life_ms, self._bus.run_id]
        return bool(await self._bus.redis.run("lock_keep", [held.key, self._bus.keys.owner], args))

    async def remaining_s(self, held: Held) -> float:
        """Return the seconds for which the lock is still ours; 0 if it is not.

        Compare with the longest call that is to follow.
        """
        async with self._bus.redis.batch(atomic=True) as batch:
            batch.get(held.key)
            batch.pttl(held.key)
            value, left_ms = await batch.execute()
        return max(left_ms, 0) / 1000 if value == held.value.encode() else 0.0

    async def owned(self, held: Held) -> bool:
        """Return whether the lock is ours and this Redis our run's, both at one moment."""
        async with self._bus.redis.batch(atomic=True) as batch:
            batch.get(held.key)
            batch.hget(self._bus.keys.owner, "run_id")
            value, owner = await batch.execute()
        return value == held.value.encode() and (owner or b"").decode() == self._bus.run_id

    async def owner(self, key: str) -> str | None:
        """Return the token of the lock at ``key``, None if nobody holds it."""
        value = await self._bus.redis.execute_command("GET", key)
        return value.decode().rpartition("|")[0] if value is not None else None


class ExecLock(msgspec.Struct, frozen=True):
    """A selection's lock. ``key`` is its name in Redis, for ``clear_exec_lock``."""

    key: str
    owner: str
    remaining_s: float


async def list_exec_locks(bus: Bus, account: str) -> list[ExecLock]:
    """Return the lock of every selection that is locked for the account.

    Scans all keys: call it for people, not in a loop.
    """
    found = []
    async for raw in bus.redis.scan_iter(match=f"{bus.keys.prefix}exec_lock:*", count=1_000):
        key = raw.decode()
        if account_of(key) != account:
            continue
        async with bus.redis.batch() as batch:
            batch.get(key)
            batch.pttl(key)
            value, left_ms = await batch.execute()
        if value is not None:
            found.append(ExecLock(key, value.decode().rpartition("|")[0], max(left_ms, 0) / 1000))
    return sorted(found, key=lambda lock: lock.key)


async def clear_exec_lock(bus: Bus, key: str) -> bool:
    """Delete a selection's lock, so that its owner does not bet; return False if there was none.

    Raises ValueError for a key that is no such lock.
    """
    if not key.startswith(f"{bus.keys.prefix}exec_lock:"):
        raise ValueError(f"not a lock of a selection: {key!r}")
    return bool(await bus.redis.execute_command("DEL", key))


class Lease:
    """The right to be the active one of several processes, renewed by a task while it lasts.

    * ``lost`` is set as soon as the lease may have ended: then stop what only its owner may do.
    * As a context manager it is released at the end. After a loss ``acquire`` may be called again.
    * ``mark`` becomes part of its value in Redis, for people to see.
    * ``stranger`` is called once per ``acquire`` when this Redis is another run's, with the reason.
    """

    def __init__(
        self,
        bus: Bus,
        name: str,
        ttl_s: float,
        worker: str,
        *,
        mark: RunMark | None = None,
        ids: Ids = random_id,
        clock: Clock | None = None,
        stranger: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self._locks = Locks(bus, owner=worker, ids=ids)
        self._mark = mark
        self._stranger = stranger
        self._key = bus.keys.lease(name)
        self._ttl_s = ttl_s
        self._clock = clock or SystemClock()
        self._keeper: asyncio.Task[None] | None = None
        self.held: Held | None = None
        self.lost = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.release()

    async def acquire(self, stop: asyncio.Event) -> bool:
        """Wait until the lease is ours (True) or ``stop`` is set (False).

        It also waits while Redis does not answer.
        """
        await self._end_keeper()
        # One token for all tries: the next try finds an acquisition whose answer was lost.
        token = self._new_token()
        reported = False
        while not stop.is_set():
            asked = self._clock.monotonic()
            try:
                held = await self._locks.acquire(self._key, self._ttl_s, token)
            except NotOwnerError as e:
                held = None
                if not reported:
                    self._stranger(str(e))
                reported = True
            except (ConnectionLostError, BusRefusedError):
                held = None
            if held is not None:
                self.held, self.lost = held, asyncio.Event()
                self._keeper = asyncio.create_task(
                    self._keep(held, self.lost, asked), name=f"lease {self._key}"
                )
                return True
            await _pause(stop, min(self._ttl_s / RENEWALS_PER_TTL, LONGEST_STANDBY_S))
        return False

    def _new_token(self) -> str:
        token = self._locks.new_token()
        return f"{token}.{self._mark.text}" if self._mark is not None else token

    async def valid(self) -> bool:
        """Return whether Redis says now that the lease and the Redis are ours."""
        held = self.held
        if held is None or self.lost.is_set():
            return False
        return await self._locks.owned(held)

    async def _keep(self, held: Held, lost: asyncio.Event, renewed: float) -> None:
        """Renew the lease RENEWALS_PER_TTL times per time to live.

        Without an answer the lease counts as lost when its time to live is over.
        """
        try:
            while True:
                left = renewed + self._ttl_s - self._clock.monotonic()
                if left <= 0:
                    return
                await sleep(min(self._ttl_s / RENEWALS_PER_TTL, left))
                asked = self._clock.monotonic()
                with contextlib.suppress(ConnectionLostError, BusRefusedError, TimeoutError):
                    async with asyncio.timeout(max(renewed + self._ttl_s - asked, 0)):
                        if not await self._locks.renew(held):
                            return
                    renewed = asked
        finally:
            lost.set()

    async def release(self) -> None:
        """Stop renewing and release the lease, so that nobody need wait for it to expire."""
        held = self.held
        await self._end_keeper()
        if held is not None:
            # If Redis does not answer, the lease expires.
            with contextlib.suppress(ConnectionLostError, BusRefusedError):
                await self._locks.release(held)

    async def _end_keeper(self) -> None:
        keeper, self._keeper, self.held = self._keeper, None, None
        if keeper is not None:
            await end_tasks(keeper)
            if (
                keeper.done()
                and not keeper.cancelled()
                and (error := keeper.exception()) is not None
            ):
                raise error


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
