"""How many connections the page takes, from whom, and which of them makes room for another.

A connection that has sent no whole request yet costs its sender nothing, so it is what gives way
first: the oldest such one, then the oldest that is still sending its body. One whose request is
being answered never does, nor does a WebSocket, which is counted elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from keter.system.addresses import is_loopback

MOST = 256
LEAST = 16
PER_ADDRESS = 64
FOR_THIS_MACHINE = 32  # whoever sits at it gets in, whatever comes from elsewhere
BACKLOG = 32  # accepted before anybody can refuse them
OTHER_DESCRIPTORS = 96  # Redis, the ledger, logs, pages' files, channels


class Phase(IntEnum):
    """What a connection is at; the lower, the sooner it gives way."""

    HEAD = 0
    BODY = 1
    ANSWER = 2


class Connection(Protocol):
    """What the limits ask of one."""

    @property
    def address(self) -> str: ...

    @property
    def phase(self) -> Phase: ...

    @property
    def counts(self) -> bool: ...

    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """``total`` connections in all, of which ``elsewhere`` may come from other machines, ``each``
    from one address.
    """

    total: int = MOST
    elsewhere: int = MOST - FOR_THIS_MACHINE
    each: int = PER_ADDRESS

    @classmethod
    def of(cls, descriptors: int | None) -> "Bounds":
        """As many as the process may open beside what it needs itself; None is no limit."""
        room = MOST if descriptors is None else descriptors - OTHER_DESCRIPTORS - BACKLOG
        total = min(MOST, max(LEAST, room))
        return cls(total, max(total - FOR_THIS_MACHINE, total // 2), PER_ADDRESS)


class ConnectionLimits:
    """The open connections of one server, oldest first.

    ``proxies`` speak for many and have no limit of their own.
    """

    def __init__(self, bounds: Bounds, proxies: frozenset[str]) -> None:
        self._bounds = bounds
        self._proxies = proxies
        self._open: dict[Connection, None] = {}

    @property
    def number(self) -> int:
        """How many count."""
        return sum(one.counts for one in self._open)

    def admit(self, connection: Connection) -> bool:
        """Whether it may stay; another may have had to give way for it."""
        for group, most in self._limits_for(connection.address):
            if len(group) >= most and not _close_one(group):
                return False
        self._open[connection] = None
        return True

    def leave(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    def _limits_for(self, address: str) -> Iterable[tuple[list[Connection], int]]:
        """The connections beside which one from ``address`` counts, each with how many there may
        be.
        """
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
    for phase in (Phase.HEAD, Phase.BODY):
        for one in group:
            if one.phase is phase:
                one.abort()
                return True
    return False
