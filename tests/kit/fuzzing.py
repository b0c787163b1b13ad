"""Answers of a venue, all made up, and what a broken or hostile one makes of them.

``CORPUS`` has one good answer of each kind. ``spoilt`` changes a few places of one: a value becomes
another that no field expects, a key goes or comes twice, rows change places. ``write`` makes JSON
of the result, also of what is no proper JSON.
"""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.kit.asianodds_payloads import (
    feed_result,
    handicap,
    live_row,
    match_game,
    result_odds,
    total,
)
from tests.unit.venues.asianodds.test_tickets import bet_row


class Token(NamedTuple):
    """Text that stands in the JSON as it is."""

    text: str


class Twice(NamedTuple):
    """A value whose key is written a second time, with another value."""

    first: Any
    second: Any


def bets(count: int = 3) -> list[dict[str, Any]]:
    """Return rows of a bet list: one runs, one is won, the others are refused."""
    how: list[dict[str, Any]] = [
        {},
        {"Status": "Won", "PnlInfo": "Won", "Pnl": 4.85},
        {"Status": "Rejected"},
    ]
    return [
        bet_row(BetPlacementReference=f"WA-hand{n}", ReferenceNumber=f"6100{n}", **how[min(n, 2)])
        for n in range(count)
    ]


def _answer(name: str, value: object) -> dict[str, Any]:
    return {"Code": 0, "Message": "", name: value}


_ROWS = (
    match_game(1, FullTimeHdp=handicap(), FullTimeOu=total(), FullTimeOneXTwo=result_odds()),
    match_game(
        2,
        MatchId=-55001123,
        HomeTeam={"Name": "Gamma FC", "Score": 0, "RedCards": 0},
        HalfTimeHdp=handicap("0.5"),
    ),
    live_row(
        3,
        MatchId=-55001124,
        AwayTeam={"Name": "Delta FC", "Score": 1, "RedCards": 0},
        FullTimeOu=total("3-3.5"),
    ),
)
_BOOK = {
    "Bookie": "PIN",
    "BetPlacementReference": "WA-ref1",
    "PlacedSuccessfully": True,
    "ReturnCode": 0,
    "Message": "ok",
}
_QUOTE = {
    "Bookie": "PIN",
    "Price": "1.970",
    "OddsFormat": "00",
    "HDPorGoal": "2.5",
    "MinimumAmount": 5,
    "MaximumAmount": 500.5,
    "Rejected": False,
    "Message": "",
}
_DAY = {
    "DateDay": "02/15/2026",
    "Remark": "",
    "Turnover": 10,
    "Commission": 0,
    "WinLoss": -3.2,
    "Balance": 512.4,
}

CORPUS: dict[str, dict[str, Any]] = {
    "feed": _answer("Result", feed_result(*_ROWS)),
    "bets": _answer("Data", bets()),
    "history": _answer(
        "Result",
        {"BetSummaries": bets(2), "SubTotalCommision": 0.5, "SubTotalProfitAndLost": "4.85"},
    ),
    "statement": _answer("Result", {"BetHistoryStatementItems": [_DAY, _DAY]}),
    "account": _answer(
        "Result",
        {
            "Credit": 512.4,
            "CreditCurrency": "EUR",
            "Outstanding": 10,
            "TodayPnL": -3.2,
            "YesterdayPnL": 7.05,
            "Message": "x",
        },
    ),
    "user": _answer(
        "Result",
        {
            "UserId": "DEMO",
            "Status": "A",
            "BaseCurrency": "EUR",
            "ActiveBookies": ["PIN"],
            "ExpiryDate": 1771246800000,
        },
    ),
    "sports": _answer("Data", [{"Id": 1, "Name": "Football"}, {"Id": "2", "Name": "Basketball"}]),
    "bookies": _answer("Data", [{"Id": "pin", "Name": "PINNACLE", "IsFeedAvailable": True}]),
    "leagues": _answer(
        "Result",
        {
            "Sports": [
                {
                    "SportsType": 1,
                    "League": [{"LeagueId": -5, "LeagueName": "*X", "Bookies": ["PIN"]}],
                }
            ]
        },
    ),
    "matches": _answer(
        "Result",
        {
            "EventSportsTypes": [
                {"SportsType": 1, "Events": [{"MatchId": 7, "Home": "A", "Away": "B"}]}
            ]
        },
    ),
    "quotes": _answer("Result", {"OddsPlacementData": [_QUOTE, {**_QUOTE, "Bookie": "SIN"}]}),
    "placement": _answer(
        "Result",
        {"BetPlacementReference": "WA-ref1", "PlacementData": [_BOOK], "TextMessage": "placed"},
    ),
    "login": _answer(
        "Result",
        {
            "Token": "77100422155301988442139",
            "Key": "f" * 32,
            "Url": "https://session.venue.test/S",
            "SuccessfulLogin": True,
        },
    ),
    "register": _answer("Result", {"Success": True, "TextMessage": "registered"}),
    "state": _answer("Result", {"CurrentlyLoggedIn": True}),
}


def _nested(depth: int) -> Token:
    return Token("[" * depth + "]" * depth)


# Times are in milliseconds: years 1, 1970, 9999 and beyond.
TIMES = (-62135596800000, 0, -1, 253402300799999, 253402300800000, 10**17)
NUMBERS = (
    -5000,
    0,
    -1,
    0.005,
    1e20,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    2**70,
    -(2**63),
    10**30,
    *TIMES,
)
TEXTS = (
    "",
    " ",
    "1e20",
    "-5,000.00",
    "1,97",
    "1,234.5",
    "NaN",
    "Infinity",
    "-Infinity",
    "-0",
    "1e-99",
    "9" * 15,
    "9" * 400,
    "1.5.2",
    "2-",
    "\u0661",
    "\x00",
    "a\x00b",
    "\x1b[2J\x07",
    "\ud800",
    "\u202eabc",
    "x" * 70,
    "y" * 200_000,
    "é" * 64,
    "null",
    "WA-",
    "V",
    "Won",
    "Half Lost",
    "Stake Returned",
    "Void",
    "MY",
    "HK",
    "HDP Home",
    "Over",
    "1",
    "X",
    "HT",
    "PIN=1.9;PIN=1.8",
    "=;=;,",
    "PIN=1.9,1.9,1.9,1.9",
    "SIN=" + "1.9," * 500,
    "0.5-1",
    "9999",
    "http://[",
    "http://[::1",
    "http://a\u2100b/",
    "https://é.test/",
    "https://venue.test:99999/",
    "//",
    "Mon Jan 01 0001",
    "9999-12-31T23:59:59Z",
)
TOKENS = tuple(
    map(
        Token,
        (
            "NaN",
            "-Infinity",
            "Infinity",
            "1e999",
            "-1e400",
            "1.97000000000000000000000000000001",
            "9" * 5_000,
            "0.1e-400",
        ),
    )
)
STRUCTURES: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
    {"Stake": {}},
    _nested(200),
    _nested(20_000),
)
ODD: tuple[Any, ...] = (*NUMBERS, *TEXTS, *TOKENS, *STRUCTURES)
odd_values = st.one_of(
    st.sampled_from(ODD),
    st.sampled_from(ODD),
    st.text(max_size=80),
    st.integers(-(2**80), 2**80),
    st.floats(),
)


def write(value: Any) -> str:
    """Write ``value`` as the JSON that a careless service would send."""
    if isinstance(value, Token):
        return value.text
    if isinstance(value, Twice):
        return write(value.first)
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(pair for name, item in value.items() for pair in _pairs(name, item))
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value)


def _pairs(name: str, item: Any) -> list[str]:
    items = [item.first, item.second] if isinstance(item, Twice) else [item]
    return [f"{json.dumps(name)}:{write(one)}" for one in items]


Place = tuple[Any, Any]  # a container and the key or index within


def _places(value: Any) -> list[Place]:
    """Yield every place of a value whose content can be changed, outermost first."""
    found: list[Place] = []
    inner = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))
        if isinstance(value, list)
        else []
    )
    for key, item in inner:
        found += [(value, key), *_places(item)]
    return found


def _change(draw: st.DrawFn, place: Place) -> None:
    container, key = place
    item = container[key]
    actions = ["odd", "odd", "odd", "drop", "wrap"]
    actions += ["twice", "case"] if isinstance(container, dict) else ["again", "shuffle"]
    match draw(st.sampled_from(actions)):
        case "odd":
            # A later change must not reach the list it was drawn from.
            container[key] = deepcopy(draw(odd_values))
        case "drop":
            del container[key]
        case "wrap":
            container[key] = draw(st.sampled_from([[item], {"Value": item}]))
        case "twice":
            container[key] = Twice(item, deepcopy(draw(odd_values)))
        case "case":
            container[key.lower()] = deepcopy(draw(odd_values))
        case "again":
            container.append(deepcopy(item))
        case "shuffle":
            container[:] = draw(st.permutations(container))


def singles(kind: str) -> Iterator[bytes]:
    """Yield every odd value in every place of the good answer of ``kind``, one at a time."""
    good = json.dumps(CORPUS[kind])
    odd = [write(value) for value in ODD]
    for number in range(len(_places(CORPUS[kind]))):
        value = json.loads(good)
        container, key = _places(value)[number]
        container[key] = Token("@")
        before, _, after = write(value).partition("@")
        yield from (f"{before}{text}{after}".encode() for text in odd)


@st.composite
def spoilt(draw: st.DrawFn, good: Any, most: int = 4) -> Any:
    """Draw ``good`` with up to ``most`` changes."""
    value = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, most))):
        places = _places(value)
        if places:
            _change(draw, places[draw(st.integers(0, len(places) - 1))])
    return value


def bodies(kind: str, most: int = 4) -> st.SearchStrategy[bytes]:
    """Draw what comes over the wire instead of the good answer of ``kind``."""
    return spoilt_bytes(CORPUS[kind], most)


@st.composite
def spoilt_bytes(draw: st.DrawFn, good: Any, most: int = 4) -> bytes:
    """Draw JSON of ``good`` with up to ``most`` changes.

    Now and then it is cut off, or has a byte of its own.
    """
    text = write(draw(spoilt(good, most))).encode()
    where = draw(st.integers(0, 9))
    if where == 0:
        return text[: draw(st.integers(0, len(text)))]
    if where == 1:
        at = draw(st.integers(0, len(text)))
        return text[:at] + draw(st.binary(min_size=1, max_size=3)) + text[at:]
    return text
