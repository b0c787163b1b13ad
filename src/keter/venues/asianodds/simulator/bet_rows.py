"""Tickets as the venue's rows: states in words (GetBets family) or in codes (history). Pure."""

from keter.domain.markets import line_text
from keter.venues.asianodds.simulator.book import State, Ticket
from keter.venues.asianodds.simulator.wording import amount, favoured, odds_text

_KICKOFF_SHIFT_MS = 8 * 3_600_000  # the venue's bet rows run eight hours ahead of UTC
_GAME_TYPES = {"H": "Handicap", "O": "Over/Under", "X": "1X2"}
_BET_TYPES = {
    ("H", "home"): "HDP Home",
    ("H", "away"): "HDP Away",
    ("O", "over"): "Over",
    ("O", "under"): "Under",
    ("X", "home"): "1",
    ("X", "draw"): "X",
    ("X", "away"): "2",
}
_CODES = {
    State.PENDING: "0",
    State.RUNNING: "1",
    State.REFUSED: "8",
    State.SETTLED: "2",
    State.VOID: "V",
}


def _word_status(ticket: Ticket) -> str:
    """Return Won or Lost by the sign of the result; Settled if the stake came back."""
    if ticket.state is not State.SETTLED:
        return {
            State.PENDING: "Pending",
            State.RUNNING: "Running",
            State.REFUSED: "Rejected",
            State.VOID: "Void",
        }[ticket.state]
    return "Won" if ticket.pnl_minor > 0 else "Lost" if ticket.pnl_minor < 0 else "Settled"


def bet_row(ticket: Ticket, currency: str, *, codes: bool, hdp_sign: str) -> dict[str, object]:
    """Return one bet row. Scores are strings, -1 where unknown.

    ``codes``: the state as a code. ``hdp_sign`` "away" signs handicaps from the away side.
    """
    order, selection = ticket.order, ticket.order.selection
    kind, full = selection.slot
    side = favoured(selection.line_q or 0) if kind == "H" else 0
    ticket_ms = ticket.placed_ms if ticket.decided_ms is None else ticket.decided_ms
    return {
        "BetPlacementReference": order.reference,
        "ReferenceNumber": ticket.ticket_id,
        "InternalReferenceNumber": ticket.ticket_id,
        "Bookie": order.bookie,
        "Status": _CODES[ticket.state] if codes else _word_status(ticket),
        "GameType": _GAME_TYPES[kind],
        "BetType": _BET_TYPES[kind, selection.name],
        "Term": "FT" if full else "HT",
        "HdpOrGoal": _line(ticket, hdp_sign),
        "Odds": float(odds_text(ticket.odds_milli, order.odds_format)),
        "OddsType": order.odds_format,
        "Stake": amount(ticket.stake_minor),
        "Currency": currency,
        "HomeName": order.home,
        "AwayName": order.away,
        **_scores(ticket, full=full),
        "LeagueName": order.league,
        "KickoffTime": order.start_ms + _KICKOFF_SHIFT_MS,
        "TicketDate": ticket_ms // 1000 * 1000,
        "SportsType": order.sport,
        "Favoured": side,
        "FullTimeFavoured": side if full else 0,
        "HalfTimeFavoured": 0 if full else side,
        "ClientType": 2,
        "Pnl": amount(ticket.pnl_minor),
        "PnlInfo": ticket.pnl_info,
        "BetPlacementMessage": ticket.message,
    }


def _scores(ticket: Ticket, *, full: bool) -> dict[str, object]:
    at_bet, unknown = ticket.order.score, (-1, -1)
    final = (ticket.final or unknown) if full else unknown
    half = ticket.half_time or unknown
    return {
        "HomeScore": str(at_bet[0]),
        "AwayScore": str(at_bet[1]),
        "FullTimeHomeScore": str(final[0]),
        "FullTimeAwayScore": str(final[1]),
        "HalfTimeHomeScore": str(half[0]),
        "HalfTimeAwayScore": str(half[1]),
    }


def _line(ticket: Ticket, hdp_sign: str) -> str:
    selection = ticket.order.selection
    if selection.line_q is None:
        return ""
    if selection.slot[0] == "H" and hdp_sign == "away":
        return line_text(-selection.line_q)
    return line_text(abs(selection.line_q))
