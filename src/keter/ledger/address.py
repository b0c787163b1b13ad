"""Addresses of a ledger: a SQLite file or a PostgreSQL server."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from keter.errors import ConfigurationError


def parse_url(url: str) -> URL:
    """Return the address as SQLAlchemy's URL; PostgreSQL gets the driver psycopg.

    Raises ConfigurationError for anything but a SQLite file or PostgreSQL. The message does not
    contain the address, because it may hold a password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as e:
        raise ConfigurationError(
            "LEDGER_URL is not a database address such as sqlite:///local/ledger.db"
        ) from e
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise ConfigurationError("LEDGER_URL must begin with sqlite:// or postgresql://")
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise ConfigurationError(
            "the ledger must be a file: in memory it would forget the bets with the process"
        )
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    return parsed


def sqlite_url(file: Path) -> str:
    """Return the address of a SQLite file; a relative path is taken from the working folder."""
    # Built by SQLAlchemy, because a folder's name may hold characters such as # and ?.
    path = file.absolute().as_posix()
    return URL.create("sqlite", database=path).render_as_string(hide_password=False)


def file_of(url: URL) -> Path | None:
    """Return the path of a SQLite ledger, which may not exist; None for a database server."""
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None
