"""The ledger as a whole: how it is opened, its repositories, and sums over several of them."""

from datetime import UTC, datetime, tzinfo
from pathlib import Path

import msgspec
from sqlalchemy import select
from sqlalchemy.engine import URL, Connection

from keter.clock import Clock
from keter.domain.days import day_of
from keter.domain.exposure import DayRisk
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.domain.placements import PlacementFact
from keter.domain.trading import ExecutionMode
from keter.ledger import sizes, sums
from keter.ledger.accounts import Accounts
from keter.ledger.address import file_of, parse_url
from keter.ledger.alerts import Alerts
from keter.ledger.commands import Commands
from keter.ledger.database import Database, make_engine
from keter.ledger.decisions import Decisions
from keter.ledger.errors import LedgerUnavailableError
from keter.ledger.figures import ClosingLine, Figures, read_closing, read_figures
from keter.ledger.foreign_tickets import ForeignTickets
from keter.ledger.maintenance import backup, export, integrity
from keter.ledger.migrate import check_revision, migrate
from keter.ledger.order_queries import read_open
from keter.ledger.orders import Orders
from keter.ledger.paper import PaperBook
from keter.ledger.placements import read_placements
from keter.ledger.results import Results
from keter.ledger.schema import identity
from keter.ledger.settlements import Settlements
from keter.ledger.totals import fold, read_owners
from keter.system.text_files import is_present


class Identity(msgspec.Struct, frozen=True):
    """A ledger's own id, created with it and kept wherever it is moved.

    ``made_at`` is when the ledger was created or, if it is older than ids, when it got one.
    """

    ledger_id: str
    made_at: datetime


class Ledger:
    """The history of money. Amounts are in minor units.

    Bets, sums and lists are of one mode and one account; an account None means all of the mode.

    Every method raises LedgerUnavailableError if the database fails. It is then unknown whether a
    commit took place.
    """

    def __init__(self, database: Database, *, clock: Clock, zone: tzinfo) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self.orders = Orders(database)
        self.decisions = Decisions(database)
        self.accounts = Accounts(database)
        self.results = Results(database)
        self.commands = Commands(database)
        self.alerts = Alerts(database)
        self.settlements = Settlements(database)
        self.foreign = ForeignTickets(database)
        self.paper = PaperBook(database)

    async def identity(self) -> Identity:
        """Return which ledger this is, and since when it exists."""
        return await self._database.read(_read_identity)

    def day_of(self, moment: datetime) -> str:
        """Return the betting day of a moment, as an ISO date in the ledger's zone."""
        return day_of(moment, self._zone)

    async def last_results(
        self, mode: ExecutionMode, account: str | None, *, since: datetime | None = None
    ) -> list[tuple[str, OrderState]]:
        """Return (intent id, state) of bets settled after ``since``, newest first, 400 at most."""
        return await self._database.read(
            lambda connection: sums.read_results(connection, mode, account, since=since)
        )

    async def risk_picture(
        self, mode: ExecutionMode, account: str | None, day: str
    ) -> tuple[list[Order], DayRisk]:
        """Return the open bets and the day's sums, both read at one moment.

        The sums are settled profit, stakes, number of bets, and the losing streak at the day's end.
        A bet that settles meanwhile is in one of the two, never in both.

        Raises ValueError if ``day`` is not an ISO date.
        """
        return await self._database.read(
            lambda connection: (
                read_open(connection, mode, account),
                sums.read_day_risk(connection, mode, account, day, self._zone),
            )
        )

    async def summary(
        self, mode: ExecutionMode, account: str | None, day: str | None = None
    ) -> sums.MoneySummary:
        """Return the sums of a betting day for the console; ``day`` None means today."""
        chosen = day or self.day_of(self._clock.now())
        return await self._database.read(
            lambda connection: sums.read_summary(connection, mode, account, chosen, self._zone)
        )

    async def figures(
        self,
        mode: ExecutionMode,
        account: str | None,
        day: str,
        *,
        clv_since: datetime,
        closing: ClosingLine | None = None,
    ) -> Figures:
        """Return sums over all bets of the account in this mode.

        The closing line value is ``closing``, or else that of the bets settled since
        ``clv_since``.
        """
        return await self._database.read(
            lambda connection: read_figures(
                connection, mode, account, day, self._zone, clv_since, closing
            )
        )

    async def closing_line(
        self, mode: ExecutionMode, account: str | None, since: datetime
    ) -> ClosingLine:
        """Return the mean closing line value of the bets settled since ``since``."""
        return await self._database.read(
            lambda connection: read_closing(connection, mode, account, since)
        )

    async def pnl_points(
        self, mode: ExecutionMode, account: str | None, since: datetime
    ) -> list[tuple[datetime, int]]:
        """Return the time of settlement and the profit of each bet, oldest first."""
        return await self._database.read(
            lambda connection: sums.read_pnl(connection, mode, account, since)
        )

    async def placements(
        self, mode: ExecutionMode, account: str | None, since: datetime
    ) -> list[PlacementFact]:
        """Return what came of every placement of bets created since ``since``, oldest first."""
        return await self._database.read(
            lambda connection: read_placements(connection, mode, account, since)
        )

    async def accounts_in(self, mode: ExecutionMode) -> list[str]:
        """Return the accounts that have bets in this mode, sorted."""
        return await self._database.read(lambda connection: read_owners(connection, mode))

    async def stored_bytes(self) -> int:
        """Return the size of what is stored, without space that may be reused."""
        return await self._database.read(sizes.stored_bytes)

    async def give_back(self) -> None:
        """Return some of the space of deleted rows to the disk."""
        await self._database.run(sizes.give_back)

    async def tidy(self) -> None:
        """Fold the totals and update the planner's statistics.

        It is cheap enough to run every few minutes.
        """
        while await self._database.write(fold, durable=False):
            pass
        await self._database.write(sizes.optimize, durable=False)

    async def integrity(self) -> list[str]:
        """Return one sentence for each thing that is wrong with the data."""
        return await self._database.run(integrity)

    async def backup(self, path: Path) -> None:
        """Write a complete copy to ``path``; readers and writers need not stop.

        Raises UsageError if the ledger is not SQLite or ``path`` exists, UnavailableError if
        ``path`` cannot be written.
        """
        await self._database.run(lambda engine: backup(engine, path))

    async def export(self, path: Path, fmt: str) -> int:
        """Write every bet to ``path`` as ``csv`` or ``parquet``; return the number of rows.

        Raises UsageError for another format, UnavailableError if ``path`` cannot be written.
        """
        return await self._database.run(lambda engine: export(engine, path, fmt))

    async def aclose(self) -> None:
        await self._database.aclose()


async def open_ledger(
    url: str, *, read_only: bool = False, clock: Clock, zone: tzinfo = UTC
) -> Ledger:
    """Open the ledger and, unless ``read_only``, create or migrate its tables.

    ``zone`` is the time zone in which a betting day starts.

    Raises ConfigurationError for an unusable address. Raises LedgerUnavailableError if the database
    does not answer or has the schema of another version, or if it is missing and ``read_only``.
    """
    parsed = parse_url(url)
    _check_file(parsed, read_only=read_only)
    database = Database(make_engine(parsed, read_only=read_only))
    try:
        await database.run(check_revision if read_only else migrate)
    except BaseException:
        await database.aclose()
        raise
    return Ledger(database, clock=clock, zone=zone)


def _check_file(url: URL, *, read_only: bool) -> None:
    path = file_of(url)
    if path is None:
        return
    # Opening a named pipe in the place of the file would wait for ever.
    if path.exists() and not path.is_file():
        raise LedgerUnavailableError(f"the ledger {path} is no ordinary file; move it away")
    if read_only and not is_present(path):
        raise LedgerUnavailableError(
            "there is no ledger yet; it is made when Keter runs for the first time"
        )


def _read_identity(connection: Connection) -> Identity:
    """Read the only row of the table. Raises LedgerUnavailableError if somebody removed it."""
    row = connection.execute(select(identity.c.ledger_id, identity.c.made_at)).first()
    if row is None:
        raise LedgerUnavailableError(
            "the ledger does not say which one it is: its identity was removed; restore a backup"
        )
    return Identity(row.ledger_id, row.made_at)
