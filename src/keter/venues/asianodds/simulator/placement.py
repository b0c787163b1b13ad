"""Placements (PlaceBet): what is checked, how a stake is shared out, what becomes a ticket."""

import random
from dataclasses import dataclass
from typing import Any

from keter.venues.asianodds.simulator.board import Board
from keter.venues.asianodds.simulator.book import Book, Decision, Order, Ticket
from keter.venues.asianodds.simulator.config import SandboxConfig
from keter.venues.asianodds.simulator.decisions import LOWER_PRICE, Mistake, draw
from keter.venues.asianodds.simulator.quoting import Quoted, Quoting
from keter.venues.asianodds.simulator.requests import (
    FAILED,
    REFUSED,
    Refused,
    Target,
    target_of,
)
from keter.venues.asianodds.simulator.sessions import Session
from keter.venues.asianodds.simulator.wording import parse_bookie_prices

_REFERENCE_LENGTH = 40
_LOWER_PRICE_AFTER_MS = 500


@dataclass(frozen=True, slots=True)
class Part:
    """A placement's share at one book.

    ``current_milli`` is the price that holds there when it is sent; None where there is none.
    """

    bookie: str
    stake_minor: int
    odds_milli: int
    current_milli: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A placement that has been checked."""

    user: str
    target: Target
    reference: str
    parts: tuple[Part, ...]
    changed_ok: bool


class Placing:
    """Answers PlaceBet. Draws come from ``rng``, in the order of requests."""

    def __init__(
        self,
        config: SandboxConfig,
        board: Board,
        book: Book,
        quoting: Quoting,
        rng: random.Random,
    ) -> None:
        self._config, self._board, self._book = config, board, book
        self._quoting, self._rng = quoting, rng

    def prepare(self, session: Session, body: dict[str, Any], now_ms: int) -> Plan:
        """Check a placement and share it out to the books with the best prices.

        Raises Refused.
        """
        target = target_of(self._board, session, body, FAILED)
        asked = _asked(target, body)
        quoted = self._quoting.quoted(session, target)
        if quoted is None and self._config.protocol.place_needs_info:
            raise Refused(FAILED, "Call GetPlacementInfo before PlaceBet")
        if quoted and self._config.protocol.refuse_trimmed_list and not set(quoted) <= set(asked):
            raise Refused(REFUSED, "The list of bookies differs from that of GetPlacementInfo")
        parts = tuple(
            Part(bookie, stake_minor, asked[bookie], _current(target, bookie, quoted or {}))
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
                decision = mistake.made(decision, part.stake_minor, part.odds_milli)
            tickets.append(self._book.place(_order(plan, part), decision, now_ms))
        return tickets

    def _stake(self, session: Session, body: dict[str, Any]) -> int:
        try:
            stake_minor = round(float(body["Amount"]) * 100)
        except (KeyError, TypeError, ValueError, OverflowError) as e:
            raise Refused(FAILED, "Amount must be a number") from e
        if stake_minor < self._config.betting.minimum_minor:
            raise Refused(FAILED, "Amount is below the minimum")
        if stake_minor > self._book.accounts[session.user].credit_minor:
            raise Refused(FAILED, "Amount is above the available credit")
        return stake_minor

    def _split(
        self, target: Target, asked: dict[str, int], stake_minor: int
    ) -> list[tuple[str, int]]:
        """Return stakes by book, the best price first, each up to the book's maximum."""
        # How the real server splits is not public.
        stakes: list[tuple[str, int]] = []
        for bookie in sorted(asked, key=lambda book: -asked[book]):
            part = min(stake_minor, self._quoting.maximum_minor(target, bookie))
            if part >= self._config.betting.minimum_minor:
                stakes.append((bookie, part))
                stake_minor -= part
        if stake_minor > 0:
            raise Refused(FAILED, "Amount is above the maximum")
        return stakes

    def _decide(self, part: Part, now_ms: int, *, changed_ok: bool) -> Decision:
        scale = self._config.delay_scale
        decision = draw(self._rng, part.bookie, self._config.betting, scale, now_ms)
        current = part.current_milli
        if decision.refusal is not None or current is None or current >= part.odds_milli:
            return decision
        if not changed_ok:
            return Decision(now_ms + round(_LOWER_PRICE_AFTER_MS * scale), refusal=LOWER_PRICE)
        return Decision(decision.due_ms, odds_milli=current)


def _asked(target: Target, body: dict[str, Any]) -> dict[str, int]:
    """Return the asked price by book, in thousandths. Raises Refused."""
    try:
        asked = parse_bookie_prices(str(body.get("BookieOdds") or ""), target.odds_format)
    except ValueError as e:
        raise Refused(FAILED, str(e)) from e
    if not target.row.active:
        raise Refused(REFUSED, "Market is suspended")
    unknown = [book for book in asked if target.price(book) is None]
    if unknown:
        raise Refused(REFUSED, f"No price at {', '.join(unknown)}")
    return asked


def _reference(body: dict[str, Any], now_ms: int) -> str:
    place_bet_id = str(body.get("PlaceBetId") or "")
    if len(place_bet_id) > _REFERENCE_LENGTH:
        raise Refused(FAILED, f"PlaceBetId is longer than {_REFERENCE_LENGTH} characters")
    return f"WA-{place_bet_id or now_ms}"


def _current(target: Target, bookie: str, quoted: Quoted) -> int | None:
    """Return the price that holds: the quoted one until the board moves, then the board's."""
    on_board = target.price(bookie)
    odds_milli, on_board_then = quoted.get(bookie, (on_board, None))
    return odds_milli if on_board_then == on_board else on_board


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
