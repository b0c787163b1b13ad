"""Methods about bets and money: placement, bet lists, account, history."""

from collections.abc import Callable
from datetime import UTC, datetime

from keter.domain.money import grouped_text
from keter.venues.asianodds.simulator.bet_rows import bet_row
from keter.venues.asianodds.simulator.book import DAY_MS, Account, State, Ticket
from keter.venues.asianodds.simulator.calls import Answer, Call, data, result, words
from keter.venues.asianodds.simulator.decisions import Mistake
from keter.venues.asianodds.simulator.faults import FaultKind
from keter.venues.asianodds.simulator.house import House
from keter.venues.asianodds.simulator.quoting import quote_json
from keter.venues.asianodds.simulator.requests import FAILED, Refused
from keter.venues.asianodds.simulator.spoil import spoil_rows
from keter.venues.asianodds.simulator.wording import amount, us_date

_NO_ROWS, _NOT_FOUND = 300, -200


def get_placement_info(house: House, call: Call) -> Answer:
    target, quotes = house.quoting.quotes(call.session, call.body)
    currency = house.book.accounts[call.session.user].config.currency
    found = [
        quote_json(target, quote, currency, house.config.protocol.price_field) for quote in quotes
    ]
    wait_s = max((quote.after_s for quote in quotes), default=0.0)
    return Answer({"Code": 0, "Message": "", "Result": {"OddsPlacementData": found}}, wait_s)


def place_bet(house: House, call: Call) -> Answer:
    plan = house.placing.prepare(call.session, call.body, call.now_ms)
    tickets = house.placing.send(plan, call.now_ms, _mistake(house, call.route))
    house.book.advance(call.now_ms, [])
    sent = [
        {"Bookie": t.order.bookie, "PlacedSuccessfully": True, "ReturnCode": 0, "Message": ""}
        for t in tickets
    ]
    return result(
        {"BetPlacementReference": plan.reference, "Message": "sent", "PlacementData": sent}
    )


def _mistake(house: House, route: str) -> Mistake | None:
    """Return what the book gets wrong about this placement; None if nothing."""
    stake = house.faults.take(FaultKind.WRONG_STAKE, route)
    odds = house.faults.take(FaultKind.WRONG_PRICE, route)
    revoked = house.faults.take(FaultKind.REFUSED_LATER, route)
    if stake is None and odds is None and revoked is None:
        return None
    return Mistake(
        stake.number("factor") if stake else 1.0,
        odds.number("factor") if odds else 1.0,
        revoked.number("after_s") if revoked else None,
    )


def _bets(house: House, call: Call, wanted: Callable[[Ticket], bool], cap: int) -> Answer:
    """Answer with the newest ``cap`` bets; one that has only just been sent is left out."""
    transit_ms = house.config.protocol.transit_s * house.config.delay_scale * 1000
    mine = house.book.tickets(call.session.user)
    found = [t for t in reversed(mine) if wanted(t) and call.now_ms >= t.placed_ms + transit_ms]
    rows = [_row(house, ticket, codes=False) for ticket in found[:cap]]
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
        "Credit": account.credit_minor,
        "Outstanding": account.outstanding_minor,
        "TodayPnL": account.pnl_by_day.get(today, 0),
        "YesterdayPnL": account.pnl_by_day.get(today - 1, 0),
    }
    fields: dict[str, object] = {name: amount(minor) for name, minor in amounts.items()}
    fields |= dict.fromkeys([f"{name}Currency" for name in amounts], account.config.currency)
    return result(fields | {"Message": f"summary for {call.session.user}"}, message=None)


def _by_day(house: House, call: Call, first: int, last: int) -> dict[int, list[Ticket]]:
    """Return the customer's tickets by day, the oldest first.

    The day is that of the settlement, else of the decision, else of the placement.
    """
    books, days = words(call, "bookies"), dict[int, list[Ticket]]()
    for ticket in house.book.tickets(call.session.user):
        day = (ticket.settled_ms or ticket.decided_ms or ticket.placed_ms) // DAY_MS
        if first <= day <= last and (books is None or ticket.order.bookie in books):
            days.setdefault(day, []).append(ticket)
    return dict(sorted(days.items()))


def _day(call: Call, name: str) -> int:
    try:
        moment = datetime.strptime(call.query.get(name, ""), "%m/%d/%Y").replace(tzinfo=UTC)
    except ValueError as e:
        raise Refused(FAILED, f"{name} must read MM/dd/yyyy") from e
    return int(moment.timestamp() * 1000) // DAY_MS


def get_history_statement(house: House, call: Call) -> Answer:
    account, items = house.book.accounts[call.session.user], []
    turnover = won = 0
    for day, tickets in _by_day(house, call, _day(call, "from"), _day(call, "to")).items():
        settled = [ticket for ticket in tickets if ticket.state is State.SETTLED]
        if settled:
            day_turnover = sum(ticket.stake_minor for ticket in settled)
            day_won = sum(ticket.pnl_minor for ticket in settled)
            turnover, won = turnover + day_turnover, won + day_won
            items.append(_statement_day(account, day, day_turnover, day_won))
    totals = {
        "TotalCommission": "0.00",
        "TotalTurnover": grouped_text(turnover),
        "TotalWinLoss": grouped_text(won),
    }
    return result({"BetHistoryStatementItems": items, **totals})


def _statement_day(account: Account, day: int, turnover: int, won: int) -> dict[str, str]:
    return {
        "DateDay": us_date(day * DAY_MS),
        "DateDayName": f"{datetime.fromtimestamp(day * DAY_MS / 1000, UTC):%A}",
        "Remark": "Betting",
        "Turnover": grouped_text(turnover),
        "Commission": "0.00",
        "WinLoss": grouped_text(won),
        "Balance": grouped_text(_balance(account, day)),
    }


def _balance(account: Account, day: int) -> int:
    """Return the balance at the end of a day: today's less what was won since."""
    later = sum(pnl for other, pnl in account.pnl_by_day.items() if other > day)
    return account.config.deposit_minor + account.pnl_minor - later


def get_bet_history_summary(house: House, call: Call) -> Answer:
    day = _day(call, "date")
    tickets = _by_day(house, call, day, day).get(day, [])
    rows = spoil_rows(
        house.faults, call.route, [_row(house, ticket, codes=True) for ticket in tickets]
    )
    total = grouped_text(sum(ticket.pnl_minor for ticket in tickets))
    return result(
        {
            "BetSummaries": rows,
            "SubTotalCommision": "0.00",
            "SubTotalProfitAndLost": total,
            "Total": total,
        }
    )
