"""Ledgers as versions before schema 0010 wrote them: bets without fills."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import strategies as st
from sqlalchemy import column, insert, table, text
from sqlalchemy.engine import Connection

from keter.ledger.columns import to_us
from tests.kit.execution import NOW

REVISION = "0009"
SETTLED = ("HALF_LOST", "HALF_WON", "LOST", "PUSHED", "VOID", "WON")
OPEN = ("INTENDED", "PENDING", "QUOTED", "RUNNING", "SENDING", "UNKNOWN")
STATES = (*OPEN, "REFUSED", "SKIPPED", *SETTLED)
NEW_NAMES = {"PENDING": "OPEN", "RUNNING": "FILLED"}
# The steps to a state. An account has one open bet on each selection.
WAYS = {
    "INTENDED": [],
    "QUOTED": ["QUOTED"],
    "SENDING": ["QUOTED", "SENDING"],
    "UNKNOWN": ["SENDING", "UNKNOWN"],
    "PENDING": ["SENDING", "PENDING"],
    "RUNNING": ["SENDING", "PENDING", "RUNNING"],
    "REFUSED": ["SENDING", "PENDING", "REFUSED"],
    "SKIPPED": ["SKIPPED"],
    **{state: ["SENDING", "PENDING", "RUNNING", state] for state in SETTLED},
}
MAY_BE_PLACED = ("PENDING", "RUNNING", "REFUSED", "UNKNOWN", *SETTLED)
DAY_US = 24 * 3600 * 1_000_000
START_US = to_us(NOW)


class OldBet(msgspec.Struct, frozen=True):
    """What differs between the bets of an old ledger."""

    state: str
    account: str = "asianodds:a"
    mode: str = "DRY"
    stake_minor: int = 1000
    placed_minor: int = 0
    odds: str | None = None
    book: str | None = None
    ticket_id: str | None = None
    pnl_minor: int = 0
    day: int = 0
    corrected: bool = False


OLD_BETS = st.lists(
    st.builds(
        OldBet,
        state=st.sampled_from(STATES),
        account=st.sampled_from(["asianodds:a", "asianodds:b"]),
        mode=st.sampled_from(["DEMO", "DRY", "LIVE"]),
        stake_minor=st.integers(1, 10**9),
        placed_minor=st.integers(0, 10**9),
        odds=st.sampled_from([None, "", "2.105", "1.9", "1", "0", "nan", "inf", "2,1", "EVS"]),
        book=st.sampled_from([None, "", "PIN", "PIN,SBO"]),
        ticket_id=st.sampled_from([None, "", "610", "610,611"]),
        pnl_minor=st.integers(-(10**9), 10**9),
        day=st.integers(0, 3),
        corrected=st.booleans(),
    ),
    max_size=20,
)

# One bet of each kind: every state, placed or not, with and without a ticket's number and price.
EVERY_KIND = [
    OldBet(state, mode=mode, placed_minor=placed, odds=odds, ticket_id=ticket, pnl_minor=70)
    for state in STATES
    for mode, placed, odds, ticket in (
        ("DRY", 0, None, None),
        ("LIVE", 700, "2.105", "610"),
        ("LIVE", 900, "EVS", None),
    )
]


def write_old(connection: Connection, bets: Sequence[OldBet]) -> None:
    """Write bets with their trails into a ledger of REVISION."""
    for number, bet in enumerate(bets):
        row = _row(number, bet)
        connection.execute(insert(_named("bets", row)).values(row))
        for step in _trail(number, bet, row):
            connection.execute(insert(_named("transitions", step)).values(step))


def _named(name: str, row: dict[str, Any]) -> Any:
    return table(name, *map(column, row))


def _row(number: int, bet: OldBet) -> dict[str, Any]:
    made = START_US + bet.day * DAY_US + number
    settled = bet.state in SETTLED
    placed = bet.placed_minor if bet.state in MAY_BE_PLACED else 0
    return {
        "intent_id": f"i{number}", "decision_id": f"d{number}", "trace_id": f"t{number}",
        "account": bet.account, "mode": bet.mode, "venue": "asianodds", "venue_key": "1|1|9",
        "event_uid": f"fb-{number}-a-v-b", "league": "L", "home": "A", "away": "B",
        "kickoff": made, "market_id": "ft.ou.2.5", "side": "over",
        "selection_id": "ft.ou.2.5.over", "stake_minor": bet.stake_minor, "asked_odds": "2.20",
        "fair_odds": 2.0, "ev_pct": 10.0, "asked_book": "IBC", "reference": f"kt{number}",
        "fence": 1, "created_at": made, "signal": b"{}", "state": bet.state,
        "updated_at": made + 900, "placed_stake_minor": placed, "odds": bet.odds,
        "book": bet.book, "ticket_id": bet.ticket_id,
        "pnl_minor": bet.pnl_minor if settled else None,
        "settled_at": made + 800 if settled else None,
    }  # fmt: skip


def _trail(number: int, bet: OldBet, row: dict[str, Any]) -> list[dict[str, Any]]:
    states: list[str | None] = [None, "INTENDED", *WAYS[bet.state]]
    if bet.corrected:
        states.append(bet.state)
    return [
        {
            "intent_id": row["intent_id"],
            "source": source,
            "target": target,
            "at": row["created_at"] + 100 * place,
            "cause": "c",
            "worker": "w",
            "evidence": "{}",
        }
        for place, (source, target) in enumerate(pairwise(states))
    ]


def money(connection: Connection, table_name: str) -> list[tuple[object, ...]]:
    """Return the sums of each account, mode, state and day, in the words of today."""
    found = connection.execute(
        text(
            f"SELECT account, mode, state, (created_at - {START_US}) / {DAY_US} AS day, count(*),"  # noqa: S608 - our own words
            " sum(stake_minor), sum(placed_stake_minor), sum(coalesce(pnl_minor, 0))"
            f" FROM {table_name} GROUP BY 1, 2, 3, 4"
        )
    )
    return sorted(
        (account, mode, NEW_NAMES.get(state, state), *map(int, sums))
        for account, mode, state, *sums in found
    )


def kept_totals(connection: Connection) -> list[tuple[object, ...]]:
    """Return the totals that triggers keep, in the words of today."""
    found = connection.execute(
        text("SELECT book, owner, state, sum(number), sum(pnl_minor) FROM totals GROUP BY 1, 2, 3")
    )
    return sorted(
        (book, owner, NEW_NAMES.get(state, state), int(number), int(pnl))
        for book, owner, state, number, pnl in found
    )
