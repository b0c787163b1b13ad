"""Bet rows as tickets: both status vocabularies, results, and the clock that runs 8 hours ahead.

What becomes of a row that is not as it should be:

* It is no object, or its stake is missing or no number: the whole list is refused. The list may be
  spoilt elsewhere too.
* Its stake is negative or at least 1e9: the ticket is ``unreadable``, and not ``stake_known``.
* It shares its number with a row that differs, or several rows have no number: they become one
  ``unreadable`` ticket with all their stakes.
* Its profit is at least 1e12, or its reference or number is too long: the ticket is ``unreadable``,
  with its stake.
* A name, time, score, price or selection is missing or impossible: the ticket lacks it, and still
  is exposure.

Pure.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

import msgspec

from keter.domain.money import round_to_minor, to_decimal
from keter.domain.odds import convert
from keter.domain.order_states import OrderState
from keter.domain.sports import FOOTBALL
from keter.domain.tickets import Ticket, TicketStatus
from keter.errors import InvalidOddsError
from keter.venues.asianodds.lenient_json import Fields, read_rows
from keter.venues.asianodds.limits import (
    KICKOFF_WINDOW,
    LATEST_BET,
    LONGEST_KEY,
    LONGEST_NAME,
    MOST_ODDS,
    MOST_SCORE,
    MOST_STAKE_MINOR,
)
from keter.venues.asianodds.placement import REFERENCE_PREFIX
from keter.venues.asianodds.selections import IntendedOf, read_selection
from keter.venues.asianodds.sport_terms import CODES, row_terms, split_name
from keter.venues.asianodds.wire import Answer, BrokenAnswerError

# Kick-offs of bet rows are this far ahead of those in the feed.
KICKOFF_SHIFT = timedelta(hours=8)

_STATUS = {
    "sending": TicketStatus.PENDING,
    "pending": TicketStatus.PENDING,
    "s": TicketStatus.PENDING,
    "0": TicketStatus.PENDING,
    "running": TicketStatus.RUNNING,
    "1": TicketStatus.RUNNING,
    "won": TicketStatus.SETTLED,
    "lost": TicketStatus.SETTLED,
    "settled": TicketStatus.SETTLED,
    "2": TicketStatus.SETTLED,
    "half won": TicketStatus.SETTLED,
    "half lost": TicketStatus.SETTLED,
    "stake returned": TicketStatus.SETTLED,
    "rejected": TicketStatus.REFUSED,
    "8": TicketStatus.REFUSED,
    "cancelled": TicketStatus.REFUSED,
    "canceled": TicketStatus.REFUSED,
    "error": TicketStatus.REFUSED,
    "e": TicketStatus.REFUSED,
    "void": TicketStatus.VOID,
    "v": TicketStatus.VOID,
}
_RESULTS = {
    "won": OrderState.WON,
    "lost": OrderState.LOST,
    "half won": OrderState.HALF_WON,
    "half lost": OrderState.HALF_LOST,
    "stake returned": OrderState.PUSHED,
}
_FORMATS = {"my": "malay", "hk": "hongkong"}


def read_tickets(
    answer: Answer, now: datetime, intended: IntendedOf = lambda _: None
) -> tuple[Ticket, ...]:
    """Return every ticket of a bet list, each once.

    A ticket without a time gets ``now``. ``intended`` returns the selection behind one of our
    references.
    Raises BrokenAnswerError if a row cannot be counted (no object, no stake): money must not be
    overlooked.
    """
    named: dict[tuple[str, str], list[Ticket]] = {}
    for row in read_rows(answer.data):
        ticket = read_ticket(row, now, intended)
        named.setdefault((ticket.book, ticket.ticket_id or ticket.reference), []).append(ticket)
    return tuple(_one_of(tickets, named=bool(name)) for (_, name), tickets in named.items())


def _one_of(tickets: Sequence[Ticket], *, named: bool) -> Ticket:
    """Return one ticket for the rows under one name.

    Rows that agree are that row. Rows that differ may be two bets, and so may equal ones without a
    name. Together they are one ``unreadable`` ticket with all their stakes.
    """
    first = tickets[0]
    if len(tickets) == 1 or (named and all(ticket == first for ticket in tickets)):
        return first
    stakes = sum(ticket.stake_minor for ticket in tickets)
    known = stakes <= MOST_STAKE_MINOR and all(ticket.stake_known for ticket in tickets)
    open_ones = any(
        ticket.status in {TicketStatus.PENDING, TicketStatus.RUNNING} for ticket in tickets
    )
    return msgspec.structs.replace(
        first,
        reference=first.reference if len({ticket.reference for ticket in tickets}) == 1 else "",
        status=TicketStatus.PENDING if open_ones else first.status,
        stake_minor=stakes if known else 0,
        stake_known=known,
        unreadable=(
            f"{len(tickets)} rows {'under one number that differ' if named else 'without a number'}"
        ),
    )


def read_ticket(row: Fields, now: datetime, intended: IntendedOf = lambda _: None) -> Ticket:
    """Return the ticket of one bet row; see the top of this file for rows that are not in order.

    Raises BrokenAnswerError for a row without a stake.
    """
    if not row.writes_number("Stake"):
        raise BrokenAnswerError("bad_rows", "a bet row without a stake")
    stake_minor = _stake(row)
    reference = row.text("BetPlacementReference").removeprefix(REFERENCE_PREFIX)
    sport = _sport(row.integer("SportsType"))
    home, away = (row.text(name, longest=LONGEST_NAME) for name in ("HomeName", "AwayName"))
    market, outcome = read_selection(row, row_terms(sport, home, away), intended(reference))
    status = _status(row)
    return Ticket(
        reference=_key(reference),
        ticket_id=_key(row.text("ReferenceNumber", "InternalReferenceNumber")),
        book=_key(row.text("Bookie").upper()),
        status=status,
        odds=_decimal_odds(row),
        stake_minor=stake_minor or 0,
        pnl_minor=row.minor("Pnl") or 0,
        placed_at=_placed_at(row, now),
        market=market,
        outcome=outcome,
        home=split_name(sport, home)[0],
        away=split_name(sport, away)[0],
        league=row.text("LeagueName", longest=LONGEST_NAME),
        kickoff=_kickoff(row, now),
        result=_result(row, status, stake_minor or 0),
        score_at_bet=_score(row, "HomeScore", "AwayScore"),
        final_score=_score(row, "FullTimeHomeScore", "FullTimeAwayScore"),
        half_time_score=_score(row, "HalfTimeHomeScore", "HalfTimeAwayScore"),
        message=row.text("BetPlacementMessage"),
        sport=sport,
        unreadable=_trouble(row, stake_minor),
        stake_known=stake_minor is not None,
    )


def _stake(row: Fields) -> int | None:
    """Return the stake in minor units; None if it is negative or beyond its bound."""
    minor = row.minor("Stake", most=MOST_STAKE_MINOR)
    return minor if minor is not None and minor >= 0 else None


def _trouble(row: Fields, stake_minor: int | None) -> str:
    """Return what of a row cannot be believed; empty if nothing is wrong with it."""
    if stake_minor is None:
        return f"a stake of {row.text('Stake', longest=30)}"
    if row.writes_number("Pnl") and row.minor("Pnl") is None:
        return f"a profit of {row.text('Pnl', longest=30)}"
    names = ("BetPlacementReference", "ReferenceNumber", "InternalReferenceNumber", "Bookie")
    long = next((name for name in names if len(row.text(name)) > LONGEST_KEY), None)
    return f"a {long} of {len(row.text(long))} characters and more" if long is not None else ""


def _key(text: str) -> str:
    """Return the name of a ticket, cut to the length of a key.

    A digest keeps two long names apart that begin alike.
    """
    if len(text) <= LONGEST_KEY:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: LONGEST_KEY - 17]}~{digest}"


def _placed_at(row: Fields, now: datetime) -> datetime:
    stated = row.time("TicketDate")
    return stated if stated is not None and stated <= now + LATEST_BET else now


def _kickoff(row: Fields, now: datetime) -> datetime | None:
    """Return the kick-off; None if it is missing or cannot be that of a match to bet on."""
    stated = row.time("KickoffTime")
    kickoff = stated - KICKOFF_SHIFT if stated is not None else None
    return kickoff if kickoff is not None and abs(kickoff - now) <= KICKOFF_WINDOW else None


def _status(row: Fields) -> TicketStatus:
    """Return the status, which the venue writes in words or codes.

    An unknown one is settled if PnlInfo holds a result. Otherwise it is pending, so that the ticket
    stays exposure.
    """
    status = _STATUS.get(row.text("Status").lower())
    if status is None:
        known = row.text("PnlInfo").lower() in _RESULTS
        status = TicketStatus.SETTLED if known else TicketStatus.PENDING
    # A missing profit is not 0: until the venue states it, the ticket stays exposure.
    if status is TicketStatus.SETTLED and row.minor("Pnl") is None:
        return TicketStatus.RUNNING
    return status


def _sport(number: int | None) -> str:
    """Return the code of a sport; football's if the row names none.

    A sport that Keter does not know gets a code from its number.
    """
    if number is None:
        return FOOTBALL.code
    return CODES.get(number, f"s{number}" if 0 <= number < 1000 else "other")


def _score(row: Fields, home: str, away: str) -> tuple[int, int] | None:
    """Return a score; None if a side is missing, -1 (unknown) or impossible."""
    one, other = row.integer(home), row.integer(away)
    if one is None or other is None:
        return None
    return (one, other) if min(one, other) >= 0 and max(one, other) <= MOST_SCORE else None


def _decimal_odds(row: Fields) -> str:
    """Return decimal odds as text; empty if there are none, or impossible ones.

    Tickets made on the venue's own pages may be in another format and are converted.
    """
    text = row.text("Odds", longest=48).replace(",", "")
    source = _FORMATS.get(row.text("OddsType").lower())
    number = row.number("Odds")
    if number is None or abs(number) > MOST_ODDS:
        return ""
    if source is None:
        return text if number >= 0 else ""
    try:
        exact = convert(text, source, "decimal")
        return str(round(Decimal(exact.numerator) / exact.denominator, 4))
    except (InvalidOddsError, InvalidOperation, ZeroDivisionError):
        return ""


def _result(row: Fields, status: TicketStatus, stake_minor: int) -> str | None:
    """Return how a settled ticket ended, as an OrderState value; None while it is open or unclear.

    PnlInfo decides. Without it the status word does, unless it is a bare won or lost, which may
    mean a half. Then the profit does.
    """
    if status is TicketStatus.VOID:
        return OrderState.VOID
    if status is not TicketStatus.SETTLED:
        return None
    for word in (row.text("PnlInfo").lower(), row.text("Status").lower()):
        if word in _RESULTS and not (word in {"won", "lost"} and not row.text("PnlInfo")):
            return _RESULTS[word]
    return _by_money(row, stake_minor)


def _by_money(row: Fields, stake_minor: int) -> str | None:
    """Return the result that explains the profit to the cent; None if none does."""
    pnl_minor, odds = row.minor("Pnl"), row.number("Odds")
    if pnl_minor is None or odds is None or row.text("OddsType").lower() in _FORMATS:
        return None
    stake = to_decimal(stake_minor)
    win = stake * (odds - 1)
    expected = {
        OrderState.WON: round_to_minor(win),
        OrderState.HALF_WON: round_to_minor(win / 2),
        OrderState.PUSHED: 0,
        OrderState.HALF_LOST: -round_to_minor(stake / 2),
        OrderState.LOST: -stake_minor,
    }
    return next((state for state, minor in expected.items() if abs(minor - pnl_minor) <= 1), None)
