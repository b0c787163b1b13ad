"""What the handlers share: one value, built once by `wiring`."""

from dataclasses import dataclass
from datetime import datetime

from keter.alerting.build import Alerting
from keter.clock import Clock
from keter.dashboard.accounts import AccountConsoles
from keter.dashboard.auth import Authenticator
from keter.dashboard.commands import Commands
from keter.dashboard.security import Perimeter
from keter.dashboard.static import Page
from keter.dashboard.storage import Storage
from keter.dashboard.stores import Stores
from keter.dashboard.watch import Watch
from keter.settings import Settings


@dataclass(frozen=True, slots=True)
class AppContext:
    """Everything that handlers need.

    ``settings`` are those of the whole run, ``accounts`` the consoles of its accounts. ``host`` is
    the name of this machine.
    """

    settings: Settings
    clock: Clock
    host: str
    started_at: datetime
    perimeter: Perimeter
    authenticator: Authenticator
    accounts: AccountConsoles
    storage: Storage
    commands: Commands
    alerting: Alerting
    watch: Watch
    stores: Stores
    pages: dict[str, Page]
