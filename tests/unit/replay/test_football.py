"""football-data files: every usable price is read, every unusable one left out, and a wrong file
named.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from keter.domain.market_kinds import MarketKind
from keter.domain.markets import Market
from keter.domain.sports import FULL_TIME
from keter.errors import UsageError
from keter.replay.football import (
    ONE_X_TWO,
    TOTAL_2_5,
    Fixture,
    Moment,
    Skipped,
    csv_files,
    read_fixtures,
)
from tests.kit.support import football_data

HEADER = (
    "Div,Date,Time,HomeTeam,AwayTeam,FTHG,FTAG,PSH,PSD,PSA,P>2.5,P<2.5,AHh,PAHH,PAHA,"
    "MaxH,MaxD,MaxA,PSCH,PSCD,PSCA"
)


def read(tmp_path: Path, *rows: str, header: str = HEADER) -> list[Fixture | Skipped]:
    file = tmp_path / "X1_2526.csv"
    file.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8-sig")
    return list(read_fixtures(file))


def test_a_row_becomes_a_fixture_with_prices_by_moment_market_and_book(tmp_path: Path) -> None:
    row = (
        "X1,11/08/2025,20:00,Reds,Blues,2,1,2.10,3.40,3.60,1.90,2.00,-0.25,1.95,1.95,"
        "2.2,3.5,3.7,2.05,3.40,3.70"
    )
    (fixture,) = read(tmp_path, row)
    assert isinstance(fixture, Fixture)
    assert fixture.kickoff == datetime(2025, 8, 11, 19, tzinfo=UTC), (
        "the file's clock is British summer time"
    )
    assert fixture.goals == (2, 1)
    handicap = Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, -1)
    assert fixture.handicaps == {Moment.EARLIER: handicap}
    assert fixture.prices[Moment.EARLIER, ONE_X_TWO] == {
        "PIN": ("2.10", "3.40", "3.60"),
        "MAX": ("2.2", "3.5", "3.7"),
    }
    assert fixture.prices[Moment.EARLIER, TOTAL_2_5] == {"PIN": ("1.90", "2.00")}
    assert fixture.prices[Moment.EARLIER, handicap] == {"PIN": ("1.95", "1.95")}
    assert fixture.prices[Moment.CLOSE, ONE_X_TWO] == {"PIN": ("2.05", "3.40", "3.70")}


def test_a_missing_or_absurd_price_takes_its_market_out_and_nothing_else(tmp_path: Path) -> None:
    row = (
        "X1,11/08/2025,20:00,Reds,Blues,0,0,2.10,,3.60,1.90,2.00,,1.95,1.95,"
        "nan,3.5,3.7,1.0,3.40,3.70"
    )
    (fixture,) = read(tmp_path, row)
    assert isinstance(fixture, Fixture)
    assert set(fixture.prices) == {(Moment.EARLIER, TOTAL_2_5)}


@pytest.mark.parametrize(
    "row",
    [
        "X1,31/02/2025,20:00,Reds,Blues,2,1" + "," * 14,
        "X1,11/08/2025,20:00,Reds,Blues,,1" + "," * 14,
        "X1,11/08/2025,20:00,,Blues,2,1" + "," * 14,
        "X1,11/08/2025,20:00,Reds,Blues,-2,1" + "," * 14,
    ],
)
def test_a_row_without_date_team_or_score_is_skipped_with_its_line(
    tmp_path: Path, row: str
) -> None:
    (skipped,) = read(tmp_path, row)
    assert isinstance(skipped, Skipped)
    assert (skipped.file, skipped.line) == ("X1_2526.csv", 2)
    assert skipped.why


def test_another_kind_of_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"X1_2526\.csv has no football-data"):
        read(tmp_path, "1,2", header="a,b")


def test_paths_are_files_or_folders_with_csv_files(tmp_path: Path) -> None:
    (tmp_path / "b.csv").touch()
    (tmp_path / "a.csv").touch()
    assert [path.name for path in csv_files([tmp_path])] == ["a.csv", "b.csv"]
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        csv_files([tmp_path / "nothing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no \.csv file"):
        csv_files([tmp_path / "empty"])


@pytest.mark.data
def test_every_row_of_the_real_files_is_a_fixture() -> None:
    rows = [row for file in csv_files([football_data()]) for row in read_fixtures(file)]
    assert [row for row in rows if isinstance(row, Skipped)] == []
    assert len(rows) == 12_927
