"""Reader of football-data.co.uk files: one fixture a row, with prices before and at the close.

A prefix of the site's columns names the source of a price: ``PS`` or ``P`` Pinnacle, ``B365``,
``WH``, ``Max``, ``Avg``, ``BFE``. ``BbMx`` and ``BbAv`` are the Max and Avg of older files.

``Moment.EARLIER`` is a price collected before the close, not the opening price. The handicap line
is the home line, the same for all sources of a moment. Source: football-data.co.uk, notes.txt.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from keter.domain.market_kinds import MarketKind
from keter.domain.markets import Market, event_uid, parse_line
from keter.domain.sports import FULL_TIME
from keter.errors import UsageError

PINNACLE = "PIN"
# The best price over sources of unequal age: nobody could have had all of them at one moment.
OPTIMISTIC = frozenset({"MAX"})
AVERAGES = frozenset({"AVG"})
EXCHANGES = frozenset({"BFE"})  # prices before the commission on winnings
UK = ZoneInfo("Europe/London")

ONE_X_TWO = Market(FULL_TIME, MarketKind.ONE_X_TWO, None)
TOTAL_2_5 = Market(FULL_TIME, MarketKind.OVER_UNDER, 10)
# Our book code -> the site's prefixes for 1X2, totals and handicaps.
_PREFIXES: dict[str, tuple[tuple[str, str, str], ...]] = {
    PINNACLE: (("PS", "P", "P"),),
    "B365": (("B365", "B365", "B365"),),
    "WH": (("WH", "WH", "WH"),),
    "BFE": (("BFE", "BFE", "BFE"),),
    "MAX": (("Max", "Max", "Max"), ("BbMx", "BbMx", "BbMx")),
    "AVG": (("Avg", "Avg", "Avg"), ("BbAv", "BbAv", "BbAv")),
}
BOOKS = tuple(_PREFIXES)


class Moment(StrEnum):
    """When a price was taken."""

    EARLIER = "earlier"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Fixture:
    """A played match.

    ``prices`` are texts by (moment, market) and book, in the order of ``Market.sides``.
    ``handicaps`` holds the handicap market of each moment.
    """

    uid: str
    division: str
    home: str
    away: str
    kickoff: datetime
    goals: tuple[int, int]
    prices: Mapping[tuple[Moment, Market], Mapping[str, tuple[str, ...]]]
    handicaps: Mapping[Moment, Market]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that is no played fixture, and why."""

    file: str
    line: int
    why: str


def csv_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files, and for each folder the .csv files directly in it, sorted.

    Raises UsageError for a path that is neither file nor folder, or if there is no .csv file.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(path.glob("*.csv"))
        elif path.is_file():
            found.append(path)
        else:
            raise UsageError(f"{path} is neither a file nor a folder")
    if not found:
        raise UsageError("no .csv file there; give football-data.co.uk files or a folder of them")
    return found


def read_fixtures(path: Path) -> Iterator[Fixture | Skipped]:
    """Yield the rows of one file in their order.

    Raises UsageError if it cannot be read or is no football-data file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
            rows = csv.DictReader(file)
            columns = frozenset(rows.fieldnames or ())
            if not {"Div", "Date", "HomeTeam", "AwayTeam", "FTHG", "FTAG"} <= columns:
                raise UsageError(
                    f"{path.name} has no football-data.co.uk header (Div, Date, HomeTeam, ...)"
                )
            layout = _Layout(columns)
            for line, row in enumerate(rows, start=2):
                if any(row.values()):
                    yield _fixture(layout, row, path.name, line)
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror}") from e
    except csv.Error as e:
        raise UsageError(f"{path.name} is no readable CSV file: {e}") from e


class _Layout:
    """The columns of a file that hold prices: (moment, book, columns) for each kind of market."""

    def __init__(self, columns: frozenset[str]) -> None:
        self.totals: list[tuple[Moment, str, tuple[str, ...]]] = []
        self.one_x_two: list[tuple[Moment, str, tuple[str, ...]]] = []
        self.handicaps: list[tuple[Moment, str, tuple[str, ...]]] = []
        self.lines: dict[Moment, str] = {}
        for moment, c in ((Moment.EARLIER, ""), (Moment.CLOSE, "C")):
            for line in (f"AH{c}h", "BbAHh" if not c else ""):
                if line in columns:
                    self.lines.setdefault(moment, line)
            for book, alternatives in _PREFIXES.items():
                for x, ou, ah in alternatives:
                    self._add(
                        self.one_x_two, columns, moment, book, (f"{x}{c}H", f"{x}{c}D", f"{x}{c}A")
                    )
                    self._add(self.totals, columns, moment, book, (f"{ou}{c}>2.5", f"{ou}{c}<2.5"))
                    self._add(self.handicaps, columns, moment, book, (f"{ah}{c}AHH", f"{ah}{c}AHA"))

    @staticmethod
    def _add(
        place: list[tuple[Moment, str, tuple[str, ...]]],
        columns: frozenset[str],
        moment: Moment,
        book: str,
        names: tuple[str, ...],
    ) -> None:
        if columns.issuperset(names):
            place.append((moment, book, names))


def _fixture(
    layout: _Layout, row: Mapping[str, str | None], file: str, line: int
) -> Fixture | Skipped:
    try:
        kickoff = _kickoff(row.get("Date") or "", row.get("Time") or "")
        goals = (int(row["FTHG"] or ""), int(row["FTAG"] or ""))
    except ValueError as e:
        return Skipped(file, line, str(e))
    home, away = (row["HomeTeam"] or "").strip(), (row["AwayTeam"] or "").strip()
    if not home or not away or min(goals) < 0:
        return Skipped(file, line, "a team or the score is missing")
    handicaps = _handicaps(layout, row)
    prices: dict[tuple[Moment, Market], dict[str, tuple[str, ...]]] = {}
    for moment, book, names in layout.one_x_two:
        _put(prices, moment, ONE_X_TWO, book, names, row)
    for moment, book, names in layout.totals:
        _put(prices, moment, TOTAL_2_5, book, names, row)
    for moment, book, names in layout.handicaps:
        if moment in handicaps:
            _put(prices, moment, handicaps[moment], book, names, row)
    uid = event_uid("fb", kickoff, home, away)
    return Fixture(uid, row["Div"] or "", home, away, kickoff, goals, prices, handicaps)


def _handicaps(layout: _Layout, row: Mapping[str, str | None]) -> dict[Moment, Market]:
    found = {}
    for moment, column in layout.lines.items():
        text = (row.get(column) or "").strip()
        try:
            found[moment] = Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, parse_line(text))
        except ValueError:
            continue  # without a line there is no handicap market; the others are used
    return found


def _put(
    prices: dict[tuple[Moment, Market], dict[str, tuple[str, ...]]],
    moment: Moment,
    market: Market,
    book: str,
    names: tuple[str, ...],
    row: Mapping[str, str | None],
) -> None:
    texts = tuple([(row.get(name) or "").strip() for name in names])
    if all(_is_price(text) for text in texts):
        prices.setdefault((moment, market), {}).setdefault(book, texts)


def _is_price(text: str) -> bool:
    try:
        return 1 < float(text) < 1e4
    except ValueError:
        return False


def _kickoff(date: str, time: str) -> datetime:
    """Return the UTC time of a British date and local time; 15:00 if the file has no time."""
    pattern = "%d/%m/%Y" if len(date) > 8 else "%d/%m/%y"
    return (
        datetime.strptime(f"{date} {time or '15:00'}", f"{pattern} %H:%M")
        .replace(tzinfo=UK)
        .astimezone(UTC)
    )
