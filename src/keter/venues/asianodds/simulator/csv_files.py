"""Season files of football-data.co.uk: fixtures, results, earlier and closing prices.

Which columns give the prices of which book code, and what they really are:

* PIN: ``PS`` (1X2) and ``P`` (totals, handicap). Pinnacle itself.
* SBO: ``Avg``, before 2019/20 ``BbAv``. The mean of many books, in place of a second sharp book.
* ISN: ``BFE``, from 2024/25. Betfair Exchange, in place of a third.
* IBC: ``B365``. Bet365.
* GA: ``WH``, 1X2 only. William Hill.
* 3ET: ``Max``, before 2019/20 ``BbMx``. The best price of all, Pinnacle included. Its prices are of
  unequal age, so it is often under-round.

Results in backtests against SBO and 3ET therefore say little about the real books of those names.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

from keter.domain.markets import parse_line
from keter.errors import UsageError
from keter.venues.asianodds.simulator.wording import Prices

SOURCES: dict[str, tuple[str, ...]] = {
    "PIN": ("PS", "P"),
    "ISN": ("BFE",),
    "SBO": ("Avg", "BbAv"),
    "IBC": ("B365",),
    "GA": ("WH",),
    "3ET": ("Max", "BbMx"),
}
LEAGUES = {
    "E0": "*ENGLISH PREMIER LEAGUE",
    "E1": "ENGLISH CHAMPIONSHIP",
    "SP1": "*SPANISH LA LIGA",
    "I1": "*ITALIAN SERIE A",
    "D1": "*GERMAN BUNDESLIGA",
    "F1": "*FRENCH LIGUE 1",
}
GOAL_LINE_Q = 10  # the files have prices for 2.5 goals only
# Suffixes of the prices in the venue's order: the draw last.
_LEGS = {"X": ("H", "A", "D"), "O": (">2.5", "<2.5"), "H": ("AHH", "AHA")}
_LINES = {False: ("AHh", "BbAHh"), True: ("AHCh",)}
_LONDON = ZoneInfo("Europe/London")
_NEEDED = {"Div", "Date", "HomeTeam", "AwayTeam", "FTHG", "FTAG"}
_LEAST_MILLI, _MOST_MILLI = 1001, 1_000_000
_FULLEST_SCORE = 30


@dataclass(frozen=True, slots=True)
class Moment:
    """Prices of one moment: game type (X, O, H) to book to legs.

    ``handicap_q`` is the home line of the H prices.
    """

    prices: dict[str, dict[str, Prices]]
    handicap_q: int | None


@dataclass(frozen=True, slots=True)
class CsvMatch:
    """One row of a file. ``kickoff`` is aware; ``row`` counts from 1 below the header."""

    file: str
    row: int
    division: str
    kickoff: datetime
    home: str
    away: str
    score: tuple[int, int]
    earlier: Moment
    closing: Moment


def read_files(paths: tuple[Path, ...], problems: Counter[str]) -> list[CsvMatch]:
    """Return every usable match by kick-off; ``problems`` counts what was skipped, by kind.

    Raises UsageError when a file cannot be read or is of another kind.
    """
    found = [match for path in paths for match in _read_file(path, problems)]
    return sorted(found, key=lambda match: (match.kickoff, match.file, match.row))


def _read_file(path: Path, problems: Counter[str]) -> Iterator[CsvMatch]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = _NEEDED - set(reader.fieldnames or ())
            if missing:
                raise UsageError(
                    f"{path} is no football-data.co.uk file: it has no column"
                    f" {', '.join(sorted(missing))}"
                )
            for number, cells in enumerate(reader, 1):
                match = _read_row(path.stem, number, cells, problems)
                if match is not None:
                    yield match
    except OSError as e:
        raise UsageError(f"{path} cannot be read: {e.strerror}") from e
    except csv.Error as e:
        raise UsageError(f"{path} is no readable CSV file: {e}") from e


def _read_row(
    file: str, number: int, cells: Mapping[str, str | None], problems: Counter[str]
) -> CsvMatch | None:
    home, away = (cells.get("HomeTeam") or "").strip(), (cells.get("AwayTeam") or "").strip()
    kickoff, score = _kickoff(cells), _score(cells)
    if not home or not away:
        problems["no_team"] += 1
    elif kickoff is None:
        problems["bad_date"] += 1
    elif score is None:
        problems["no_result"] += 1
    else:
        division = (cells.get("Div") or "").strip()
        earlier, closing = _moment(cells, False, problems), _moment(cells, True, problems)
        return CsvMatch(file, number, division, kickoff, home, away, score, earlier, closing)
    return None


def _kickoff(cells: Mapping[str, str | None]) -> datetime | None:
    """Return the kick-off in UK time; three in the afternoon where the file gives no time."""
    day, time = (cells.get("Date") or "").strip(), (cells.get("Time") or "").strip() or "15:00"
    for pattern in ("%d/%m/%Y %H:%M", "%d/%m/%y %H:%M"):
        try:
            return datetime.strptime(f"{day} {time}", pattern).replace(tzinfo=_LONDON)
        except ValueError:
            continue
    return None


def _score(cells: Mapping[str, str | None]) -> tuple[int, int] | None:
    try:
        home, away = (int(float(cells.get(name) or "")) for name in ("FTHG", "FTAG"))
    except (ValueError, OverflowError):
        return None
    return (home, away) if 0 <= home <= _FULLEST_SCORE and 0 <= away <= _FULLEST_SCORE else None


def _moment(cells: Mapping[str, str | None], closing: bool, problems: Counter[str]) -> Moment:
    line_q = next(
        (q for name in _LINES[closing] if (q := _line(cells.get(name), problems)) is not None), None
    )
    mark = "C" if closing else ""
    prices: dict[str, dict[str, Prices]] = {}
    for kind, suffixes in _LEGS.items():
        if kind == "H" and line_q is None:
            continue
        books = {}
        for code, groups in SOURCES.items():
            legs = next(
                (
                    p
                    for g in groups
                    if (p := _legs(cells, g + mark, suffixes, problems)) is not None
                ),
                None,
            )
            if legs is not None:
                books[code] = legs
        if books:
            prices[kind] = books
    return Moment(prices, line_q)


def _line(text: str | None, problems: Counter[str]) -> int | None:
    if not (text or "").strip():
        return None
    try:
        return parse_line((text or "").strip())
    except ValueError:
        problems["bad_line"] += 1
        return None


def _legs(
    cells: Mapping[str, str | None], group: str, suffixes: tuple[str, ...], problems: Counter[str]
) -> Prices | None:
    """Return a book's prices of a market; None unless every leg is there."""
    legs = tuple(_price(cells.get(group + suffix), problems) for suffix in suffixes)
    return None if None in legs else legs


def _price(text: str | None, problems: Counter[str]) -> int | None:
    if not (text or "").strip():
        return None
    try:
        milli = Decimal((text or "").strip()) * 1000
    except InvalidOperation:
        milli = Decimal("NaN")
    if not milli.is_finite() or not _LEAST_MILLI <= milli <= _MOST_MILLI:
        problems["bad_price"] += 1
        return None
    return int(milli.to_integral_value())


def played_between(matches: list[CsvMatch], first: str | None, last: str | None) -> list[CsvMatch]:
    """Return the matches whose UK date lies within two ISO dates, both included.

    Raises UsageError for a date that is none.
    """
    try:
        low = date.fromisoformat(first) if first else date.min
        high = date.fromisoformat(last) if last else date.max
    except ValueError as e:
        raise UsageError(f"write dates as 2024-08-17: {e}") from e
    return [match for match in matches if low <= match.kickoff.date() <= high]
