"""The service's methods, one function each: (house, call) -> answer. Shapes are those of the protocol page, sections 3 to 5."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from keter.sandbox.bet_rows import bet_row
from keter.sandbox.board import MarketType, Row, rows_json
from keter.sandbox.book import DAY_MS, Account, State, Ticket
from keter.sandbox.config import ALL_BOOKS
from keter.sandbox.faults import FaultKind
from keter.sandbox.house import House
from keter.sandbox.placement import Refused, quote_json
from keter.sandbox.sessions import Session
from keter.sandbox.spoil import spoil_rows
from keter.sandbox.wording import amount, us_date

_SPORTS = {1: "Football", 2: "Basketball", 3: "Tennis"}
_BOOK_NAMES = {"PIN": "PINNACLE", "SIN": "SINGBET", "IBC": "IBCBET"}
_NO_ROWS, _NOT_FOUND = 300, -200


@dataclass(slots=True)
class Call:
    """One request. Names in ``query`` are lower case; ``session`` is set once the token has been checked."""

    route: str
    query: Mapping[str, str]
    body: dict[str, Any]
    token: str
    key: str
    ip: str
    base_url: str
    now_ms: int
    opened: Session | None = None

    @property
    def session(self) -> Session:
        if self.opened is None:
            raise LookupError(f"{self.route} was called without a session")
        return self.opened


@dataclass(frozen=True, slots=True)
class Answer:
    """The envelope, and how long the bookmaker takes for it."""

    envelope: dict[str, object]
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Method:
    verb: str
    run: Callable[[House, Call], Answer]
    needs_session: bool = field(default=True)


def result(value: object, code: int = 0, message: str | None = "") -> Answer:
    """The Result family."""
    return Answer({"Code": code, "Message": message, "Result": value})


def data(rows: list[Any], empty_code: int = 0) -> Answer:
    """The Data family; ``Data`` null and ``empty_code`` without rows."""
    if rows:
        return Answer({"Code": 0, "Message": "", "Data": rows})
    return Answer({"Code": empty_code, "Message": "", "Data": None})


def login(house: House, call: Call) -> Answer:
    user = call.query.get("username", "")
    session = house.sessions.login(user, call.query.get("password", ""), call.ip, call.now_ms)
    if session is None:
        failure = {"SuccessfulLogin": False, "Token": "", "Key": None, "Url": "", "Username": user}
        return result(failure | {"TextMessage": "Invalid username or password"}, -1, None)
    found = {"SuccessfulLogin": True, "Token": session.token, "Key": session.key, "Url": call.base_url}
    return result(found | {"Username": session.user, "TextMessage": "ok"}, message=None)


def register(house: House, call: Call) -> Answer:
    ok = house.sessions.register(call.query.get("username", ""), call.token, call.key, call.ip, call.now_ms)
    text = "registered" if ok else "Registration failed; log in again"
    return result({"Success": ok, "TextMessage": text}, 0 if ok else -1, None)


def logout(house: House, call: Call) -> Answer:
    house.sessions.kill(call.session.user)
    return result("Logged out", message=None)


def is_logged_in(house: House, call: Call) -> Answer:
    house.sessions.keep_alive(call.session, call.now_ms)
    return result({"CurrentlyLoggedIn": True, "SuccessfulLogin": True, "TextMessage": ""}, message=None)


def get_sports(house: House, call: Call) -> Answer:
    return data([{"Id": number, "Name": name} for number, name in _SPORTS.items()])


def get_bookies(house: House, call: Call) -> Answer:
    return data([{"Id": book, "Name": _BOOK_NAMES.get(book, book), "IsFeedAvailable": True} for book in ALL_BOOKS])


def _market_type(call: Call) -> MarketType:
    try:
        return MarketType(int(call.query.get("markettypeid") or 0))
    except ValueError as e:
        raise Refused(-1, "marketTypeId must be 0, 1 or 2") from e


def _integer(call: Call, name: str) -> int | None:
    text = call.query.get(name)
    try:
        return int(text) if text else None
    except ValueError as e:
        raise Refused(-1, f"{name} must be an integer") from e


def _words(call: Call, name: str) -> frozenset[str] | None:
    """The values of a comma list; None for all."""
    text = call.query.get(name, "").upper()
    return None if text in {"", "ALL"} else frozenset(part.strip() for part in text.split(",") if part.strip())


def _books(house: House, call: Call) -> frozenset[str] | None:
    active = frozenset(house.book.accounts[call.session.user].config.bookies)
    asked = _words(call, "bookies")
    wanted = active if asked is None else active & asked
    return None if wanted >= frozenset(ALL_BOOKS) else wanted


def get_feeds(house: House, call: Call) -> Answer:
    market_type, sport, user = _market_type(call), _integer(call, "sportstype") or 0, call.session.user
    asked_since, leagues = _integer(call, "since"), _words(call, "leagues")
    odds_format = call.query.get("oddsformat") or "MY"
    house.sessions.throttle(user, int(market_type), call.now_ms)
    since = house.sessions.since(user, sport, int(market_type), asked_since, call.now_ms)
    rows = [
        row
        for row in house.board.changed(market_type, since)
        if (not sport or row.fixture.sport == sport) and (leagues is None or str(row.fixture.league_id) in leagues)
    ]
    try:
        sports = rows_json(rows, odds_format, _books(house, call))
    except ValueError as e:
        raise Refused(-1, str(e)) from e
    stamp = house.board.cursor()
    house.sessions.told(call.session, sport, int(market_type), stamp, call.now_ms)
    return result({"Since": stamp, "Sports": sports})


def _listed(house: House, call: Call) -> list[Row]:
    market_type, sport, since = _market_type(call), _integer(call, "sportstype"), _integer(call, "since") or -1
    rows = house.board.changed(market_type, since)
    return [row for row in rows if not row.closing and (not sport or row.fixture.sport == sport)]


def get_leagues(house: House, call: Call) -> Answer:
    sports: dict[int, dict[int, dict[str, object]]] = {}
    for row in _listed(house, call):
        books = sorted({book for offer in row.offers.values() for book in offer.prices})
        fixture = row.fixture
        sports.setdefault(fixture.sport, {})[fixture.league_id] = {
            "Bookies": books, "LeagueId": fixture.league_id, "LeagueName": fixture.league,
            "MarketTypeId": int(row.market_type), "Since": row.updated_ms,
        }  # fmt: skip
    return result({"Sports": [{"SportsType": sport, "League": list(found.values())} for sport, found in sports.items()]})


def get_matches(house: House, call: Call) -> Answer:
    sports: dict[int, dict[int, dict[str, object]]] = {}
    for row in _listed(house, call):
        fixture = row.fixture
        sports.setdefault(fixture.sport, {})[fixture.match_id] = {
            "MatchId": fixture.match_id, "Home": fixture.home, "Away": fixture.away, "LeagueName": fixture.league,
            "LeagueId": fixture.league_id, "MarketTypeId": int(row.market_type), "Since": row.updated_ms,
        }  # fmt: skip
    events = [{"SportsType": sport, "Events": list(found.values())} for sport, found in sports.items()]
    return result({"EventSportsTypes": events})


def get_placement_info(house: House, call: Call) -> Answer:
    target, quotes = house.desk.quotes(call.session, call.body)
    currency = house.book.accounts[call.session.user].config.currency
    found = [quote_json(target, quote, currency, house.config.protocol.price_field) for quote in quotes]
    wait_s = max((quote.after_s for quote in quotes), default=0.0)
    return Answer({"Code": 0, "Message": "", "Result": {"OddsPlacementData": found}}, wait_s)


def place_bet(house: House, call: Call) -> Answer:
    stake, odds = house.faults.take(FaultKind.WRONG_STAKE, call.route), house.faults.take(FaultKind.WRONG_PRICE, call.route)
    revoked = house.faults.take(FaultKind.REFUSED_LATER, call.route)
    reference, tickets = house.desk.place(
        call.session,
        call.body,
        call.now_ms,
        stake_factor=stake.number("factor") if stake else 1,
        odds_factor=odds.number("factor") if odds else 1,
        revoke_after_s=revoked.number("after_s") if revoked else None,
        sure=bool(stake or odds or revoked),
    )
    house.book.advance(call.now_ms, [])
    sent = [{"Bookie": t.order.bookie, "PlacedSuccessfully": True, "ReturnCode": 0, "Message": ""} for t in tickets]
    return result({"BetPlacementReference": reference, "Message": "sent", "PlacementData": sent})


def _bets(house: House, call: Call, wanted: Callable[[Ticket], bool], cap: int) -> Answer:
    """Newest first. A bet that has only just been sent is in no list yet."""
    transit_ms = house.config.protocol.transit_s * house.config.delay_scale * 1000
    mine = house.book.tickets(call.session.user)
    found = [t for t in reversed(mine) if wanted(t) and call.now_ms >= t.placed_ms + transit_ms][:cap]
    rows = [_row(house, ticket, codes=False) for ticket in found]
    return data(spoil_rows(house.faults, call.route, rows), _NO_ROWS)


def _row(house: House, ticket: Ticket, *, codes: bool) -> dict[str, object]:
    currency = house.book.accounts[ticket.order.account].config.currency
    return bet_row(ticket, currency, codes=codes, hdp_sign=house.config.protocol.hdp_sign)


def _open(ticket: Ticket) -> bool:
    return ticket.state in {State.PENDING, State.RUNNING}


def get_bets(house: House, call: Call) -> Answer:
    return _bets(house, call, lambda _: True, 150)


def get_running_bets(house: House, call: Call) -> Answer:
    return _bets(house, call, _open, 50)


def get_non_running_bets(house: House, call: Call) -> Answer:
    return _bets(house, call, lambda ticket: not _open(ticket), 100)


def get_bet_by_reference(house: House, call: Call) -> Answer:
    reference = call.query.get("betreference", "")
    answer = _bets(house, call, lambda ticket: ticket.order.reference == reference, 10_000)
    if answer.envelope["Data"] is None:
        return Answer({"Code": _NOT_FOUND, "Message": "Bet reference not found", "Data": None})
    return answer


def get_account_summary(house: House, call: Call) -> Answer:
    account = house.book.accounts[call.session.user]
    today = call.now_ms // DAY_MS
    amounts = {
        "Credit": account.credit_minor, "Outstanding": account.outstanding_minor,
        "TodayPnL": account.pnl_by_day.get(today, 0), "YesterdayPnL": account.pnl_by_day.get(today - 1, 0),
    }  # fmt: skip
    fields: dict[str, object] = {name: amount(minor) for name, minor in amounts.items()}
    fields |= dict.fromkeys([f"{name}Currency" for name in amounts], account.config.currency)
    return result(fields | {"Message": f"summary for {call.session.user}"}, message=None)


def _settled_on(house: House, call: Call, day: int) -> list[Ticket]:
    books = _words(call, "bookies")
    return [
        ticket
        for ticket in house.book.tickets(call.session.user)
        if (ticket.settled_ms or ticket.decided_ms or ticket.placed_ms) // DAY_MS == day
        and (books is None or ticket.order.bookie in books)
    ]


def _day(call: Call, name: str) -> int:
    try:
        moment = datetime.strptime(call.query.get(name, ""), "%m/%d/%Y").replace(tzinfo=UTC)
    except ValueError as e:
        raise Refused(-1, f"{name} must read MM/dd/yyyy") from e
    return int(moment.timestamp() * 1000) // DAY_MS


def _money(minor: int) -> str:
    return f"{minor / 100:,.2f}"


def get_history_statement(house: House, call: Call) -> Answer:
    account, items = house.book.accounts[call.session.user], []
    turnover = won = 0
    for day in range(_day(call, "from"), min(_day(call, "to"), call.now_ms // DAY_MS) + 1):
        settled = [ticket for ticket in _settled_on(house, call, day) if ticket.state is State.SETTLED]
        if not settled:
            continue
        day_turnover, day_won = sum(t.stake_minor for t in settled), sum(t.pnl_minor for t in settled)
        turnover, won = turnover + day_turnover, won + day_won
        items.append(
            {"DateDay": us_date(day * DAY_MS), "DateDayName": f"{datetime.fromtimestamp(day * DAY_MS / 1000, UTC):%A}",
             "Remark": "Betting", "Turnover": _money(day_turnover), "Commission": "0.00", "WinLoss": _money(day_won),
             "Balance": _money(_balance(account, day))}
        )  # fmt: skip
    totals = {"TotalCommission": "0.00", "TotalTurnover": _money(turnover), "TotalWinLoss": _money(won)}
    return result({"BetHistoryStatementItems": items, **totals})


def _balance(account: Account, day: int) -> int:
    """The balance at the end of a day: today's less what was won since."""
    later = sum(pnl for other, pnl in account.pnl_by_day.items() if other > day)
    return account.config.deposit_minor + account.pnl_minor - later


def get_bet_history_summary(house: House, call: Call) -> Answer:
    tickets = _settled_on(house, call, _day(call, "date"))
    rows = spoil_rows(house.faults, call.route, [_row(house, ticket, codes=True) for ticket in tickets])
    total = _money(sum(ticket.pnl_minor for ticket in tickets))
    return result({"BetSummaries": rows, "SubTotalCommision": "0.00", "SubTotalProfitAndLost": total, "Total": total})


def get_user_information(house: House, call: Call) -> Answer:
    account = house.book.accounts[call.session.user].config
    return result(
        {"ActiveBookies": list(account.bookies), "BaseCurrency": account.currency, "CreationDate": 1_700_000_000_000,
         "DefaultStake": 0, "ExpiryDate": 4_102_444_800_000, "ExternalIp": call.ip, "OddsType": "MY", "Status": "Active",
         "UserId": call.session.user}
    )  # fmt: skip


METHODS = {
    "login": Method("GET", login, needs_session=False),
    "register": Method("GET", register, needs_session=False),
    "logout": Method("GET", logout),
    "isloggedin": Method("GET", is_logged_in),
    "getsports": Method("GET", get_sports),
    "getbookies": Method("GET", get_bookies),
    "getleagues": Method("GET", get_leagues),
    "getmatches": Method("GET", get_matches),
    "getfeeds": Method("GET", get_feeds),
    "getplacementinfo": Method("POST", get_placement_info),
    "placebet": Method("POST", place_bet),
    "getbets": Method("GET", get_bets),
    "getrunningbets": Method("GET", get_running_bets),
    "getnonrunningbets": Method("GET", get_non_running_bets),
    "getbetbyreference": Method("GET", get_bet_by_reference),
    "getaccountsummary": Method("GET", get_account_summary),
    "gethistorystatement": Method("GET", get_history_statement),
    "getbethistorysummary": Method("GET", get_bet_history_summary),
    "getuserinformation": Method("GET", get_user_information),
}
