"""Quotes and placements: what is sent, and what an answer to a placement means. Pure.

``classify`` reads an answer to PlaceBet as follows. A doubt is UNKNOWN: it costs a look-up, and a
wrong guess costs a second bet.

| answer | outcome | kind |
| --- | --- | --- |
| Code 0, our reference, and no book named as failed, or one as placed | SENT | sent |
| Code 0, no reference, every book named as failed | REFUSED | refused_by_books |
| Code 0 with another's reference | UNKNOWN | reference_differs |
| Code 0 otherwise | UNKNOWN | contradiction |
| Code -1 (a), text about the session | NOT_SENT | session |
| Code -1 (a), text asks for GetPlacementInfo first; Code -1200 (a) | NOT_SENT | no_placement_info |
| Code -1 (a), text about amount, limits, credit, or a missing game | REFUSED | validation |
| Code -1 (a), every named book failed with a return code | REFUSED | refused_by_books |
| Code 810 or -810 (a), HTTP 429 | NOT_SENT | throttled |
| HTTP 401, 403 | NOT_SENT | session |
| HTTP 404, 405 | NOT_SENT | http_404, http_405 |
| Code -1307, -1212 and every other | UNKNOWN | code_-1307 ... |
| any other HTTP status: 5xx, redirects, 400 (b) | UNKNOWN | http_503 ... |
| no answer, cut off, too large, HTML, XML, no JSON | UNKNOWN | timeout, connection_lost, html ... |
| no connection was made; no session | NOT_SENT | connect, no_session |

(a) if nothing was placed and there is no reference.
(b) WCF, the service's framework, answers 400 for failures of its own.
"""

import re
from collections.abc import Sequence

import msgspec

from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market
from keter.domain.money import money_text, round_to_minor
from keter.domain.order_calls import (
    OrderRequest,
    PlaceAnswer,
    PlacementQuote,
    PlaceResult,
    QuoteRequest,
)
from keter.domain.quotes import VenueRef
from keter.domain.sports import HALF_TIME
from keter.venues.asianodds.lenient_json import Fields, read_fields
from keter.venues.asianodds.limits import MOST_STAKE_MINOR
from keter.venues.asianodds.normalise import read_ref
from keter.venues.asianodds.prices import read_line, read_price
from keter.venues.asianodds.transport import CallFailedError, Reply
from keter.venues.asianodds.wire import Answer, BrokenAnswerError, read_answer

REFERENCE_PREFIX = "WA-"
REFERENCE_LENGTH = 40
# Only decimal odds: the meaning of a stake at negative Malay odds is not public.
ODDS_FORMAT = "00"
_GAME_TYPES = {
    MarketKind.ASIAN_HANDICAP: "H",
    MarketKind.OVER_UNDER: "O",
    MarketKind.ONE_X_TWO: "X",
    MarketKind.MONEY_LINE: "X",
}
_ODDS_NAMES = {
    Outcome.HOME: "HomeOdds",
    Outcome.DRAW: "DrawOdds",
    Outcome.AWAY: "AwayOdds",
    Outcome.OVER: "OverOdds",
    Outcome.UNDER: "UnderOdds",
}
_NEEDS_INFO = re.compile(r"placement\s*(?:info|data)|GetPlacementInfo", re.IGNORECASE)
_VALIDATION = re.compile(
    r"\b(?:amount|stake)\b.*\b(?:minimum|maximum|min|max|below|above|invalid|number|credit)\b"
    r"|\b(?:minimum|maximum)\b.*\b(?:amount|stake)\b|insufficient\s+(?:credit|balance|fund)"
    r"|\bgame\b.*\bnot\b.*\b(?:found|exist|available|list)\b|no such (?:game|market)",
    re.IGNORECASE,
)


def info_body(request: QuoteRequest, timeout_s: int) -> bytes:
    """Return the body of GetPlacementInfo.

    ``timeout_s``: how long the venue may wait for books. Raises ValueError if the reference is not
    AsianOdds' or no book is named.
    """
    if not request.books:
        raise ValueError("a quote needs at least one book")
    selection = _selection(request.ref, request.market, request.outcome)
    return msgspec.json.encode(
        {**selection, "Bookies": ",".join(request.books), "Timeout": timeout_s}
    )


def place_body(order: OrderRequest) -> bytes:
    """Return the body of PlaceBet. Raises ValueError if the order cannot be written as one."""
    if not order.prices or order.stake_minor <= 0:
        raise ValueError("an order needs a price and a stake")
    if not 0 < len(order.reference) <= REFERENCE_LENGTH:
        raise ValueError(f"a reference has 1 to {REFERENCE_LENGTH} characters")
    if any(read_price(text)[1] is None for _, text in order.prices):
        raise ValueError("an order needs a price at every book")
    selection = _selection(order.ref, order.market, order.outcome)
    return msgspec.json.encode(
        {
            **selection,
            "BookieOdds": ",".join(f"{book}:{text}" for book, text in order.prices),
            "Amount": msgspec.Raw(money_text(order.stake_minor).encode()),
            "PlaceBetId": order.reference,
            "AcceptChangedOdds": 0,
        }
    )


def _selection(ref: VenueRef, market: Market, outcome: Outcome) -> dict[str, object]:
    """Return the fields that name a selection. Raises ValueError for one that there is not."""
    if outcome not in market.outcomes:
        raise ValueError(f"{market.kind} has no {outcome}")
    found = read_ref(ref)
    return {
        "GameId": found.game_id,
        "GameType": _GAME_TYPES[market.family],
        "IsFullTime": 0 if market.period == HALF_TIME else 1,
        "MarketTypeId": found.market_type,
        "SportsType": found.sport,
        "OddsFormat": ODDS_FORMAT,
        "OddsName": _ODDS_NAMES[outcome],
    }


def read_quotes(answer: Answer, market: Market) -> list[PlacementQuote]:
    """Return one quote per book that answered.

    A quote that does not fit the question (another line, another odds format, no price) comes back
    as rejected. Raises BrokenAnswerError if the answer cannot be read.
    """
    return [
        _quote(item, market)
        for item in read_fields(answer.result).items("OddsPlacementData")
        if item.text("Bookie")
    ]


def _quote(item: Fields, market: Market) -> PlacementQuote:
    message = item.text("Message")
    rejected = item.flag("Rejected")
    try:
        text, odds = read_price(item.text("Price", "Odds"))
    except ValueError:
        text, odds = "", None
    misfit = _misfit(item, market) or ("" if odds is not None else "no usable price")
    return PlacementQuote(
        book=item.text("Bookie").upper(),
        odds=odds or 0.0,
        text=text,
        minimum_minor=_bound(item, "MinimumAmount"),
        maximum_minor=_bound(item, "MaximumAmount"),
        rejected=rejected or bool(misfit),
        message=message or misfit,
    )


def _bound(item: Fields, name: str) -> int:
    """Return a limit of the book in minor units; 0 if there is none.

    A limit above the largest possible stake is cut to that.
    """
    number = item.number(name)
    return min(max(round_to_minor(number), 0), MOST_STAKE_MINOR) if number is not None else 0


def _misfit(item: Fields, market: Market) -> str:
    """Return why a quote is not about the market asked for; empty if it is.

    The answer need not repeat the line or the odds format.
    """
    if item.text("OddsFormat") not in {"", ODDS_FORMAT}:
        return f"odds format {item.text('OddsFormat', longest=30)}"
    line = item.text("HDPorGoal")
    if market.line_q is None or not line:
        return ""
    try:
        same = read_line(line.lstrip("-+")) == abs(market.line_q)
    except ValueError:
        same = False
    return "" if same else f"line moved to {line[:20]}"


def classify_failure(failure: CallFailedError) -> PlaceAnswer:
    """Return what a placement without a usable HTTP answer means."""
    outcome = PlaceResult.UNKNOWN if failure.may_have_arrived else PlaceResult.NOT_SENT
    return PlaceAnswer(outcome, failure.kind, failure.detail)


def classify(reply: Reply, reference: str) -> PlaceAnswer:
    """Return what an HTTP answer to a placement under ``reference`` means.

    The table at the top of this file is the rule.
    """
    if reply.status != 200:
        return _by_status(reply.status)
    try:
        answer = read_answer(reply.body)
        result = read_fields(answer.result)
    except BrokenAnswerError as e:
        return PlaceAnswer(PlaceResult.UNKNOWN, e.kind, e.detail)
    books = result.items("PlacementData")
    outcome, kind = _by_content(answer, _references(result, books), books, reference)
    return PlaceAnswer(outcome, kind, answer.text or _book_messages(books), answer.code)


def _by_status(status: int) -> PlaceAnswer:
    if status in {401, 403}:
        return PlaceAnswer(PlaceResult.NOT_SENT, "session", f"HTTP {status}")
    if status == 429:
        return PlaceAnswer(PlaceResult.NOT_SENT, "throttled", "HTTP 429")
    outcome = PlaceResult.NOT_SENT if status in {404, 405} else PlaceResult.UNKNOWN
    return PlaceAnswer(outcome, f"http_{status}", f"HTTP {status}")


def _references(result: Fields, books: Sequence[Fields]) -> set[str]:
    """Return every reference that the answer names."""
    found = {
        result.text("BetPlacementReference"),
        *(book.text("BetPlacementReference") for book in books),
    }
    return found - {""}


def _by_content(
    answer: Answer, references: set[str], books: Sequence[Fields], reference: str
) -> tuple[PlaceResult, str]:
    placed = any(book.flag("PlacedSuccessfully") for book in books)
    refused = _all_failed(books)
    if answer.code == 0:
        if references == {REFERENCE_PREFIX + reference} and (placed or not books):
            return PlaceResult.ACCEPTED, "sent"
        if refused and not references:
            return PlaceResult.REFUSED, "refused_by_books"
        return PlaceResult.UNKNOWN, "reference_differs" if references else "contradiction"
    if abs(answer.code) == 810 and not placed and not references:
        return PlaceResult.NOT_SENT, "throttled"
    if answer.code in {-1, -1200} and not placed and not references:
        return _failed_cleanly(answer, refused=refused)
    return PlaceResult.UNKNOWN, f"code_{answer.code}"


def _failed_cleanly(answer: Answer, *, refused: bool) -> tuple[PlaceResult, str]:
    """Return outcome and kind of Code -1 or -1200 with nothing placed and no reference."""
    if answer.code == -1200 or _NEEDS_INFO.search(answer.text):
        return PlaceResult.NOT_SENT, "no_placement_info"
    if answer.speaks_of_session:
        return PlaceResult.NOT_SENT, "session"
    if _VALIDATION.search(answer.text):
        return PlaceResult.REFUSED, "validation"
    return (
        (PlaceResult.REFUSED, "refused_by_books") if refused else (PlaceResult.UNKNOWN, "code_-1")
    )


def _all_failed(books: Sequence[Fields]) -> bool:
    """Return whether there are books, and each says with a code that it did not place."""
    return bool(books) and all(
        book.text("Bookie")
        and book.value("PlacedSuccessfully") is False
        and (book.integer("ReturnCode") or 0) != 0
        for book in books
    )


def _book_messages(books: Sequence[Fields]) -> str:
    texts = (
        f"{book.text('Bookie')}: {book.text('Message')}" for book in books if book.text("Message")
    )
    return " | ".join(texts)[:500]
