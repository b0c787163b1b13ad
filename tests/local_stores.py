"""What an account's processes share, without Redis."""

from collections.abc import Callable

from keter.venues.asianodds.stores import Session


class LocalStores:
    """Both stores in memory, for a test's one process."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._sessions: dict[str, Session] = {}
        self._free_at: dict[tuple[str, str], float] = {}

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
