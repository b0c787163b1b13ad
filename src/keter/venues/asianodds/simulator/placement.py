"""Prices on request and placements: what is checked, what is answered, what becomes a ticket."""

import random
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from keter.venues.asianodds.simulator.board import ODDS_NAMES, Board, Row, Slot
from keter.venues.asianodds.simulator.book import Book, Decision, Order, Ticket
from keter.venues.asianodds.simulator.config import SandboxConfig
from keter.venues.asianodds.simulator.decisions import LOWER_PRICE, draw
from keter.venues.asianodds.simulator.sessions import Session
from keter.venues.asianodds.simulator.settlement import Selection
from keter.venues.asianodds.simulator.wording import (
    FORMATS,
    line_range,
    odds_text,
    parse_bookie_prices,
)

_SIDES = {
    "HomeOdds": "home",
    "AwayOdds": "away",
    "DrawOdds": "draw",
    "OverOdds": "over",
    "UnderOdds": "under",
}
_REFERENCE_LENGTH = 40
_KEEP_QUOTES = 5000
_DEFAULT_TIMEOUT_S = 60
_LEAST_MILLI = 1005
NOT_PRIMED, REFUSED = -1200, -1307


class Refused(Exception):  # noqa: N818 - an answer of the venue, not an error of ours
    """The answer is a failure with this code and text."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Target:
    """The selection that a request names."""

    row: Row
    slot: Slot
    side: int
    odds_format: str

    @property
    def selection(self) -> Selection:
        name = _SIDES[ODDS_NAMES[self.slot[0]][self.side]]
        offer = self.row.offers[self.slot]
        return Selection(self.slot, name, offer.line_q)

    def price(self, book: str) -> int | None:
        legs = self.row.offers[self.slot].prices.get(book)
        return legs[self.side] if legs else None


@dataclass(frozen=True, slots=True)
class Quote:
    """One book's answer to a request for a price, and how long the book takes for it."""

    book: str
    odds_milli: int
    minimum_minor: int
    maximum_minor: int
    after_s: float
    rejected: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A placement's share at one book; ``standing_milli`` is the price that stands there when it is
    sent.
    """

    bookie: str
    stake_minor: int
    odds_milli: int
    standing_milli: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A placement that has been checked."""

    user: str
    target: Target
    reference: str
    parts: tuple[Part, ...]
    changed_ok: bool


@dataclass(frozen=True, slots=True)
class Mistake:
    """What a bookmaker gets wrong on request: it books another stake or price, or takes the bet
    back later.
    """

    stake_factor: float = 1.0
    odds_factor: float = 1.0
    revoke_after_s: float | None = None

    def made(self, decision: Decision, part: Part) -> Decision:
        booked_milli = decision.odds_milli or part.odds_milli
        return Decision(
            decision.due_ms,
            None,
            round(part.stake_minor * self.stake_factor),
            max(round(booked_milli * self.odds_factor), _LEAST_MILLI),
            None
            if self.revoke_after_s is None
            else decision.due_ms + round(self.revoke_after_s * 1000),
        )


def _integer(body: dict[str, Any], name: str) -> int:
    try:
        return int(body[name])
    except (KeyError, TypeError, ValueError) as e:
        raise Refused(-1, f"{name} must be an integer") from e


class Desk:
    """Answers GetPlacementInfo and PlaceBet. Draws come from the seed, in the order of requests."""

    def __init__(self, config: SandboxConfig, board: Board, book: Book) -> None:
        self._config, self._board, self._book = config, board, book
        self._rng = random.Random(f"{config.seed}:desk")  # noqa: S311 - play money, and it must be repeatable
        self._quoted: OrderedDict[tuple[str, int, Slot, int], dict[str, tuple[int, int | None]]] = (
            OrderedDict()
        )

    def target(self, session: Session, body: dict[str, Any], unknown: int) -> Target:
        """The selection a request is about.

        Raises Refused, with ``unknown`` when the game is not on the session's list.
        """
        row = self._board.rows.get(_integer(body, "GameId"))
        market_type, sport = _integer(body, "MarketTypeId"), _integer(body, "SportsType")
        if row is None or {(sport, market_type), (0, market_type)}.isdisjoint(session.seen):
            raise Refused(unknown, "Game is not in the cached list")
        kind, full = str(body.get("GameType")), str(body.get("IsFullTime")) in {"1", "True", "true"}
        odds_format, name = str(body.get("OddsFormat") or "MY"), str(body.get("OddsName"))
        if kind not in ODDS_NAMES or name not in ODDS_NAMES[kind] or odds_format not in FORMATS:
            raise Refused(-1, "GameType, OddsName and OddsFormat do not fit together")
        if (kind, full) not in row.offers or row.closing:
            raise Refused(unknown, "No such market for this game")
        return Target(row, (kind, full), ODDS_NAMES[kind].index(name), odds_format)

    def quotes(self, session: Session, body: dict[str, Any]) -> tuple[Target, list[Quote]]:
        """What the named books answer within the request's Timeout. Raises Refused."""
        books = [
            code.strip().upper()
            for code in str(body.get("Bookies") or "").split(",")
            if code.strip()
        ]
        if not books:
            raise Refused(NOT_PRIMED, "Bookies must not be empty")
        target = self.target(session, body, NOT_PRIMED)
        timeout_s = _integer(body, "Timeout") if body.get("Timeout") else _DEFAULT_TIMEOUT_S
        allowed = self._book.accounts[session.user].config.bookies
        quotes = [
            quote
            for book in books
            if book in allowed and (quote := self._quote(target, book)) is not None
        ]
        quotes = [quote for quote in quotes if quote.after_s <= timeout_s]
        self._remember(session.user, target, quotes)
        return target, quotes

    def _quote(self, target: Target, book: str) -> Quote | None:
        betting = self._config.betting
        odds_milli = target.price(book)
        if odds_milli is None:
            return None
        if self._rng.random() < betting.quote_drift_rate:
            odds_milli = max(
                odds_milli + round(odds_milli * self._rng.gauss(0, 0.006)), _LEAST_MILLI
            )
        after_s = self._rng.uniform(*betting.quote_delay_s) * self._config.delay_scale
        maximum_minor = self._maximum(target, book)
        return Quote(
            book, odds_milli, betting.minimum_minor, maximum_minor, after_s, not target.row.active
        )

    def _maximum(self, target: Target, book: str) -> int:
        """The largest stake at a book on a match; always the same for the two."""
        rng = random.Random(f"{self._config.seed}:{target.row.fixture.match_id}:{book}")  # noqa: S311 - must be repeatable
        low, high = self._config.betting.maximum_minor
        return rng.randint(low // 1000, high // 1000) * 1000

    def _remember(self, user: str, target: Target, quotes: list[Quote]) -> None:
        """Keep what was quoted, and the price on the board then: a quote holds until the board
        moves.
        """
        key = (user, target.row.game_id, target.slot, target.side)
        self._quoted[key] = {
            q.book: (q.odds_milli, target.price(q.book)) for q in quotes if not q.rejected
        }
        self._quoted.move_to_end(key)
        while len(self._quoted) > _KEEP_QUOTES:
            self._quoted.popitem(last=False)

    def prepare(self, session: Session, body: dict[str, Any], now_ms: int) -> Plan:
        """Check a placement and shares it out to the books with the best prices.

        Raises Refused.
        """
        target = self.target(session, body, -1)
        asked = self._asked(target, body)
        quoted = self._quoted.get((session.user, target.row.game_id, target.slot, target.side))
        if quoted is None and self._config.protocol.place_needs_info:
            raise Refused(-1, "Call GetPlacementInfo before PlaceBet")
        if quoted and self._config.protocol.refuse_trimmed_list and not set(quoted) <= set(asked):
            raise Refused(REFUSED, "The list of bookies differs from that of GetPlacementInfo")
        parts = tuple(
            Part(bookie, stake_minor, asked[bookie], _standing(target, bookie, quoted or {}))
            for bookie, stake_minor in self._split(target, asked, self._stake(session, body))
        )
        changed_ok = str(body.get("AcceptChangedOdds", "0")) == "1"
        return Plan(session.user, target, _reference(body, now_ms), parts, changed_ok)

    def send(self, plan: Plan, now_ms: int, mistake: Mistake | None = None) -> list[Ticket]:
        """Make a ticket of every part; a ``mistake`` also rules out a refusal by chance."""
        tickets = []
        for part in plan.parts:
            decision = self._decide(part, now_ms, changed_ok=plan.changed_ok)
            if mistake is not None:
                decision = mistake.made(decision, part)
            tickets.append(self._book.place(_order(plan, part), decision, now_ms))
        return tickets

    def _asked(self, target: Target, body: dict[str, Any]) -> dict[str, int]:
        try:
            asked = parse_bookie_prices(str(body.get("BookieOdds") or ""), target.odds_format)
        except ValueError as e:
            raise Refused(-1, str(e)) from e
        if not target.row.active:
            raise Refused(REFUSED, "Market is suspended")
        unknown = [book for book in asked if target.price(book) is None]
        if unknown:
            raise Refused(REFUSED, f"No price at {', '.join(unknown)}")
        return asked

    def _stake(self, session: Session, body: dict[str, Any]) -> int:
        try:
            stake_minor = round(float(body["Amount"]) * 100)
        except (KeyError, TypeError, ValueError, OverflowError) as e:
            raise Refused(-1, "Amount must be a number") from e
        if stake_minor < self._config.betting.minimum_minor:
            raise Refused(-1, "Amount is below the minimum")
        if stake_minor > self._book.accounts[session.user].credit_minor:
            raise Refused(-1, "Amount is above the available credit")
        return stake_minor

    def _split(
        self, target: Target, asked: dict[str, int], stake_minor: int
    ) -> list[tuple[str, int]]:
        """Best price first, up to each book's maximum (how the real server splits is not
        public).
        """
        stakes: list[tuple[str, int]] = []
        for bookie in sorted(asked, key=lambda book: -asked[book]):
            part = min(stake_minor, self._maximum(target, bookie))
            if part >= self._config.betting.minimum_minor:
                stakes.append((bookie, part))
                stake_minor -= part
        if stake_minor > 0:
            raise Refused(-1, "Amount is above the maximum")
        return stakes

    def _decide(self, part: Part, now_ms: int, *, changed_ok: bool) -> Decision:
        decision = draw(
            self._rng, part.bookie, self._config.betting, self._config.delay_scale, now_ms
        )
        if (
            decision.refusal is None
            and part.standing_milli is not None
            and part.standing_milli < part.odds_milli
        ):
            if not changed_ok:
                return Decision(now_ms + round(500 * self._config.delay_scale), refusal=LOWER_PRICE)
            return Decision(decision.due_ms, odds_milli=part.standing_milli)
        return decision


def _reference(body: dict[str, Any], now_ms: int) -> str:
    place_bet_id = str(body.get("PlaceBetId") or "")
    if len(place_bet_id) > _REFERENCE_LENGTH:
        raise Refused(-1, f"PlaceBetId is longer than {_REFERENCE_LENGTH} characters")
    return f"WA-{place_bet_id or now_ms}"


def _order(plan: Plan, part: Part) -> Order:
    row, fixture = plan.target.row, plan.target.row.fixture
    return Order(
        plan.user,
        plan.reference,
        part.bookie,
        plan.target.selection,
        part.odds_milli,
        plan.target.odds_format,
        part.stake_minor,
        fixture.match_id,
        row.game_id,
        int(row.market_type),
        fixture.sport,
        fixture.league,
        fixture.home,
        fixture.away,
        fixture.start_ms,
        row.score,
    )


def _standing(target: Target, bookie: str, quoted: dict[str, tuple[int, int | None]]) -> int | None:
    on_board = target.price(bookie)
    odds_milli, then = quoted.get(bookie, (on_board, None))
    return odds_milli if then == on_board else on_board


def quote_json(target: Target, quote: Quote, currency: str, price_field: str) -> dict[str, object]:
    """One element of OddsPlacementData."""
    row, offer = target.row, target.row.offers[target.slot]
    price = float(odds_text(quote.odds_milli, target.odds_format))
    names = {"both": ("Odds", "Price"), "odds": ("Odds",), "price": ("Price",)}[price_field]
    return {
        "Bookie": quote.book,
        "Code": REFUSED if quote.rejected else 0,
        **dict.fromkeys(names, price),
        "MinimumAmount": quote.minimum_minor // 100,
        "MaximumAmount": quote.maximum_minor // 100,
        "OddPlacementId": str(700_000_000 + row.game_id % 100_000_000),
        "Rejected": quote.rejected,
        "Message": "Market is suspended" if quote.rejected else None,
        "Currency": currency,
        "OddsFormat": target.odds_format,
        "GameType": target.slot[0],
        "HDPorGoal": "" if offer.line_q is None else line_range(offer.line_q),
        "HomeOrAwayOrDraw": target.selection.name[0].upper(),
        "IsFullTime": target.slot[1],
        "MarketTypeId": int(row.market_type),
        "SportsType": row.fixture.sport,
        "HomeName": row.fixture.home,
        "AwayName": row.fixture.away,
        "LeagueName": row.fixture.league,
        "HomeScore": row.score[0],
        "AwayScore": row.score[1],
    }
