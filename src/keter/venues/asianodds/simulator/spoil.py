"""How faults spoil an answer: rows of bet lists, fields of the feed, bytes on the wire.

Randomness is injected.
"""

import gzip
import html
import random
from typing import Any

import orjson

from keter.venues.asianodds.simulator.faults import FaultKind, Faults

BOM = b"\xef\xbb\xbf"
_ODD = (
    "PIN:1.9,2.0",
    "PIN=1.9",
    "PIN=,2.0;;SBO=abc,0",
    "PIN=-5,1e3;BEST=",
    "=1.9,2.0",
    "PIN=1,9;2,0",
    "PIN=0.000,0.000",
)
_MARKETS = ("FullTimeHdp", "FullTimeOu", "FullTimeOneXTwo")
HTML = (
    b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>The service is under"
    b" maintenance</h1></body></html>"
)


def spoil_rows(faults: Faults, route: str, rows: list[Any]) -> list[Any]:
    """Return bet rows doubled, shuffled or thinned out, as faults are due."""
    if rows and faults.take(FaultKind.DUPLICATE_ROWS, route):
        rows = [row for row in rows for _ in range(2)]
    if len(rows) > 1 and faults.take(FaultKind.REORDERED_ROWS, route):
        rows = faults.rng.sample(rows, len(rows))
    if rows and (rule := faults.take(FaultKind.MISSING_ROWS, route)):
        rows = [row for row in rows if faults.rng.random() >= rule.number("share")]
    return rows


def spoil_feed(faults: Faults, route: str, body: bytes) -> bytes:
    """Return a feed answer with the content faults that are due. ``body`` is valid JSON."""
    kinds = (
        FaultKind.RESULT_NULL,
        FaultKind.UNKNOWN_FIELDS,
        FaultKind.MISSING_TEAMS,
        FaultKind.ODD_ODDS,
        FaultKind.NAN,
    )
    due = [kind for kind in kinds if faults.take(kind, route)]
    if not due:
        return body
    answer = orjson.loads(body)
    sports = (answer.get("Result") or {}).get("Sports", ())
    rows = [row for sport in sports for row in sport["MatchGames"]]
    if FaultKind.RESULT_NULL in due:
        answer["Result"] = None
    if FaultKind.UNKNOWN_FIELDS in due:
        answer["Surprise"] = {"nested": [1, "two", None, {"three": 3.0}]}
        for row in rows:
            row |= {"NewField": "x", "ÜnknownObject": {"a": []}, "HugeNumber": 2**63}
    if FaultKind.MISSING_TEAMS in due:
        _lose_teams(faults.rng, rows)
    if FaultKind.ODD_ODDS in due:
        for row in rows:
            row[faults.rng.choice(_MARKETS)]["BookieOdds"] = faults.rng.choice(_ODD)
    spoiled = orjson.dumps(answer)
    return _nan(spoiled) if FaultKind.NAN in due else spoiled


def _lose_teams(rng: random.Random, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        loss = rng.randrange(4)
        if loss == 0:
            del row["HomeTeam"]
        elif loss == 1:
            row["AwayTeam"] = None
        elif loss == 2:
            row["HomeTeam"]["Name"] = ""
        else:
            del row["AwayTeam"]["Name"]


def _nan(body: bytes) -> bytes:
    """Put NaN into odds strings, and bare NaN and Infinity as some JSON writers leave them."""
    body = body.replace(b'"BookieOdds":"PIN=', b'"BookieOdds":"PIN=NaN,').replace(
        b'"InGameMinutes":0', b'"InGameMinutes":NaN'
    )
    return body.replace(b'"ExpectedLength":45', b'"ExpectedLength":Infinity')


def truncated_gzip(body: bytes) -> bytes:
    """Return the first half of the compressed body."""
    packed = gzip.compress(body)
    return packed[: len(packed) // 2]


def as_xml(value: object, name: str = "Answer") -> str:
    """Return the value as XML, which the service sends to clients that do not ask for JSON."""
    if isinstance(value, dict):
        inner = "".join(as_xml(item, str(key)) for key, item in value.items())
    elif isinstance(value, list):
        inner = "".join(as_xml(item, "Item") for item in value)
    else:
        inner = "" if value is None else html.escape(str(value), quote=False)
    return f"<{name}>{inner}</{name}>"
