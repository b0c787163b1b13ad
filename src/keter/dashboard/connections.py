"""How many connections the page takes, from whom, and which one is closed for a new one.

A connection without a whole request has cost its sender nothing, so it is closed first. Among those
the oldest that still sends its head goes, then the oldest that sends its body. One whose request is
being answered is never closed. A WebSocket is not either: the stream limits them itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from keter.system.addresses import is_loopback

MOST = 256
LEAST = 16
PER_ADDRESS = 64
# Kept free: who sits at this machine gets in, whatever comes from elsewhere.
FOR_THIS_MACHINE = 32
# Accepted by the kernel before the application can refuse them.
BACKLOG = 32
# For Redis, the ledger, logs, files of the page and alert channels.
OTHER_DESCRIPTORS = 96


class Phase(IntEnum):
    """What a connection is doing; the lower, the sooner it is closed."""

    HEAD = 0
    BODY = 1
    ANSWER = 2


class Connection(Protocol):
    """What the limits need of a connection."""

    @property
    def address(self) -> str: ...

    @property
    def phase(self) -> Phase: ...

    @property
    def counts(self) -> bool: ...

    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many connections may be open.

    ``total`` in all; of them ``elsewhere`` from other machines and ``each`` from one address.
    """

    total: int = MOST
    elsewhere: int = MOST - FOR_THIS_MACHINE
    each: int = PER_ADDRESS

    @classmethod
    def of(cls, descriptors: int | None) -> "Bounds":
        """Return the bounds of a process that may open ``descriptors``; None is no limit.

        What the process itself needs is left free.
        """
        room = MOST if descriptors is None else descriptors - OTHER_DESCRIPTORS - BACKLOG
        total = min(MOST, max(LEAST, room))
        return cls(total, max(total - FOR_THIS_MACHINE, total // 2), PER_ADDRESS)


class ConnectionLimits:
    """The open connections of one server, oldest first.

    ``proxies`` speak for many callers and have no limit of their own.
    """

    def __init__(self, bounds: Bounds, proxies: frozenset[str]) -> None:
        self._bounds = bounds
        self._proxies = proxies
        self._open: dict[Connection, None] = {}

    @property
    def number(self) -> int:
        """How many connections count."""
        return sum(one.counts for one in self._open)

    def admit(self, connection: Connection) -> bool:
        """Return whether ``connection`` may stay.

        Another one may be closed for it.
        """
        for group, most in self._limits_for(connection.address):
            if len(group) >= most and not _close_one(group):
                return False
        self._open[connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    def _limits_for(self, address: str) -> Iterable[tuple[list[Connection], int]]:
        """Yield each group that a connection from ``address`` belongs to, and its limit."""
        local = is_loopback(address)
        if not local and address not in self._proxies:
            yield (
                [one for one in self._open if one.counts and one.address == address],
                self._bounds.each,
            )
        if not local:
            yield (
                [one for one in self._open if one.counts and not is_loopback(one.address)],
                self._bounds.elsewhere,
            )
        yield [one for one in self._open if one.counts], self._bounds.total


def _close_one(group: list[Connection]) -> bool:
    """Close the connection of ``group`` that gives way first; return whether there was one."""
    for phase in (Phase.HEAD, Phase.BODY):
        for one in group:
            if one.phase is phase:
                one.abort()
                return True
    return False
