"""What the watch remembers of one account from look to look: is it armed, does it stand still?"""

from datetime import datetime
from typing import NamedTuple

from keter.bus.telemetry.audit import counts_of
from keter.dashboard.facts import Facts
from keter.dashboard.standstill import Standstill, StandstillWatch
from keter.domain.processes import Process
from keter.domain.trading import TradingMode
from keter.settings import Settings


class AccountLook(NamedTuple):
    """What a look finds. ``unarmed_since``: since when LIVE waits to be armed.

    ``was_armed``: it was armed before in this process's life.
    """

    unarmed_since: datetime | None
    was_armed: bool
    standstill: Standstill | None


class AccountWatch:
    """The memory of the account that ``settings`` are of."""

    def __init__(self, settings: Settings, starts: frozenset[Process]) -> None:
        self._settings = settings
        self._routes = Process.ROUTER in starts
        self._standstill = StandstillWatch()
        self._unarmed_since: datetime | None = None
        self._was_armed = False

    def look(self, facts: Facts) -> AccountLook:
        """Take in the facts of the moment and return what they show."""
        waits = unarmed(self._settings, facts)
        self._unarmed_since = since(self._unarmed_since, self._routes and waits, facts.at)
        self._was_armed = self._was_armed or facts.bus.armed
        counts = counts_of(facts.bus.counts, self._settings.account.key)
        standstill = self._standstill.look(counts, facts.at, may_bet=_may_bet(facts) and not waits)
        return AccountLook(self._unarmed_since, self._was_armed, standstill)


def _may_bet(facts: Facts) -> bool:
    """Return whether nobody has stopped betting, and LIVE may bet once it is armed.

    LIVE that only follows its open bets may not.
    """
    standing = facts.bus.standing
    modes = {TradingMode.ACTIVE, TradingMode.REDUCING}
    return standing.mode in modes and not standing.stops and facts.bus.blocked.live is None


def unarmed(settings: Settings, facts: Facts) -> bool:
    """Return whether LIVE would bet if it were armed."""
    return settings.live and _may_bet(facts) and not facts.bus.armed


def since(before: datetime | None, holds: bool, now: datetime) -> datetime | None:
    """Return since when something holds; None while it does not."""
    return (before or now) if holds else None
