"""Tokens of prepared commands, and how often a login may prepare one."""

import asyncio
import secrets
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from keter.clock import Clock
from keter.dashboard.errors import ApiError
from keter.dashboard.models import CommandResult, PrepareBody

# A token that is committed twice answers with its result for this long.
RESULT_KEPT_S = 600.0
MAX_TOKENS = 500
# Stops are not throttled: those of one session must not push out what another is confirming.
MAX_TOKENS_OF_ONE = 100
PER_MINUTE = 60


@dataclass(slots=True)
class Token:
    """One prepared command: whose and what.

    ``seen`` are the revisions, by scope, of the trading states that it was prepared for. ``needs``
    are the proofs for its commit; ``limit`` is the limit in force that it changes.
    """

    session: str
    body: PrepareBody
    seen: dict[str, int]
    needs: list[str]
    made_s: float
    limit: Decimal | None = None
    result: CommandResult | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tokens:
    """The tokens of one process, bounded in number and in time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._recent: dict[str, deque[float]] = {}

    def __len__(self) -> int:
        return len(self._tokens)

    def add(self, token: Token) -> str:
        """Keep ``token`` and return its name; old ones make room."""
        name = secrets.token_urlsafe(24)
        self._forget_old(token.session)
        self._tokens[name] = token
        return name

    def find(self, name: str, session: str) -> Token | None:
        """Return the token of ``session``; None when it is unknown, forgotten or another's."""
        token = self._tokens.get(name)
        return token if token is not None and token.session == session else None

    def throttle(self, session: str) -> None:
        """Count one command of ``session``. Raises ApiError 429 beyond PER_MINUTE."""
        at = self._clock.monotonic()
        recent = self._recent.setdefault(session, deque(maxlen=PER_MINUTE))
        if len(recent) == PER_MINUTE and at - recent[0] < 60:
            raise ApiError(
                429,
                "slow_down",
                "too many commands in a minute",
                retry_after_s=60 - (at - recent[0]),
            )
        recent.append(at)

    def _forget_old(self, session: str) -> None:
        """Make room for one more token of ``session``."""
        at = self._clock.monotonic()
        kept = {
            name: token for name, token in self._tokens.items() if at - token.made_s < RESULT_KEPT_S
        }
        own = [name for name, token in kept.items() if token.session == session]
        for name in own[: max(0, len(own) - MAX_TOKENS_OF_ONE + 1)]:
            del kept[name]
        while len(kept) >= MAX_TOKENS:
            del kept[next(iter(kept))]
        self._tokens = kept
        self._recent = {
            session: times
            for session, times in self._recent.items()
            if times and at - times[-1] < 60
        }
