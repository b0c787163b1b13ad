"""Whether LIVE may bet: explicit limits, a valid licence and an arming.

DRY needs none of them (a licence where asked for).
"""

from keter.bus.connection import Bus
from keter.bus.state.permissions import read_arming
from keter.clock import Clock
from keter.domain.runs import RunMark
from keter.errors import ConfigurationError, PermissionDeniedError
from keter.license.keeper import LicenseKeeper
from keter.settings import Settings


class Permission:
    """Asked before every approval and again before every placement."""

    def __init__(
        self, bus: Bus, settings: Settings, clock: Clock, account: str, run: RunMark
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._licences = LicenseKeeper(settings, clock)
        self._account = account
        self._run = run

    async def missing(self) -> str | None:
        """What stands in the way of a bet, in a word; None when nothing does.

        Raises the bus's errors.
        """
        try:
            self._licences.require()
        except (PermissionDeniedError, ConfigurationError):
            # The latter for a public key that is none.
            return "licence"
        if not self._settings.live:
            return None
        if self._settings.missing_live_limits():
            return "limits"
        return (
            None if await read_arming(self._bus, self._account, self._run) is not None else "arming"
        )
