"""What an account's processes share, without Redis."""

from collections.abc import Callable, Mapping

from keter.domain.markets import Event
from keter.venues.asianodds.stores import Session


class LocalStores:
    """All stores in memory, for a test's one process."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._sessions: dict[str, Session] = {}
        self._free_at: dict[tuple[str, str], float] = {}
        self.fixtures: dict[int, Event] = {}

    async def read(self, account: str) -> Session | None:
        return self._sessions.get(account)

    async def write(self, account: str, session: Session) -> None:
        self._sessions[account] = session

    async def drop(self, account: str, token: str) -> None:
        known = self._sessions.get(account)
        if known is not None and known.token == token:
            del self._sessions[account]

    async def take(self, account: str, name: str, interval_s: float) -> float:
        now = self._monotonic()
        free_at = self._free_at.get((account, name), now)
        if free_at > now:
            return free_at - now
        self._free_at[account, name] = now + interval_s
        return 0.0

    async def load(self, account: str) -> dict[int, Event]:
        return dict(self.fixtures)

    async def save(self, account: str, fixtures: Mapping[int, Event | None]) -> None:
        for match_id, event in fixtures.items():
            self.fixtures.pop(match_id, None)
            if event is not None:
                self.fixtures[match_id] = event
