"""The ledger as a whole: where it is, how it is opened, and its repositories."""

from datetime import UTC, datetime, tzinfo
from pathlib import Path

from sqlalchemy.engine import URL

from keter.clock import Clock
from keter.domain.bets import Bet, BetState
from keter.domain.exposure import DayRisk
from keter.domain.trading import ExecutionMode
from keter.ledger import sums
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
from keter.ledger.placements import PlacementFact, read_placements
from keter.settings import Settings


class Ledger:
    """Money history. Every method raises LedgerUnavailableError when the database fails; then a commit's fate is unknown."""

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
        return await self._database.read(lambda connection: sums.read_day_risk(connection, day, mode, self._zone))

    async def last_results(self, mode: ExecutionMode, *, since: datetime | None = None) -> list[tuple[str, BetState]]:
        """The newest bets settled after ``since`` with their states, newest first; 400 at most."""
        return await self._database.read(lambda connection: sums.read_results(connection, mode, since=since))

    async def risk_picture(self, day: str, mode: ExecutionMode) -> tuple[list[Bet], DayRisk]:
        """The open bets and the day as of one moment: a bet that settles meanwhile is in one of the two, never in both."""
        return await self._database.read(
            lambda connection: (read_open(connection, mode), sums.read_day_risk(connection, day, mode, self._zone))
        )

    async def summary(self, mode: ExecutionMode, day: str | None = None) -> sums.MoneySummary:
        """The money strip; ``day`` None is today."""
        chosen = day or self.day_of(self._clock.now())
        return await self._database.read(lambda connection: sums.read_summary(connection, mode, chosen, self._zone))

    async def figures(
        self, mode: ExecutionMode, day: str, *, clv_since: datetime, closing: ClosingLine | None = None
    ) -> Figures:
        """Sums over everything of ``mode``; the closing line value of bets settled since ``clv_since``, unless it is given."""
        return await self._database.read(lambda connection: read_figures(connection, mode, day, self._zone, clv_since, closing))

    async def closing_line(self, mode: ExecutionMode, since: datetime) -> ClosingLine:
        """The closing line value of every bet settled since then."""
        return await self._database.read(lambda connection: read_closing(connection, mode, since))

    async def pnl_points(self, mode: ExecutionMode, since: datetime) -> list[tuple[datetime, int]]:
        """When each bet settled and its profit in minor units, oldest first."""
        return await self._database.read(lambda connection: sums.read_pnl(connection, mode, since))

    async def placements(self, mode: ExecutionMode, since: datetime) -> list[PlacementFact]:
        """What became of every placement of bets made since then, oldest first."""
        return await self._database.read(lambda connection: read_placements(connection, mode, since))

    async def integrity(self) -> list[str]:
        """What is wrong with the data, one sentence each; empty when all is well."""
        return await self._database.run(integrity)

    async def backup(self, path: Path) -> None:
        """A complete copy at ``path`` while everything runs on. SQLite only; else, or where a file is, UsageError."""
        await self._database.run(lambda engine: backup(engine, path))

    async def export(self, path: Path, fmt: str) -> int:
        """Writes every bet to ``path`` as ``csv`` or ``parquet``; returns the number of rows. Raises UsageError."""
        return await self._database.run(lambda engine: export(engine, path, fmt))

    async def aclose(self) -> None:
        await self._database.aclose()


def ledger_url(settings: Settings) -> str:
    """LEDGER_URL, else a SQLite file in DATA_DIR. May hold a password: never log it."""
    configured = settings.log.ledger_url.get_secret_value()
    path = (settings.mode.data_dir / "ledger.db").absolute().as_posix()
    return configured or f"sqlite:///{path}"


def ledger_is_shared(settings: Settings) -> bool:
    """Whether several machines may work on this ledger at once: a database server, not a file."""
    return parse_url(ledger_url(settings)).get_backend_name() != "sqlite"


async def open_ledger(url: str, *, read_only: bool = False, clock: Clock, zone: tzinfo = UTC) -> Ledger:
    """Opens the ledger and, unless ``read_only``, creates or migrates its tables. ``zone`` is where a betting day starts.

    Raises ConfigurationError for an address that cannot be, LedgerUnavailableError when the database does not answer, has
    another version's schema, or does not exist and may not be created.
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


async def open_settings_ledger(settings: Settings, *, clock: Clock, read_only: bool = False) -> Ledger:
    """The ledger that the settings name, with their zone."""
    return await open_ledger(ledger_url(settings), read_only=read_only, clock=clock, zone=settings.mode.zone)


def _check_file(url: URL, *, read_only: bool) -> None:
    if url.get_backend_name() == "sqlite" and read_only and not Path(url.database or "").exists():
        raise LedgerUnavailableError("there is no ledger yet; it is made when Keter runs for the first time")
