"""What all processes of one venue account share: the session, the moments at which it may be asked
again, its fixtures.

Tokens and keys are secrets: they are in Redis only, never in a message or a representation.
"""

from collections.abc import Mapping
from itertools import islice
from typing import Generic, TypeVar

import msgspec
from redis.typing import EncodableT, FieldT

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.errors import PoisonedPayloadError
from keter.bus.keys import FIXTURES_MS, SESSION_MS
from keter.domain.markets import Event

CHUNK = 500  # commands per round trip
S = TypeVar("S", bound=msgspec.Struct)


class SessionStore(Generic[S]):
    """Sessions by account, as ``kind``: a venue's own struct of plain fields, of which one is
    ``token``.
    """

    def __init__(self, bus: Bus, kind: type[S]) -> None:
        self._bus = bus
        self._kind = kind

    async def read(self, account: str) -> S | None:
        """The account's session; None when nobody has left one that can be read, so that its owner
        makes another.
        """
        fields = await self._bus.redis.read_hash(self._bus.keys.session(account))
        if not fields:
            return None
        try:
            return msgspec.convert(
                {name: value.decode() for name, value in fields.items()}, self._kind, strict=False
            )
        except ValueError:  # left by another version of Keter
            return None

    async def write(self, account: str, session: S) -> None:
        """Replace the account's session."""
        fields: dict[FieldT, EncodableT] = msgspec.to_builtins(session)
        key = self._bus.keys.session(account)
        async with self._bus.redis.batch(atomic=True) as batch:
            batch.delete(key)
            batch.hset(key, mapping=fields)
            batch.pexpire(key, SESSION_MS)
            await batch.execute()

    async def drop(self, account: str, token: str) -> None:
        """Forgets the session if ``token`` is still its token: a newer one stays."""
        await self._bus.redis.run("session_drop", [self._bus.keys.session(account)], [token])


class ThrottleStore:
    """Calls that the venue limits per account, counted by the server's clock for all processes
    together.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def take(self, account: str, name: str, interval_s: float) -> float:
        """0 when the call may be made, and is counted; else the seconds until it may, and nothing
        is counted.
        """
        key = self._bus.keys.throttle(account, name)
        return (
            int(
                await self._bus.redis.run(
                    "throttle_take", [key], [max(round(interval_s * 1000), 1)]
                )
            )
            / 1000
        )


class FixtureStore:
    """The event behind each match id of a venue: a uid once given outlives the process that gave
    it.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def load(self, account: str) -> dict[int, Event]:
        """Every match id known; what cannot be read is left out."""
        found = {}
        for match_id, payload in (
            await self._bus.redis.read_hash(self._bus.keys.fixtures(account))
        ).items():
            try:
                found[int(match_id)] = decode(Event, payload)
            except (ValueError, PoisonedPayloadError):  # left by another version of Keter
                continue
        return found

    async def save(self, account: str, fixtures: Mapping[int, Event | None]) -> None:
        """Add and replaces; None removes."""
        key, rest = self._bus.keys.fixtures(account), iter(fixtures.items())
        while chunk := list(islice(rest, CHUNK)):
            async with self._bus.redis.batch() as batch:
                for match_id, event in chunk:
                    if event is None:
                        batch.hdel(key, str(match_id))
                    else:
                        batch.hset(key, str(match_id), encode(event))
                batch.pexpire(key, FIXTURES_MS)
                await batch.execute()
