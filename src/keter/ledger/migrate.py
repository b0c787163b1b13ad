"""Migration of a database to this version's schema; several processes may start at once."""

import threading
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, Engine

from keter.ledger.database import DURABLE
from keter.ledger.errors import LedgerUnavailableError
from keter.ledger.schema import REVISION

SCRIPTS = Path(__file__).parent / "migrations"
# Alembic keeps its connection in a module, which all threads of the process share.
_ALEMBIC = threading.Lock()
_ADVISORY_LOCK = 0x6B657465  # any number, the same in every process


def current_revision(connection: Connection) -> str | None:
    """Return the database's revision, or None if it holds no ledger."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar()
    return revision


def migrate(engine: Engine, target: str = "head") -> None:
    """Upgrade inside one transaction that holds the database's write lock.

    Either all of it takes place or nothing, and only one process does it.

    Raises LedgerUnavailableError if a newer version of Keter has written the ledger.
    """
    with engine.connect().execution_options(work=DURABLE) as connection, connection.begin():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        found = current_revision(connection)
        if target == "head" and found == REVISION:
            return
        _upgrade(connection, found, target)


def check_revision(engine: Engine) -> None:
    """Raise LedgerUnavailableError unless the schema is this version's; for readers."""
    with engine.connect() as connection, connection.begin():
        found = current_revision(connection)
    if found != REVISION:
        what_to_do = (
            "update Keter"
            if (found or "") > REVISION
            else "start `keter up` once, which brings the ledger up to date"
        )
        raise LedgerUnavailableError(
            f"the ledger is at schema {found or 'none'}, this version of Keter reads {REVISION};"
            f" {what_to_do}"
        )


def _upgrade(connection: Connection, found: str | None, target: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if found is not None and found not in {
        script.revision for script in ScriptDirectory.from_config(config).walk_revisions()
    }:
        raise LedgerUnavailableError(
            f"the ledger is at schema {found}, which a newer version of Keter wrote; update Keter"
        )
    with _ALEMBIC:
        command.upgrade(config, target)
