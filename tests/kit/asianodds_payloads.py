"""Hand-written AsianOdds payloads for tests and benchmarks: a fixture's row with sensible defaults,
and the envelopes.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from keter.clock import to_ms

NOW = datetime(2026, 2, 15, 18, 0, tzinfo=UTC)
KICKOFF = datetime(2026, 2, 16, 5, 0, tzinfo=UTC)
UPDATED_MS = to_ms(NOW - timedelta(seconds=3))
HDP = "PIN=1.934,1.970;SIN=1.950,1.950;BEST=SIN 1.950,PIN 1.970"
GOALS = "PIN=2.010,1.890;BEST=PIN 2.010,PIN 1.890"
RESULT = "PIN=1.720,5.100,3.850;BEST=PIN 1.720,PIN 5.100,PIN 3.850"
EMPTY_PRICES = {
    "FullTimeHdp": {"Handicap": "", "BookieOdds": ""},
    "FullTimeOu": {"Goal": "", "BookieOdds": ""},
    "FullTimeOneXTwo": {"BookieOdds": ""},
    "HalfTimeHdp": {"Handicap": "", "BookieOdds": ""},
    "HalfTimeOu": {"Goal": "", "BookieOdds": ""},
    "HalfTimeOneXTwo": {"BookieOdds": ""},
}


def match_game(game_id: int = 910022331, **fields: Any) -> dict[str, Any]:
    """Return a Today row of Alpha FC v Beta FC without prices.

    ``fields`` replace its own; ``None`` leaves one out.
    """
    row: dict[str, Any] = {
        "MatchId": -55001122,
        "GameId": game_id,
        "LeagueId": -118200341,
        "LeagueName": "*DEMO PREMIER LEAGUE",
        "MarketTypeId": 1,
        "MarketType": "Today",
        "HomeTeam": {"Name": "Alpha FC", "Score": 0, "RedCards": 0},
        "AwayTeam": {"Name": "Beta FC", "Score": 0, "RedCards": 0},
        "StartTime": to_ms(KICKOFF),
        "StartsOn": "02/16/2026 05:00:00.000 AM",
        "IsLive": 0,
        "InGameMinutes": 0,
        "ExpectedLength": 45,
        "Favoured": 1,
        "FullTimeFavoured": 1,
        "HalfTimeFavoured": 1,
        **EMPTY_PRICES,
        "IsActive": True,
        "WillBeRemoved": False,
        "ToBeRemovedOn": 0,
        "UpdatedDateTime": UPDATED_MS,
    }
    row.update(fields)
    return {name: value for name, value in row.items() if value is not None}


def live_row(
    game_id: int = 910022331, *, goals: tuple[int, int] = (0, 0), in_game: int = 60, **fields: Any
) -> dict[str, Any]:
    """Return the same fixture in play."""
    return match_game(
        game_id,
        **{
            "MarketTypeId": 0,
            "MarketType": "Live",
            "IsLive": 1,
            "HomeTeam": {"Name": "Alpha FC", "Score": goals[0], "RedCards": 0},
            "AwayTeam": {"Name": "Beta FC", "Score": goals[1], "RedCards": 0},
            "InGameMinutes": in_game,
            **fields,
        },
    )


def handicap(line: str = "0.5-1", odds: str = HDP) -> dict[str, str]:
    return {"Handicap": line, "BookieOdds": odds}


def total(line: str = "2.5", odds: str = GOALS) -> dict[str, str]:
    return {"Goal": line, "BookieOdds": odds}


def result_odds(odds: str = RESULT) -> dict[str, str]:
    return {"BookieOdds": odds}


def feed_result(
    *rows: dict[str, Any], since: int = 1771200010456, sport: int = 1
) -> dict[str, Any]:
    return {"Since": since, "Sports": [{"SportsType": sport, "MatchGames": list(rows)}]}


def result_body(result: object, code: int = 0, message: str | None = "") -> bytes:
    return json.dumps({"Code": code, "Message": message, "Result": result}).encode()


def data_body(data: object, code: int = 0, message: str = "") -> bytes:
    return json.dumps({"Code": code, "Message": message, "Data": data}).encode()


def feed_body(*rows: dict[str, Any], since: int = 1771200010456, sport: int = 1) -> bytes:
    return result_body(feed_result(*rows, since=since, sport=sport))
