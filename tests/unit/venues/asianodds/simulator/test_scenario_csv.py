"""Real fixtures: what is read, which price is shown when, how matches are played and settled."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from keter.errors import UsageError
from keter.venues.asianodds.simulator.board import Board, MarketType
from keter.venues.asianodds.simulator.config import CsvConfig, SandboxConfig
from keter.venues.asianodds.simulator.csv_files import CsvMatch, played_between, read_files
from keter.venues.asianodds.simulator.scenario_csv import TURNS, CsvListing, CsvScenario
from keter.venues.simulation.match import Result
from tests.kit.support import football_data

START_MS = 1_771_200_000_000
HEADER = (
    "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,FTR,B365H,B365D,B365A,PSH,PSD,PSA,AvgH,AvgD,AvgA,B365>2.5,B365<2.5,P>2.5,P<2.5,"
    "AHh,PAHH,PAHA,B365AHH,B365AHA,B365CH,B365CD,B365CA,PSCH,PSCD,PSCA,AHCh,PCAHH,PCAHA"
)
ROW = (
    "E0,16/08/2024,20:00,Man"
    " United,Fulham,1,0,H,1.6,4.2,5.25,1.63,4.38,5.3,1.62,4.36,5.15,1.53,2.5,1.56,2.56,"
    "-1,2.07,1.86,2.05,1.88,1.67,4.1,5,1.65,4.23,5.28,-0.75,1.83,2.11"
)


def a_file(folder: Path, *rows: str, header: str = HEADER, name: str = "E0_2425.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def read(path: Path) -> tuple[list[CsvMatch], Counter[str]]:
    problems: Counter[str] = Counter()
    return read_files((path,), problems), problems


def scenario(config: SandboxConfig) -> tuple[CsvScenario, Board]:
    board = Board(300_000)
    return CsvScenario.load(config, board, START_MS), board


def test_prices_stand_in_the_venues_order_under_the_codes_of_the_table(tmp_path: Path) -> None:
    (match,), problems = read(a_file(tmp_path, ROW))
    assert not problems
    assert match.earlier.prices["X"] == {
        "PIN": (1630, 5300, 4380),
        "SBO": (1620, 5150, 4360),
        "IBC": (1600, 5250, 4200),
    }
    assert match.closing.prices["X"] == {"PIN": (1650, 5280, 4230), "IBC": (1670, 5000, 4100)}
    assert match.earlier.prices["O"] == {"PIN": (1560, 2560), "IBC": (1530, 2500)}
    assert (match.earlier.handicap_q, match.earlier.prices["H"]) == (
        -4,
        {"PIN": (2070, 1860), "IBC": (2050, 1880)},
    )
    assert (match.closing.handicap_q, match.closing.prices["H"]) == (-3, {"PIN": (1830, 2110)})
    assert match.kickoff.isoformat() == "2024-08-16T20:00:00+01:00"


def test_every_book_goes_from_earlier_to_closing_prices_at_its_turn(tmp_path: Path) -> None:
    """And where the line moved, its handicap price goes to the row of the new line; without a
    closing price it stays.
    """
    served, board = scenario(
        SandboxConfig(speed=3600, csv=CsvConfig(paths=(a_file(tmp_path, ROW),)))
    )
    (listing,) = served.listings
    lead_ms = listing.clock.start_ms - listing.listed_ms
    seen = {}
    for part in (0.0, 0.49, 0.51, 0.79, 0.81, 0.99):
        served.advance(listing.listed_ms + round(lead_ms * part))
        rows = [row for row in board.rows.values() if not row.closing]
        seen[part] = {
            (kind, offer.line_q, book): legs
            for row in rows
            for (kind, _), offer in row.offers.items()
            for book, legs in offer.prices.items()
        }
    assert seen[0.0] == seen[0.49]
    assert seen[0.0]["X", None, "PIN"] == (1630, 5300, 4380)
    assert seen[0.0]["H", -4, "PIN"] == (2070, 1860)
    assert seen[0.51]["X", None, "PIN"] == (1650, 5280, 4230)
    assert ("H", -4, "PIN") not in seen[0.51]
    assert seen[0.51]["H", -3, "PIN"] == (1830, 2110)
    assert seen[0.79]["X", None, "IBC"] == (1600, 5250, 4200)
    assert seen[0.81]["X", None, "IBC"] == (1670, 5000, 4100)
    assert seen[0.99]["H", -4, "IBC"] == (2050, 1880)
    assert seen[0.99]["X", None, "SBO"] == (1620, 5150, 4360)


def test_a_match_is_played_to_its_result(tmp_path: Path) -> None:
    served, board = scenario(
        SandboxConfig(speed=3600, csv=CsvConfig(paths=(a_file(tmp_path, ROW),)))
    )
    (listing,) = served.listings
    assert served.advance(listing.clock.start_ms) == []
    (live,) = list(board.changed(MarketType.LIVE, -1))
    assert (live.score, live.active, live.offers) == ((0, 0), False, {})
    assert all(row.closing for row in board.changed(MarketType.TODAY, -1))
    half, full = served.advance(listing.clock.end_ms)
    assert (half.full, full.full, full.score, full.void) == (False, True, (1, 0), False)
    assert half.score in {(0, 0), (1, 0)}
    assert board.rows[live.game_id].minutes >= 160
    served.advance(listing.off_ms)
    assert board.rows[live.game_id].closing
    served.advance(listing.off_ms + 300_001)
    assert not board.rows


@pytest.mark.parametrize(
    ("cell", "value", "problem"),
    [
        ("Date", "yesterday", "bad_date"),
        ("FTHG", "", "no_result"),
        ("FTAG", "x", "no_result"),
        ("HomeTeam", "", "no_team"),
        ("PSH", "abc", "bad_price"),
        ("PSH", "0.5", "bad_price"),
        ("PSH", "nan", "bad_price"),
        ("PSH", "inf", "bad_price"),
        ("AHh", "0.3", "bad_line"),
    ],
)
def test_a_broken_cell_is_counted_and_costs_no_more_than_it_must(
    tmp_path: Path, cell: str, value: str, problem: str
) -> None:
    cells = dict(zip(HEADER.split(","), ROW.split(","), strict=True)) | {cell: value}
    matches, problems = read(a_file(tmp_path, ",".join(cells.values()), ROW))
    assert problems == {problem: 1}
    assert len(matches) == (2 if problem in {"bad_price", "bad_line"} else 1)
    if problem == "bad_price":
        assert "PIN" not in matches[0].earlier.prices["X"]
        assert "PIN" in matches[0].closing.prices["X"]


def test_a_file_of_another_kind_or_none_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no football-data\.co\.uk file"):
        read(a_file(tmp_path, "1,2", header="a,b"))
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "missing.csv")
    with pytest.raises(UsageError, match="no finished match"):
        scenario(SandboxConfig(csv=CsvConfig(paths=(a_file(tmp_path, ROW),), first="2025-01-01")))
    with pytest.raises(UsageError, match="write dates"):
        played_between([], "16/08/2024", None)


def test_the_same_pairing_twice_gets_names_of_its_own(tmp_path: Path) -> None:
    older = a_file(tmp_path, ROW.replace("2024", "2023"), name="E0_2324.csv")
    served, _ = scenario(SandboxConfig(csv=CsvConfig(paths=(a_file(tmp_path, ROW), older))))
    assert [(listing.fixture.home, listing.fixture.away) for listing in served.listings] == [
        ("Man United", "Fulham"),
        ("Man United 2", "Fulham 2"),
    ]


def test_the_calendar_is_compressed_and_nothing_is_too_short_to_be_seen(tmp_path: Path) -> None:
    week_later = ROW.replace("16/08/2024", "23/08/2024").replace("Fulham", "Leeds")
    config = SandboxConfig(
        speed=20_000,
        feed_interval_scale=0.1,
        csv=CsvConfig(paths=(a_file(tmp_path, ROW, week_later),)),
    )
    served, _ = scenario(config)
    first, second = served.listings
    assert second.clock.start_ms - first.clock.start_ms == round(7 * 86_400_000 / 20_000)
    assert first.listed_ms == START_MS + 5000
    assert first.clock.start_ms - first.listed_ms == round(48 * 3_600_000 / 20_000)
    assert first.clock.end_ms - first.clock.start_ms == pytest.approx(4 * 500, abs=2)
    assert first.off_ms - first.clock.end_ms == 3 * 500
    unhurried, _ = scenario(replace(config, speed=60.0))
    clock = unhurried.listings[0].clock
    assert clock.end_ms - clock.start_ms == pytest.approx(111_000, abs=2)


@pytest.mark.slow
@pytest.mark.data
def test_every_season_is_read_with_its_known_defects() -> None:
    """The counts of the data's own README."""
    folder = football_data()
    matches, problems = {}, Counter[str]()
    for path in sorted(folder.glob("*_[0-9][0-9][0-9][0-9].csv")):
        matches[path.stem] = read_files((path,), problems)
    assert sum(map(len, matches.values())) == 12_927
    assert (len(matches["F1_1920"]), len(matches["F1_2324"]), len(matches["D1_2324"])) == (
        279,
        306,
        306,
    )
    assert set(problems) <= {"bad_price"}
    without_pinnacle = [m for m in matches["E0_2526"] if "PIN" not in m.earlier.prices.get("X", {})]
    assert len(without_pinnacle) == pytest.approx(170, abs=3)
    moved = [m for name in matches if name >= "D1_1920" and "_1" not in name for m in matches[name]]
    assert sum(m.earlier.handicap_q != m.closing.handicap_q for m in moved) / len(
        moved
    ) == pytest.approx(0.37, abs=0.04)
    old = matches["E0_1314"][0]
    assert set(old.earlier.prices["X"]) == {"PIN", "SBO", "IBC", "GA", "3ET"}
    assert old.closing.prices["X"].keys() == {"PIN"}
    under = [m for m in matches["SP1_2324"] if _booksum(m, "PIN") < 1]
    assert len(under) == 1


def _booksum(match: CsvMatch, book: str) -> float:
    legs = match.closing.prices.get("H", {}).get(book)
    return 2.0 if legs is None else sum(1000 / leg for leg in legs if leg is not None)


@pytest.mark.data
def test_two_seasons_end_with_the_actual_results_and_only_prices_of_the_file() -> None:
    folder = football_data()
    paths = (folder / "E0_2425.csv", folder / "SP1_2324.csv")
    served, board = scenario(
        SandboxConfig(speed=100_000, feed_interval_scale=0.01, csv=CsvConfig(paths=paths))
    )
    by_match: dict[int, CsvListing] = {
        listing.fixture.match_id: listing for listing in served.listings
    }
    results: list[Result] = []
    shown: set[tuple[int, str, int | None, str, tuple[int | None, ...]]] = set()
    since = -1
    for now_ms in range(START_MS, served.listings[-1].off_ms + 500, 250):
        results += served.advance(now_ms)
        for row in board.changed(MarketType.TODAY, since):
            for (kind, _), offer in row.offers.items():
                shown |= {
                    (row.fixture.match_id, kind, offer.line_q, book, legs)
                    for book, legs in offer.prices.items()
                }
        since = board.cursor()
    assert {r.match_id: r.score for r in results if r.full} == {
        m: listing.match.score for m, listing in by_match.items()
    }
    assert len(by_match) == 760
    for match_id, kind, line_q, book, legs in shown:
        match = by_match[match_id].match
        cells = [
            (
                moment.handicap_q if kind == "H" else 10 if kind == "O" else None,
                moment.prices.get(kind, {}).get(book),
            )
            for moment in (match.earlier, match.closing)
        ]
        assert (line_q, legs) in cells
    assert {book for *_, book, _ in shown} == set(TURNS) & {"PIN", "ISN", "SBO", "IBC", "3ET", "GA"}
