"""Account, history and reference data as plain values.

Pure; lenient in case, spelling and types.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import msgspec

from keter.domain.tickets import AccountSnapshot, Ticket
from keter.venues.asianodds.lenient_json import Fields, read_fields, read_rows
from keter.venues.asianodds.tickets import IntendedOf, read_ticket
from keter.venues.asianodds.wire import Answer, BrokenAnswerError

T = TypeVar("T")
_CURRENCY = re.compile("[A-Z]{3}")


class Sport(msgspec.Struct, frozen=True):
    number: int
    name: str


class League(msgspec.Struct, frozen=True):
    league_id: int
    name: str
    sport: int
    market_type: int | None
    books: tuple[str, ...]


class MatchName(msgspec.Struct, frozen=True):
    match_id: int
    home: str
    away: str
    league: str
    sport: int


class Bookie(msgspec.Struct, frozen=True):
    code: str
    name: str
    has_feed: bool


class UserInformation(msgspec.Struct, frozen=True):
    """What the venue says of the account. Our own address, which it names too, is not kept."""

    user: str
    status: str
    currency: str | None
    books: tuple[str, ...]
    odds_format: str
    expires_at: datetime | None


class StatementDay(msgspec.Struct, frozen=True):
    """One line of the account statement; ``day`` as the venue writes it, amounts in minor units."""

    day: str
    remark: str
    turnover_minor: int
    commission_minor: int
    win_loss_minor: int
    balance_minor: int


class BetHistory(msgspec.Struct, frozen=True):
    """The bets of one day and the venue's totals, in minor units."""

    tickets: tuple[Ticket, ...]
    commission_minor: int | None
    pnl_minor: int | None


def read_account(answer: Answer, account: str, now: datetime) -> AccountSnapshot:
    """Raise BrokenAnswerError when credit or outstanding is missing or beyond belief: a guess
    would be money.
    """
    found = read_fields(answer.result)
    credit, outstanding = found.minor("Credit"), found.minor("Outstanding")
    if credit is None or outstanding is None:
        raise BrokenAnswerError("bad_account", "no credit or outstanding amount")
    currency = found.text("CreditCurrency", "OutstandingCurrency").upper()
    return AccountSnapshot(
        account=account,
        currency=currency if _CURRENCY.fullmatch(currency) else "",
        credit_minor=credit,
        outstanding_minor=outstanding,
        pnl_today_minor=found.minor("TodayPnL") or 0,
        pnl_yesterday_minor=found.minor("YesterdayPnL") or 0,
        fetched_at=now,
    )


def read_sports(answer: Answer) -> list[Sport]:
    return [
        Sport(number, row.text("Name"))
        for row in read_rows(answer.data)
        if (number := row.integer("Id")) is not None
    ]


def read_bookies(answer: Answer) -> list[Bookie]:
    rows = read_rows(answer.data)
    return [
        Bookie(row.text("Id").upper(), row.text("Name"), row.flag("IsFeedAvailable"))
        for row in rows
        if row.text("Id")
    ]


def read_leagues(answer: Answer) -> list[League]:
    def league(row: Fields, sport: int) -> League | None:
        number = row.integer("LeagueId")
        if number is None:
            return None
        return League(
            number, row.text("LeagueName"), sport, row.integer("MarketTypeId"), row.words("Bookies")
        )

    return _by_sport(answer, "Sports", "League", league)


def read_matches(answer: Answer) -> list[MatchName]:
    def match(row: Fields, sport: int) -> MatchName | None:
        number = row.integer("MatchId")
        if number is None:
            return None
        return MatchName(number, row.text("Home"), row.text("Away"), row.text("LeagueName"), sport)

    return _by_sport(answer, "EventSportsTypes", "Events", match)


def _by_sport(
    answer: Answer, outer: str, inner: str, read: Callable[[Fields, int], T | None]
) -> list[T]:
    found = []
    for sport in read_fields(answer.result).items(outer):
        items = (read(row, sport.integer("SportsType") or 0) for row in sport.items(inner))
        found += [item for item in items if item is not None]
    return found


def read_user_information(answer: Answer) -> UserInformation:
    found = read_fields(answer.result)
    return UserInformation(
        user=found.text("UserId"),
        status=found.text("Status"),
        currency=found.text("BaseCurrency") or None,
        books=found.words("ActiveBookies"),
        odds_format=found.text("OddsType"),
        expires_at=found.time("ExpiryDate"),
    )


def read_statement(answer: Answer) -> list[StatementDay]:
    """The lines may stand at the root or under Result."""
    items = read_fields(answer.result).items("BetHistoryStatementItems")
    items = items or read_fields(answer.body).items("BetHistoryStatementItems")
    return [
        StatementDay(
            item.text("DateDay"),
            item.text("Remark"),
            item.minor("Turnover") or 0,
            item.minor("Commission") or 0,
            item.minor("WinLoss") or 0,
            item.minor("Balance") or 0,
        )
        for item in items
    ]


def read_history(
    answer: Answer, now: datetime, intended: IntendedOf = lambda _: None
) -> BetHistory:
    found = read_fields(answer.result)
    tickets = tuple(read_ticket(row, now, intended) for row in found.items("BetSummaries"))
    return BetHistory(
        tickets,
        found.minor("SubTotalCommision", "SubTotalCommission"),
        found.minor("SubTotalProfitAndLost", "SubTotalProfitAndLoss"),
    )
