"""Bet rows as tickets: both status vocabularies, results, lines, and the clock that runs eight
hours ahead.

Pure.

The sign of a handicap (``HdpOrGoal``) is not established. ``Favoured`` (or the field of the period)
tells who gives the line, as in the feed. Where it does not tell (missing, or 0 with a line), or an
explicit minus on the away side contradicts it (under every convention seen, that means that away
gives the line), the selection we asked for under that reference decides, if its line has the same
size and its side is the ticket's. Failing that Favoured holds, or the market stays unread. Where
``Favoured`` tells clearly, our own intent changes nothing: a bet on another line than the intended
one must be seen as such.

What becomes of a row that is not as it should be:

| the row | becomes |
| --- | --- |
| is no object, has no stake, or one that is no number | the whole list is refused: it may be spoilt elsewhere, too |
| its stake is negative or 1e9 and more | a ticket that is ``unreadable``, without ``stake_known`` |
| has the number of a row that differs, or none like another | one ``unreadable`` ticket for them all, with their stakes |
| its profit is 1e12 and more, its reference or number too long to be one | ``unreadable``, with its stake |
| a name, time, score, price or selection is missing or impossible | a ticket without it: it still is exposure |
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

import msgspec

from keter.domain.bets import BetState
from keter.domain.markets import Market, MarketKind, Outcome, Period
from keter.domain.money import round_to_minor
from keter.domain.odds import convert
from keter.domain.tickets import Ticket, TicketStatus
from keter.errors import InvalidOddsError
from keter.venues.asianodds.believable import (
    KICKOFF_WINDOW,
    LATEST_BET,
    LONGEST_KEY,
    LONGEST_NAME,
    MOST_ODDS,
    MOST_SCORE,
    MOST_STAKE_MINOR,
)
from keter.venues.asianodds.lenient_json import Fields, read_rows
from keter.venues.asianodds.normalise import FOOTBALL, SPORTS, home_line
from keter.venues.asianodds.placement import REFERENCE_PREFIX
from keter.venues.asianodds.prices import read_line
from keter.venues.asianodds.wire import Answer, BrokenAnswerError

KICKOFF_SHIFT = timedelta(hours=8)
Intended = tuple[Market, Outcome]
IntendedOf = Callable[[str], Intended | None]

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
    "won": BetState.WON,
    "lost": BetState.LOST,
    "half won": BetState.HALF_WON,
    "half lost": BetState.HALF_LOST,
    "stake returned": BetState.PUSHED,
}
_SIDES = {
    "hdp home": (MarketKind.ASIAN_HANDICAP, Outcome.HOME),
    "hdp away": (MarketKind.ASIAN_HANDICAP, Outcome.AWAY),
    "over": (MarketKind.OVER_UNDER, Outcome.OVER),
    "under": (MarketKind.OVER_UNDER, Outcome.UNDER),
    "1": (MarketKind.ONE_X_TWO, Outcome.HOME),
    "x": (MarketKind.ONE_X_TWO, Outcome.DRAW),
    "2": (MarketKind.ONE_X_TWO, Outcome.AWAY),
}
_PERIODS = {"ft": Period.FULL_TIME, "ht": Period.HALF_TIME}
_FORMATS = {"my": "malay", "hk": "hongkong"}


def read_tickets(
    answer: Answer, now: datetime, intended: IntendedOf = lambda _: None
) -> tuple[Ticket, ...]:
    """Every ticket of a bet list, each once.

    ``now`` stands in for a ticket without a time.

    Raises BrokenAnswerError when a row cannot be counted (no object, no stake): money must not be
    overlooked.
    """
    named: dict[tuple[str, str], list[Ticket]] = {}
    for row in read_rows(answer.data):
        ticket = read_ticket(row, now, intended)
        named.setdefault((ticket.book, ticket.ticket_id or ticket.reference), []).append(ticket)
    return tuple(_one_of(tickets, named=bool(name)) for (_, name), tickets in named.items())


def _one_of(tickets: Sequence[Ticket], *, named: bool) -> Ticket:
    """The ticket that rows under one name are: the row where they agree, else one that nothing is
    concluded from.

    Rows that differ may be two bets, and so may equal ones without a name: together they count with
    all their stakes.
    """
    first = tickets[0]
    if len(tickets) == 1 or (named and all(ticket == first for ticket in tickets)):
        return first
    stakes = sum(ticket.stake_minor for ticket in tickets)
    told = stakes <= MOST_STAKE_MINOR and all(ticket.stake_known for ticket in tickets)
    open_ones = any(
        ticket.status in {TicketStatus.PENDING, TicketStatus.RUNNING} for ticket in tickets
    )
    return msgspec.structs.replace(
        first,
        reference=first.reference if len({ticket.reference for ticket in tickets}) == 1 else "",
        status=TicketStatus.PENDING if open_ones else first.status,
        stake_minor=stakes if told else 0,
        stake_known=told,
        unreadable=(
            f"{len(tickets)} rows {'under one number that differ' if named else 'without a number'}"
        ),
    )


def read_ticket(row: Fields, now: datetime, intended: IntendedOf = lambda _: None) -> Ticket:
    """One bet row.

    Raises BrokenAnswerError without a stake; the table above says what else may be wrong with it.
    """
    if not row.writes_number("Stake"):
        raise BrokenAnswerError("bad_rows", "a bet row without a stake")
    stake_minor = _stake(row)
    reference = row.text("BetPlacementReference").removeprefix(REFERENCE_PREFIX)
    market, side = read_selection(row, intended(reference))
    status, pnl_minor = read_status(row), row.minor("Pnl")
    if status is TicketStatus.SETTLED and pnl_minor is None:
        # A profit that is not told is not 0: until it is, the ticket stays exposure.
        status = TicketStatus.RUNNING
    return Ticket(
        reference=_key(reference),
        ticket_id=_key(row.text("ReferenceNumber", "InternalReferenceNumber")),
        book=_key(row.text("Bookie").upper()),
        status=status,
        odds=_decimal_odds(row),
        stake_minor=stake_minor or 0,
        pnl_minor=pnl_minor or 0,
        placed_at=_placed_at(row, now),
        market=market,
        side=side,
        home=row.text("HomeName", longest=LONGEST_NAME),
        away=row.text("AwayName", longest=LONGEST_NAME),
        league=row.text("LeagueName", longest=LONGEST_NAME),
        kickoff=_kickoff(row, now),
        result=_result(row, status, stake_minor or 0),
        score_at_bet=_score(row, "HomeScore", "AwayScore"),
        final_score=_score(row, "FullTimeHomeScore", "FullTimeAwayScore"),
        half_time_score=_score(row, "HalfTimeHomeScore", "HalfTimeAwayScore"),
        message=row.text("BetPlacementMessage"),
        sport=_sport(row.integer("SportsType")),
        unreadable=_trouble(row, stake_minor),
        stake_known=stake_minor is not None,
    )


def _stake(row: Fields) -> int | None:
    """The stake; None where it is beyond belief."""
    minor = row.minor("Stake", most=MOST_STAKE_MINOR)
    return minor if minor is not None and minor >= 0 else None


def _trouble(row: Fields, stake_minor: int | None) -> str:
    """What of a row cannot be believed; empty when nothing is wrong with it."""
    if stake_minor is None:
        return f"a stake of {row.text('Stake', longest=30)}"
    if row.writes_number("Pnl") and row.minor("Pnl") is None:
        return f"a profit of {row.text('Pnl', longest=30)}"
    names = ("BetPlacementReference", "ReferenceNumber", "InternalReferenceNumber", "Bookie")
    long = next((name for name in names if len(row.text(name)) > LONGEST_KEY), None)
    return f"a {long} of {len(row.text(long))} characters and more" if long is not None else ""


def _key(text: str) -> str:
    """What names a ticket, never longer than a key may be: two long ones that begin alike stay
    two.
    """
    if len(text) <= LONGEST_KEY:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: LONGEST_KEY - 17]}~{digest}"


def _placed_at(row: Fields, now: datetime) -> datetime:
    told = row.time("TicketDate")
    return told if told is not None and told <= now + LATEST_BET else now


def _kickoff(row: Fields, now: datetime) -> datetime | None:
    """None where none is told, or one that cannot be that of a match to bet on."""
    told = row.time("KickoffTime")
    kickoff = told - KICKOFF_SHIFT if told is not None else None
    return kickoff if kickoff is not None and abs(kickoff - now) <= KICKOFF_WINDOW else None


def read_status(row: Fields) -> TicketStatus:
    """Words or codes.

    One that is not known is settled when PnlInfo tells a result, else undecided: it stays exposure.
    """
    status = _STATUS.get(row.text("Status").lower())
    if status is not None:
        return status
    return TicketStatus.SETTLED if row.text("PnlInfo").lower() in _RESULTS else TicketStatus.PENDING


def read_selection(
    row: Fields, intended: Intended | None
) -> tuple[Market, Outcome] | tuple[None, None]:
    """Market and side of a bet row, or (None, None) when its words cannot be read."""
    found = _SIDES.get(row.text("BetType").lower())
    period = _PERIODS.get(row.text("Term").lower())
    if found is None or period is None:
        return None, None
    kind, side = found
    if (
        intended is not None
        and kind is MarketKind.ONE_X_TWO
        and intended[0].kind is MarketKind.MONEY_LINE
    ):
        kind = MarketKind.MONEY_LINE
    if kind in {MarketKind.ONE_X_TWO, MarketKind.MONEY_LINE}:
        return Market(period, kind), side
    text = row.text("HdpOrGoal")
    try:
        quarters = read_line(text.lstrip("-+"))
    except ValueError:
        return None, None
    if kind is MarketKind.OVER_UNDER:
        return (Market(period, kind, quarters), side) if not text.startswith("-") else (None, None)
    line = _handicap(row, period, side, quarters, intended)
    return (Market(period, kind, line), side) if line is not None else (None, None)


def _handicap(
    row: Fields, period: Period, side: Outcome, quarters: int, intended: Intended | None
) -> int | None:
    """The home line in quarters, by the rule at the top of this file."""
    own = "FullTimeFavoured" if period is Period.FULL_TIME else "HalfTimeFavoured"
    favoured = row.integer(own) or row.integer("Favoured")
    told = home_line(quarters, favoured)
    doubtful = told is None or (
        row.text("HdpOrGoal").startswith("-") and told == -quarters and side is Outcome.AWAY
    )
    if doubtful and intended is not None:
        market, wanted = intended
        same = (
            market.kind is MarketKind.ASIAN_HANDICAP and market.period is period and wanted is side
        )
        if same and market.line_q is not None and abs(market.line_q) == quarters:
            return market.line_q
    return told


def _sport(number: int | None) -> str:
    """The sport's code; one of its own where nobody follows the sport, football's where none is
    told.
    """
    return (
        SPORTS[FOOTBALL]
        if number is None
        else SPORTS.get(number, f"s{number}" if 0 <= number < 1000 else "other")
    )


def _score(row: Fields, home: str, away: str) -> tuple[int, int] | None:
    """A score; -1 on either side is unknown, and so is what no match ends with."""
    one, other = row.integer(home), row.integer(away)
    if one is None or other is None:
        return None
    return (one, other) if min(one, other) >= 0 and max(one, other) <= MOST_SCORE else None


def _decimal_odds(row: Fields) -> str:
    """Decimal odds as text; of tickets made elsewhere in another format too.

    Empty when there are none, or none that can be.
    """
    text, source = (
        row.text("Odds", longest=48).replace(",", ""),
        _FORMATS.get(row.text("OddsType").lower()),
    )
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
    """How a settled ticket ended: PnlInfo; else the status word when it is half or none of it; else
    the money.
    """
    if status is TicketStatus.VOID:
        return BetState.VOID
    if status is not TicketStatus.SETTLED:
        return None
    for word in (row.text("PnlInfo").lower(), row.text("Status").lower()):
        if word in _RESULTS and not (word in {"won", "lost"} and not row.text("PnlInfo")):
            return _RESULTS[word]
    return _by_money(row, stake_minor)


def _by_money(row: Fields, stake_minor: int) -> str | None:
    """The result that explains the profit to the cent; None when none does."""
    pnl_minor, odds = row.minor("Pnl"), row.number("Odds")
    if pnl_minor is None or odds is None or row.text("OddsType").lower() in _FORMATS:
        return None
    win = Decimal(stake_minor) / 100 * (odds - 1)
    expected = {
        BetState.WON: round_to_minor(win),
        BetState.HALF_WON: round_to_minor(win / 2),
        BetState.PUSHED: 0,
        BetState.HALF_LOST: -round_to_minor(Decimal(stake_minor) / 200),
        BetState.LOST: -stake_minor,
    }
    return next((state for state, minor in expected.items() if abs(minor - pnl_minor) <= 1), None)
