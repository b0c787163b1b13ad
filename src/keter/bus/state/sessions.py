"""What all processes of one venue account share: the session, and when a limited call is free.

Tokens and keys are secrets: they are in Redis only, never in a message or a representation.
"""

from typing import Generic, TypeVar

import msgspec
from redis.typing import EncodableT, FieldT

from keter.bus.connection import Bus
from keter.bus.keys import SESSION_MS

S = TypeVar("S", bound=msgspec.Struct)


class SessionStore(Generic[S]):
    """Sessions by account, as ``kind``: a venue's own struct of plain fields with a ``token``."""

    def __init__(self, bus: Bus, kind: type[S]) -> None:
        self._bus = bus
        self._kind = kind

    async def read(self, account: str) -> S | None:
        """Return the account's session.

        Return None if there is none or it cannot be decoded: its owner then makes another.
        """
        fields = await self._bus.redis.read_hash(self._bus.keys.session(account))
        if not fields:
            return None
        try:
            return msgspec.convert(
                {name: value.decode() for name, value in fields.items()}, self._kind, strict=False
            )
        except ValueError:  # written by another version of Keter
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
        """Remove the account's session if ``token`` is still its token; a newer session stays."""
        await self._bus.redis.run("session_drop", [self._bus.keys.session(account)], [token])


class ThrottleStore:
    """Calls that the venue limits per account.

    Redis counts them by its own clock, for all processes together.
    """

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def take(self, account: str, name: str, interval_s: float) -> float:
        """Count the call and return 0 if it may be made now.

        Otherwise count nothing and return the seconds until it may be made.
        """
        key = self._bus.keys.throttle(account, name)
        interval_ms = max(round(interval_s * 1000), 1)
        return int(await self._bus.redis.run("throttle_take", [key], [interval_ms])) / 1000
