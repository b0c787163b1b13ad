"""Prices on request (GetPlacementInfo): what each book answers, and what was answered last."""

import random
from dataclasses import dataclass
from typing import Any

from cachetools import FIFOCache

from keter.domain.money import MINOR_PER_UNIT
from keter.venues.asianodds.simulator.board import Board, Slot
from keter.venues.asianodds.simulator.book import Book
from keter.venues.asianodds.simulator.config import SandboxConfig
from keter.venues.asianodds.simulator.requests import (
    NOT_PRIMED,
    REFUSED,
    Refused,
    Target,
    integer,
    target_of,
)
from keter.venues.asianodds.simulator.sessions import Session
from keter.venues.asianodds.simulator.wording import line_range, odds_text
from keter.venues.simulation.chance import MIN_MILLI

_KEEP_QUOTES = 5000
_DEFAULT_TIMEOUT_S = 60
_DRIFT_SD = 0.006  # of a price that moved between feed and quote, as a share of it


@dataclass(frozen=True, slots=True)
class Quote:
    """One book's answer to a request for a price, and how long the book takes for it."""

    book: str
    odds_milli: int
    minimum_minor: int
    maximum_minor: int
    after_s: float
    rejected: bool


# By book: the price that was quoted, and the price on the board then.
Quoted = dict[str, tuple[int, int | None]]


class Quoting:
    """Answers GetPlacementInfo. Draws come from ``rng``, in the order of requests."""

    def __init__(self, config: SandboxConfig, board: Board, book: Book, rng: random.Random) -> None:
        self._config, self._board, self._book, self._rng = config, board, book, rng
        self._quoted: FIFOCache[tuple[str, int, Slot, int], Quoted] = FIFOCache(_KEEP_QUOTES)

    def quotes(self, session: Session, body: dict[str, Any]) -> tuple[Target, list[Quote]]:
        """Return what the named books answer within the request's Timeout. Raises Refused."""
        books = [
            code.strip().upper()
            for code in str(body.get("Bookies") or "").split(",")
            if code.strip()
        ]
        if not books:
            raise Refused(NOT_PRIMED, "Bookies must not be empty")
        target = target_of(self._board, session, body, NOT_PRIMED)
        timeout_s = integer(body, "Timeout") if body.get("Timeout") else _DEFAULT_TIMEOUT_S
        allowed = self._book.accounts[session.user].config.bookies
        quotes = [
            quote
            for book in books
            if book in allowed and (quote := self._quote(target, book)) is not None
        ]
        quotes = [quote for quote in quotes if quote.after_s <= timeout_s]
        self._quoted[_key(session, target)] = {
            quote.book: (quote.odds_milli, target.price(quote.book))
            for quote in quotes
            if not quote.rejected
        }
        return target, quotes

    def quoted(self, session: Session, target: Target) -> Quoted | None:
        """Return what the session's account was quoted last; None if nothing was."""
        return self._quoted.get(_key(session, target))

    def maximum_minor(self, target: Target, book: str) -> int:
        """Return the largest stake at a book on a match; always the same for the two."""
        rng = random.Random(f"{self._config.seed}:{target.row.fixture.match_id}:{book}")  # noqa: S311 - must be repeatable
        low, high = self._config.betting.maximum_minor
        return rng.randint(low // 1000, high // 1000) * 1000

    def _quote(self, target: Target, book: str) -> Quote | None:
        betting = self._config.betting
        odds_milli = target.price(book)
        if odds_milli is None:
            return None
        if self._rng.random() < betting.quote_drift_rate:
            moved = odds_milli + round(odds_milli * self._rng.gauss(0, _DRIFT_SD))
            odds_milli = max(moved, MIN_MILLI)
        return Quote(
            book,
            odds_milli,
            betting.minimum_minor,
            self.maximum_minor(target, book),
            self._rng.uniform(*betting.quote_delay_s) * self._config.delay_scale,
            not target.row.active,
        )


def _key(session: Session, target: Target) -> tuple[str, int, Slot, int]:
    return session.user, target.row.game_id, target.slot, target.leg


def quote_json(target: Target, quote: Quote, currency: str, price_field: str) -> dict[str, object]:
    """Return one element of OddsPlacementData. ``price_field``: both, odds or price."""
    row, offer = target.row, target.row.offers[target.slot]
    price = float(odds_text(quote.odds_milli, target.odds_format))
    names = {"both": ("Odds", "Price"), "odds": ("Odds",), "price": ("Price",)}[price_field]
    return {
        "Bookie": quote.book,
        "Code": REFUSED if quote.rejected else 0,
        **dict.fromkeys(names, price),
        "MinimumAmount": quote.minimum_minor // MINOR_PER_UNIT,
        "MaximumAmount": quote.maximum_minor // MINOR_PER_UNIT,
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
