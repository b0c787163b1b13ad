"""The ledger as a whole: where it is, how it is opened, and its repositories."""

from datetime import UTC, datetime, tzinfo
from pathlib import Path

from sqlalchemy.engine import URL

from keter.clock import Clock
from keter.domain.bets import Bet, BetState
from keter.domain.exposure import DayRisk
from keter.domain.placements import PlacementFact
from keter.domain.trading import ExecutionMode
from keter.ledger import sizes, sums
from keter.ledger.bets import Intents, read_open
from keter.ledger.database import Database, make_engine, parse_url
from keter.ledger.decisions import Decisions
from keter.ledger.errors import LedgerUnavailableError
from keter.ledger.figures import ClosingLine, Figures, read_closing, read_figures
from keter.ledger.history import Accounts, Alerts, Commands, ForeignTickets, Results, Settlements
from keter.ledger.identity import Identity, read_identity
from keter.ledger.maintenance import backup, export, integrity
from keter.ledger.migrate import check_revision, migrate
from keter.ledger.paper import PaperBook
from keter.ledger.placements import read_placements
from keter.ledger.totals import fold
from keter.settings import Settings
from keter.system.text_files import is_present


class Ledger:
    """Money history.

    Every method raises LedgerUnavailableError when the database fails; then a commit's fate is
    unknown.
    """

    def __init__(self, database: Database, *, clock: Clock, zone: tzinfo) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone
        self.intents = Intents(database)
        self.decisions = Decisions(database)
        self.accounts = Accounts(database)
        self.results = Results(database)
        self.commands = Commands(database)
        self.alerts = Alerts(database)
        self.settlements = Settlements(database)
        self.foreign = ForeignTickets(database)
        self.paper = PaperBook(database)

    async def identity(self) -> Identity:
        """Which ledger this is, and since when there is one."""
        return await self._database.read(read_identity)

    def day_of(self, moment: datetime) -> str:
        """The betting day of a moment, as an ISO date in the configured zone."""
        return moment.astimezone(self._zone).date().isoformat()

    async def day_risk(self, day: str, mode: ExecutionMode) -> DayRisk:
        """The day's settled profit, stakes and bets, and the losses in a row up to its end."""
        return await self._database.read(
            lambda connection: sums.read_day_risk(connection, day, mode, self._zone)
        )

    async def last_results(
        self, mode: ExecutionMode, *, since: datetime | None = None
    ) -> list[tuple[str, BetState]]:
        """The newest bets settled after ``since`` with their states, newest first; 400 at most."""
        return await self._database.read(
            lambda connection: sums.read_results(connection, mode, since=since)
        )

    async def risk_picture(self, day: str, mode: ExecutionMode) -> tuple[list[Bet], DayRisk]:
        """The open bets and the day as of one moment: a bet that settles meanwhile is in one of the
        two, never in both.
        """
        return await self._database.read(
            lambda connection: (
                read_open(connection, mode),
                sums.read_day_risk(connection, day, mode, self._zone),
            )
        )

    async def summary(self, mode: ExecutionMode, day: str | None = None) -> sums.MoneySummary:
        """The money strip; ``day`` None is today."""
        chosen = day or self.day_of(self._clock.now())
        return await self._database.read(
            lambda connection: sums.read_summary(connection, mode, chosen, self._zone)
        )

    async def figures(
        self,
        mode: ExecutionMode,
        day: str,
        *,
        clv_since: datetime,
        closing: ClosingLine | None = None,
    ) -> Figures:
        """Sum over everything of ``mode``; the closing line value of bets settled since
        ``clv_since``, unless it is given.
        """
        return await self._database.read(
            lambda connection: read_figures(connection, mode, day, self._zone, clv_since, closing)
        )

    async def closing_line(self, mode: ExecutionMode, since: datetime) -> ClosingLine:
        """The closing line value of every bet settled since then."""
        return await self._database.read(lambda connection: read_closing(connection, mode, since))

    async def pnl_points(self, mode: ExecutionMode, since: datetime) -> list[tuple[datetime, int]]:
        """When each bet settled and its profit in minor units, oldest first."""
        return await self._database.read(lambda connection: sums.read_pnl(connection, mode, since))

    async def placements(self, mode: ExecutionMode, since: datetime) -> list[PlacementFact]:
        """What became of every placement of bets made since then, oldest first."""
        return await self._database.read(
            lambda connection: read_placements(connection, mode, since)
        )

    async def stored_bytes(self) -> int:
        """How much is stored, room for reuse left out."""
        return await self._database.read(sizes.stored_bytes)

    async def give_back(self) -> None:
        """Return some of the room that deleted rows left to the disk."""
        await self._database.run(sizes.give_back)

    async def tidy(self) -> None:
        """Folds the totals and brings the planner's statistics up to date; cheap enough for every
        few minutes.
        """
        while await self._database.write(fold, durable=False):
            pass
        await self._database.write(sizes.optimize, durable=False)

    async def integrity(self) -> list[str]:
        """What is wrong with the data, one sentence each; empty when all is well."""
        return await self._database.run(integrity)

    async def backup(self, path: Path) -> None:
        """A complete copy at ``path`` while everything runs on.

        SQLite only; else, or where a file is, UsageError.
        """
        await self._database.run(lambda engine: backup(engine, path))

    async def export(self, path: Path, fmt: str) -> int:
        """Write every bet to ``path`` as ``csv`` or ``parquet``; returns the number of rows.

        Raises UsageError.
        """
        return await self._database.run(lambda engine: export(engine, path, fmt))

    async def aclose(self) -> None:
        await self._database.aclose()


def ledger_url(settings: Settings) -> str:
    """LEDGER_URL, else a SQLite file in DATA_DIR. May hold a password: never log it."""
    configured = settings.log.ledger_url.get_secret_value()
    if configured:
        return configured
    # Not put together by hand: what means something in an address may be part of a folder's name.
    path = (settings.mode.data_dir / "ledger.db").absolute().as_posix()
    return URL.create("sqlite", database=path).render_as_string(hide_password=False)


def local_ledger(settings: Settings) -> Path | None:
    """The file of the ledger, there or not; None where it is a server's."""
    url = parse_url(ledger_url(settings))
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def ledger_is_shared(settings: Settings) -> bool:
    """Whether several machines may work on this ledger at once: a database server, not a file."""
    return parse_url(ledger_url(settings)).get_backend_name() != "sqlite"


def is_there(settings: Settings) -> bool:
    """Whether there may be a ledger: a file that exists, or a database that has to be asked."""
    return (
        ledger_is_shared(settings) or Path(parse_url(ledger_url(settings)).database or "").exists()
    )


async def open_ledger(
    url: str, *, read_only: bool = False, clock: Clock, zone: tzinfo = UTC
) -> Ledger:
    """Open the ledger and, unless ``read_only``, creates or migrates its tables.

    ``zone`` is where a betting day starts.

    Raises ConfigurationError for an address that cannot be, LedgerUnavailableError when the
    database does not answer, has another version's schema, or does not exist and may not be
    created.
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


async def open_settings_ledger(
    settings: Settings, *, clock: Clock, read_only: bool = False
) -> Ledger:
    """The ledger that the settings name, with their zone."""
    return await open_ledger(
        ledger_url(settings), read_only=read_only, clock=clock, zone=settings.mode.zone
    )


def _check_file(url: URL, *, read_only: bool) -> None:
    path = Path(url.database or "")
    # A pipe in its place would keep whoever opens it waiting for ever.
    if url.get_backend_name() == "sqlite" and path.exists() and not path.is_file():
        raise LedgerUnavailableError(f"the ledger {path} is no ordinary file; move it away")
    if url.get_backend_name() == "sqlite" and read_only and not is_present(path):
        raise LedgerUnavailableError(
            "there is no ledger yet; it is made when Keter runs for the first time"
        )
