"""The football-data files read by other code than ours, so that what the pipeline says can be
checked against them.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

LEAGUES = {"E0": "*ENGLISH PREMIER LEAGUE", "SP1": "*SPANISH LA LIGA"}
BOOKS = {"PIN": ("PS", "P"), "SBO": ("Avg",), "IBC": ("B365",), "GA": ("WH",), "3ET": ("Max",)}
SUFFIX = {
    "ft.1x2.home": "H",
    "ft.1x2.draw": "D",
    "ft.1x2.away": "A",
    "ft.ou.2.5.over": ">2.5",
    "ft.ou.2.5.under": "<2.5",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file."""

    league: str
    day: date
    cells: dict[str, str]

    @property
    def teams(self) -> tuple[str, str]:
        return self.cells["HomeTeam"], self.cells["AwayTeam"]

    @property
    def goals(self) -> tuple[int, int]:
        return int(self.cells["FTHG"]), int(self.cells["FTAG"])

    def markets(self) -> set[str]:
        """Return the market ids that the file has prices for, at either moment."""
        found = set()
        for closing in ("", "C"):
            for book in BOOKS:
                if all(self._cell(book, closing, leg) for leg in "HDA"):
                    found.add("ft.1x2")
                if all(self._cell(book, closing, leg) for leg in (">2.5", "<2.5")):
                    found.add("ft.ou.2.5")
                line = self.line(closing)
                if line is not None and all(
                    self._cell(book, closing, leg) for leg in ("AHH", "AHA")
                ):
                    found.add(f"ft.ah.{line}")
        return found

    def prices(self, book: str, selection_id: str) -> set[Decimal]:
        """Return the prices of ``book`` for the selection: earlier and closing, or one of them."""
        found = set()
        for closing in ("", "C"):
            suffix = SUFFIX.get(selection_id)
            if suffix is None:
                market_id, _, outcome = selection_id.rpartition(".")
                if market_id != f"ft.ah.{self.line(closing)}":
                    continue
                suffix = "AHH" if outcome == "home" else "AHA"
            if text := self._cell(book, closing, suffix):
                found.add(Decimal(text))
        return found

    def line(self, closing: str) -> str | None:
        """Return the home handicap at a moment, in the spelling of market ids."""
        text = self.cells.get(f"AH{closing}h") or ""
        return f"{Decimal(text).normalize() + 0:f}" if text else None

    def _cell(self, book: str, closing: str, suffix: str) -> str:
        names = [f"{prefix}{closing}{suffix}" for prefix in BOOKS[book]]
        return next((self.cells[name] for name in names if self.cells.get(name)), "")

    def profit_minor(self, selection_id: str, odds: Decimal, stake_minor: int) -> int:
        """Return what the bet came to by the rules of the trade.

        In cents; half a cent is rounded away from zero.
        """
        halves = self._halves(selection_id)
        exact = Decimal(stake_minor) * halves / 2 * (odds - 1 if halves > 0 else 1)
        return int(exact.to_integral_value(ROUND_HALF_UP))

    def _halves(self, selection_id: str) -> int:
        home, away = self.goals
        _, kind, rest = selection_id.split(".", 2)
        if kind == "1x2":
            return (
                2 if rest == ("home" if home > away else "away" if away > home else "draw") else -2
            )
        line_text, _, outcome = rest.rpartition(".")
        margin = (
            Decimal(home + away) - Decimal(line_text)
            if kind == "ou"
            else Decimal(home - away) + Decimal(line_text)
        )
        if outcome in {"under", "away"}:
            margin = -margin
        legs = (
            (margin - Decimal("0.25"), margin + Decimal("0.25"))
            if margin % Decimal("0.5")
            else (margin, margin)
        )
        return sum((leg > 0) - (leg < 0) for leg in legs)


def read_rows(paths: list[Path], first: str, last: str) -> Iterator[Row]:
    """Return the rows played between two ISO dates, both included."""
    for path in paths:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            for cells in csv.DictReader(lines):
                day = datetime.strptime(cells["Date"], "%d/%m/%Y").date()  # noqa: DTZ007 - a date without a time
                if date.fromisoformat(first) <= day <= date.fromisoformat(last):
                    yield Row(LEAGUES[cells["Div"]], day, cells)
