"""A week of real fixtures over HTTP: bets at the prices of the files, settled by their results,
recomputed from the CSV.
"""

import csv
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from keter.clock import ManualClock
from keter.venues.asianodds.simulator.book import State
from keter.venues.asianodds.simulator.config import BettingConfig, CsvConfig, SandboxConfig
from keter.venues.asianodds.simulator.server import Sandbox
from tests.kit.customer import customer, selection_of
from tests.kit.support import football_data

CENT = Decimal("0.01")
LOOK = timedelta(seconds=0.11)  # of the bookmaker's time between two looks: 1.8 hours of the week
MOST_LOOKS = 500  # the week takes about 120


def cells_by_pairing(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return {(row["HomeTeam"], row["AwayTeam"]): row for row in csv.DictReader(lines)}


def expected_pnl(cells: dict[str, str], name: str, odds: Decimal, stake: Decimal) -> Decimal:
    """Straight from the result columns, with nothing of the sandbox's own arithmetic."""
    won = {"1": "H", "2": "A", "X": "D"}[name] == cells["FTR"]
    return (stake * (odds - 1)).quantize(CENT, ROUND_HALF_UP) if won else -stake


@pytest.mark.data
async def test_a_week_is_bet_and_settled_to_the_cent() -> None:
    """The bookmaker's clock moves with each look: how fast this machine is decides nothing."""
    clock, folder = ManualClock(datetime(2026, 2, 21, 12, tzinfo=UTC)), football_data()
    files = [folder / "E0_2425.csv", folder / "E1_2425.csv"]
    real = {pairing: cells for path in files for pairing, cells in cells_by_pairing(path).items()}
    config = SandboxConfig(
        speed=60_000,
        feed_interval_scale=0.01,
        delay_scale=0,
        settle_after_s=0.1,
        betting=BettingConfig(refusal_rate=0, refusal_by_book={}, quote_drift_rate=0),
        csv=CsvConfig(paths=tuple(files), first="2024-10-01", last="2024-10-08", start_after_s=1.0),
    )
    async with Sandbox(config, clock=clock) as sandbox, customer(sandbox) as client:
        bet_on: set[int] = set()

        async def bet_on_everything_new() -> bool:
            for row in await client.rows(since=1):
                if (
                    row["IsActive"]
                    and row["MatchId"] not in bet_on
                    and "IBC=" in row["FullTimeOneXTwo"]["BookieOdds"]
                ):
                    await place(row)
            return all(ticket.settled_ms for ticket in sandbox.book) and len(bet_on) >= 30

        async def place(row: dict[str, Any]) -> None:
            selection = selection_of(
                row, "X", ("HomeOdds", "AwayOdds", "DrawOdds")[len(bet_on) % 3]
            )
            answer = await client.quotes(selection)
            quotes = (answer["Result"] or {}).get("OddsPlacementData")
            if (
                quotes
                and (
                    await client.place(
                        selection, f"IBC:{quotes[0]['Odds']}", reference=str(row["MatchId"])
                    )
                )["Code"]
                == 0
            ):
                bet_on.add(row["MatchId"])

        for _ in range(MOST_LOOKS):
            clock.set(clock.now() + LOOK)
            if await bet_on_everything_new():
                break
        assert len(bet_on) >= 30
        assert all(ticket.settled_ms for ticket in sandbox.book), "all is settled"
        bets = (await client.call("GetNonRunningBets"))["Data"]
        total = Decimal(0)
        for bet in bets:
            cells = real[bet["HomeName"], bet["AwayName"]]
            odds = Decimal(str(bet["Odds"]))
            column = {"1": "H", "2": "A", "X": "D"}[bet["BetType"]]
            assert odds in {Decimal(cells[f"B365{column}"]), Decimal(cells[f"B365C{column}"])}
            assert (bet["FullTimeHomeScore"], bet["FullTimeAwayScore"]) == (
                cells["FTHG"],
                cells["FTAG"],
            )
            pnl = expected_pnl(cells, bet["BetType"], odds, Decimal(10))
            assert Decimal(str(bet["Pnl"])) == pnl
            total += pnl
        played = {(show.match.home, show.match.away) for show in sandbox.house.scenario.listings}  # type: ignore[attr-defined]  # the CSV world
        assert {(bet["HomeName"], bet["AwayName"]) for bet in bets} <= played
        summary = (await client.call("GetAccountSummary"))["Result"]
        assert Decimal(str(summary["Credit"])) == 10_000 + total
        assert summary["Outstanding"] == 0
        assert {ticket.state for ticket in sandbox.book} == {State.SETTLED}
