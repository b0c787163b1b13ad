"""Open what the settings name.

Each part below (ledger) takes plain values. Here the settings are turned into them.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from keter.clock import Clock
from keter.settings import Settings

if TYPE_CHECKING:
    from keter.ledger import Ledger

# The ledger is imported inside the functions: ingest opens only a price source and must not load
# SQLAlchemy, which costs it memory and time at its start.


def ledger_url(settings: Settings) -> str:
    """Return LEDGER_URL, or else the address of a SQLite file in DATA_DIR.

    The address may hold a password: never log it.
    """
    from keter.ledger.address import sqlite_url

    configured = settings.log.ledger_url.get_secret_value()
    return configured or sqlite_url(settings.mode.data_dir / "ledger.db")


def local_ledger(settings: Settings) -> Path | None:
    """Return the path of the ledger's file, which may not exist; None for a database server.

    Raises ConfigurationError for an address that is none.
    """
    from keter.ledger.address import file_of, parse_url

    return file_of(parse_url(ledger_url(settings)))


def ledger_is_shared(settings: Settings) -> bool:
    """Return True if several machines may use this ledger: a database server, not a file."""
    return local_ledger(settings) is None


def ledger_may_exist(settings: Settings) -> bool:
    """Return False only if the ledger is a file that does not exist.

    Whether a database server holds a ledger is known only after asking it.
    """
    file = local_ledger(settings)
    return file is None or file.exists()


async def open_settings_ledger(
    settings: Settings, *, clock: Clock, read_only: bool = False
) -> "Ledger":
    """Open the ledger that the settings name; its days begin in their time zone.

    Raises what ``keter.ledger.open_ledger`` raises.
    """
    from keter.ledger import open_ledger

    return await open_ledger(
        ledger_url(settings), read_only=read_only, clock=clock, zone=settings.mode.zone
    )
