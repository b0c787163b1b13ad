"""Locks with an owner and a fencing number, and leases for processes of which one is active.

A lock that expires does not stop a paused owner: it avoids double work. What must not happen twice
is protected where it happens, by comparing the fencing number (numbers grow for ever, over all
locks) or by a unique key in the ledger.
"""

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from keter.bus.connection import Arg, Bus
from keter.bus.errors import BusRefusedError, ConnectionLostError, NotOwnerError
from keter.clock import Clock, Ids, SystemClock, random_id
from keter.domain.runs import RunMark
from keter.system.tasks import end_tasks

RENEWALS_PER_TTL = 3
LONGEST_STANDBY_S = 1.0  # how soon a waiting process notices that a lease is free


class Held(msgspec.Struct, frozen=True):
    """A lock as its owner knows it: that it still stands, only Redis knows."""

    key: str
    token: str
    fence: int
    ttl_s: float

    @property
    def value(self) -> str:
        """What the key holds in Redis while the lock is ours."""
        return f"{self.token}|{self.fence}"


class Locks:
    """Locks of one process.

    ``owner`` stands before each token, so that people can see who holds what.
    """

    def __init__(self, bus: Bus, *, owner: str = "keter", ids: Ids = random_id) -> None:
        self._bus = bus
        self._owner = owner
        self._ids = ids

    def new_token(self) -> str:
        """A token nobody has used."""
        return f"{self._owner}.{self._ids()[:16]}"

    async def acquire(self, key: str, ttl_s: float, token: str | None = None) -> Held | None:
        """The lock, or None while somebody else holds it.

        Raises NotOwnerError where this Redis is another run's.

        After ConnectionLostError the lock may be ours or not; the same ``token`` finds out,
        otherwise it ends by itself.
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
        """Start its life again; False when it is no longer ours, or this Redis has become another
        run's.
        """
        return await self._kept(held, round(held.ttl_s * 1000))

    async def release(self, held: Held) -> bool:
        """Give it back; False when it was no longer ours."""
        return await self._kept(held, 0)

    async def _kept(self, held: Held, life_ms: int) -> bool:
        args: list[Arg] = [held.value, life_ms, self._bus.run_id]
        return bool(await self._bus.redis.run("lock_keep", [held.key, self._bus.keys.owner], args))

    async def remaining_s(self, held: Held) -> float:
        """Seconds it is still ours; 0 when it is not.

        Compare with the longest call that is to follow.
        """
        async with self._bus.redis.batch(atomic=True) as batch:
            batch.get(held.key)
            batch.pttl(held.key)
            value, left_ms = await batch.execute()
        return max(left_ms, 0) / 1000 if value == held.value.encode() else 0.0

    async def owned(self, held: Held) -> bool:
        """Whether the lock is ours and this Redis our run's, both at one moment."""
        async with self._bus.redis.batch(atomic=True) as batch:
            batch.get(held.key)
            batch.hget(self._bus.keys.owner, "run_id")
            value, owner = await batch.execute()
        return value == held.value.encode() and (owner or b"").decode() == self._bus.run_id

    async def owner(self, key: str) -> str | None:
        """The token of whoever holds ``key``, None when nobody does."""
        value = await self._bus.redis.execute_command("GET", key)
        return value.decode().rpartition("|")[0] if value is not None else None


class ExecLock(msgspec.Struct, frozen=True):
    """A selection in the hands of a router. ``key`` is the lock's name in Redis, to clear it by."""

    key: str
    owner: str
    remaining_s: float


async def list_exec_locks(bus: Bus) -> list[ExecLock]:
    """Every selection that is locked. Walks over all keys: for people, not for loops."""
    found = []
    async for raw in bus.redis.scan_iter(match=f"{bus.keys.prefix}exec_lock:*", count=1_000):
        key = raw.decode()
        async with bus.redis.batch() as batch:
            batch.get(key)
            batch.pttl(key)
            value, left_ms = await batch.execute()
        if value is not None:
            found.append(ExecLock(key, value.decode().rpartition("|")[0], max(left_ms, 0) / 1000))
    return sorted(found, key=lambda lock: lock.key)


async def clear_exec_lock(bus: Bus, key: str) -> bool:
    """Take a selection's lock from its owner, who then does not bet; False when there was none.

    Raises ValueError for a key that is no such lock.
    """
    if not key.startswith(f"{bus.keys.prefix}exec_lock:"):
        raise ValueError(f"not a lock of a selection: {key!r}")
    return bool(await bus.redis.execute_command("DEL", key))


class Lease:
    """The right to be the active one of several processes, kept by a task while it lasts.

    ``lost`` is set as soon as it may have ended: by then stop doing what only the owner may do. Use
    as a context manager, which releases it; ``acquire`` may be called again after a loss. ``mark``
    stands in its value, for people to see; ``stranger`` is told, once per waiting, that this Redis
    is another run's.
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

        Redis being away is waited out, too.
        """
        await self._end_keeper()
        # One token for all tries: an acquisition whose reply was lost is found again.
        token = self._new_token()
        told = False
        while not stop.is_set():
            asked = self._clock.monotonic()
            try:
                held = await self._locks.acquire(self._key, self._ttl_s, token)
            except NotOwnerError as e:
                held = None
                if not told:
                    self._stranger(str(e))
                told = True
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
        """Whether Redis says, now, that the lease is ours and so is the Redis."""
        held = self.held
        if held is None or self.lost.is_set():
            return False
        return await self._locks.owned(held)

    async def _keep(self, held: Held, lost: asyncio.Event, renewed: float) -> None:
        """Renews three times per life; without an answer the lease counts as lost when its life has
        run out.
        """
        try:
            while True:
                left = renewed + self._ttl_s - self._clock.monotonic()
                if left <= 0:
                    return
                await asyncio.sleep(min(self._ttl_s / RENEWALS_PER_TTL, left))
                asked = self._clock.monotonic()
                with contextlib.suppress(ConnectionLostError, BusRefusedError, TimeoutError):
                    async with asyncio.timeout(max(renewed + self._ttl_s - asked, 0)):
                        if not await self._locks.renew(held):
                            return
                    renewed = asked
        finally:
            lost.set()

    async def release(self) -> None:
        """Stop renewing and gives it back, so that another need not wait for its end."""
        held = self.held
        await self._end_keeper()
        if held is not None:
            # It then ends by itself.
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
