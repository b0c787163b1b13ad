"""What a request about one selection names, and how a request is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keter.venues.asianodds.simulator.board import ODDS_NAMES, Board, Row, Slot
from keter.venues.asianodds.simulator.sessions import Session
from keter.venues.asianodds.simulator.settlement import Selection
from keter.venues.asianodds.simulator.wording import FORMATS

FAILED, NOT_PRIMED, REFUSED = -1, -1200, -1307
_NAMES = {
    "HomeOdds": "home",
    "AwayOdds": "away",
    "DrawOdds": "draw",
    "OverOdds": "over",
    "UnderOdds": "under",
}


class Refused(Exception):  # noqa: N818 - an answer of the venue, not an error of ours
    """The answer is a failure with this code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Target:
    """The selection that a request names. ``leg`` is its place among the prices of the slot."""

    row: Row
    slot: Slot
    leg: int
    odds_format: str

    @property
    def selection(self) -> Selection:
        name = _NAMES[ODDS_NAMES[self.slot[0]][self.leg]]
        return Selection(self.slot, name, self.row.offers[self.slot].line_q)

    def price(self, book: str) -> int | None:
        """Return the price on the board in thousandths; None where the book has none."""
        legs = self.row.offers[self.slot].prices.get(book)
        return legs[self.leg] if legs else None


def integer(body: Mapping[str, Any], name: str) -> int:
    """Return a field as an integer. Raises Refused."""
    try:
        return int(body[name])
    except (KeyError, TypeError, ValueError) as e:
        raise Refused(FAILED, f"{name} must be an integer") from e


def target_of(board: Board, session: Session, body: Mapping[str, Any], unknown: int) -> Target:
    """Return the selection that a request is about.

    Raises Refused, with ``unknown`` as its code when the game is not on the session's list.
    """
    row = board.rows.get(integer(body, "GameId"))
    market_type, sport = integer(body, "MarketTypeId"), integer(body, "SportsType")
    if row is None or {(sport, market_type), (0, market_type)}.isdisjoint(session.seen):
        raise Refused(unknown, "Game is not in the cached list")
    kind, full = str(body.get("GameType")), str(body.get("IsFullTime")) in {"1", "True", "true"}
    odds_format, name = str(body.get("OddsFormat") or "MY"), str(body.get("OddsName"))
    if kind not in ODDS_NAMES or name not in ODDS_NAMES[kind] or odds_format not in FORMATS:
        raise Refused(FAILED, "GameType, OddsName and OddsFormat do not fit together")
    if (kind, full) not in row.offers or row.closing:
        raise Refused(unknown, "No such market for this game")
    return Target(row, (kind, full), ODDS_NAMES[kind].index(name), odds_format)
