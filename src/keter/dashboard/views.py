"""Domain values as the rows that the API sends. Pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from keter.dashboard.models import Beat, BetRow, SeriesPoint, SignalRow, Snapshot, StatusAnswer
from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Market, line_text, sport_code, stored_selection
from keter.domain.money import money_text
from keter.domain.order_states import PLACED, SETTLED
from keter.domain.orders import Order
from keter.domain.signals import Decision
from keter.domain.sports import SPORTS
from keter.domain.trading import ExecutionMode, TradingMode, betting_word
from keter.domain.verdicts import Reason

KIND_TEXT = {
    MarketKind.ONE_X_TWO: "1X2",
    MarketKind.ASIAN_HANDICAP: "Handicap",
    MarketKind.OVER_UNDER: "Over/under",
    MarketKind.MONEY_LINE: "Money line",
}
# Sports that are not modelled: an account may have bets on them that are not ours.
OTHER_SPORT_TEXT = {"af": "American football", "mm": "martial arts"}
DESCRIPTIONS = {reason.value: reason.description for reason in Reason}


def market_text(market: Market) -> str:
    """Return the market in words, as ``Over/under, half time``; the line goes with the side."""
    words = [KIND_TEXT[market.family]]
    if market.kind != market.family:  # the sport has several of the kind: say what it counts
        words.append(market.unit.value)
    period = market.of.period(market.period)
    if period is not market.of.periods[0]:
        words.append(period.name)
    return ", ".join(words)


def outcome_text(market: Market, outcome: Outcome, home: str, away: str) -> str:
    """Return the outcome in words: a team with its line, or Draw, Over, Under with the line."""
    if outcome in {Outcome.OVER, Outcome.UNDER}:
        return f"{outcome.value.capitalize()} {line_text(market.line_q or 0)}"
    if outcome is Outcome.DRAW:
        return "Draw"
    name = home if outcome is Outcome.HOME else away
    if market.family is not MarketKind.ASIAN_HANDICAP or market.line_q is None:
        return name
    own = market.line_q if outcome is Outcome.HOME else -market.line_q
    return f"{name} {'+' if own > 0 else ''}{line_text(own)}"


def selection_text(event_uid: str, selection_id: str, home: str, away: str) -> str:
    """Return the selection of an id in words; the id itself when it cannot be read."""
    try:
        market, outcome = stored_selection(event_uid, selection_id)
    except ValueError:
        return selection_id
    return f"{outcome_text(market, outcome, home, away)}, {market_text(market)}"


def event_text(event_uid: str) -> str:
    """Return ``Alpha Fc v Beta Fc`` for ``fb-20260221-alpha-fc-v-beta-fc``.

    Any other id is returned as it is.
    """
    parts = event_uid.split("-", 2)
    home, found, away = parts[-1].partition("-v-")
    if len(parts) < 3 or not found:
        return event_uid
    return f"{home.replace('-', ' ').title()} v {away.replace('-', ' ').title()}"


def sport_text(event_uid: str) -> str:
    """Return ``football`` for ``fb-20260221-alpha-fc-v-beta-fc``.

    A sport without a word here is returned as its code.
    """
    code = sport_code(event_uid)
    sport = SPORTS.get(code)
    return sport.name if sport is not None else OTHER_SPORT_TEXT.get(code, code)


def reason_text(code: str | None) -> str | None:
    """Return the sentence of a reason code; the code itself where it is a venue's own word."""
    return DESCRIPTIONS.get(code, code) if code is not None else None


def percent_text(value: float) -> str:
    """Return a number of percent as text."""
    return f"{value:.2f}"


def odds_text(value: float) -> str:
    """Return odds with three decimals, cut and never rounded up."""
    return str((Decimal(str(value)) * 1000).to_integral_value("ROUND_FLOOR") / 1000)


def clv_pct(bet: Order) -> str | None:
    """Return by how many percent the taken price beat the fair closing price.

    None without either.
    """
    if bet.closing_fair_odds is None or bet.odds is None:
        return None
    try:
        return str(
            (Decimal(bet.odds) / Decimal(str(bet.closing_fair_odds)) * 100 - 100).quantize(
                Decimal("0.01")
            )
        )
    except InvalidOperation:
        return None


def order_row(bet: Order) -> BetRow:
    """Return a bet as a row."""
    intent, placed, pnl = bet.intent, bet.standing_minor, bet.pnl_minor
    booked = bet.state in PLACED
    return BetRow(
        id=intent.intent_id,
        trace_id=intent.trace_id,
        at=intent.created_at,
        updated_at=bet.updated_at,
        mode=intent.mode.value,
        state=bet.state.value,
        event_uid=intent.event_uid,
        sport=sport_text(intent.event_uid),
        home=intent.home,
        away=intent.away,
        league=intent.league,
        kickoff=intent.kickoff,
        market=intent.market.market_id,
        market_text=market_text(intent.market),
        outcome=intent.outcome.value,
        outcome_text=outcome_text(intent.market, intent.outcome, intent.home, intent.away),
        book=bet.book or intent.book,
        asked_odds=intent.asked_odds,
        odds=bet.odds,
        fair_odds=odds_text(intent.fair_odds),
        ev_pct=percent_text(intent.ev_pct),
        stake=money_text(intent.stake_minor),
        placed_stake=money_text(placed) if booked and placed else None,
        pnl=money_text(pnl) if bet.state in SETTLED and pnl is not None else None,
        reason=bet.reason,
        reason_text=reason_text(bet.reason),
        ticket=bet.ticket_id,
        settled_at=bet.settled_at,
        clv_pct=clv_pct(bet),
    )


def signal_row(decision: Decision) -> SignalRow:
    """Return a gate's decision as a row."""
    home, away = (
        str(decision.details.get("home", "Home")),
        str(decision.details.get("away", "Away")),
    )
    named = "home" in decision.details and "away" in decision.details
    return SignalRow(
        trace_id=decision.trace_id,
        at=decision.at,
        stage=decision.stage,
        worker=decision.worker,
        event_uid=decision.event_uid,
        event_text=f"{home} v {away}" if named else event_text(decision.event_uid),
        selection_id=decision.selection_id,
        selection_text=selection_text(decision.event_uid, decision.selection_id, home, away),
        accepted=decision.verdict.accepted,
        reason=decision.verdict.reason.value,
        reason_text=decision.verdict.reason.description,
        numbers=shown_numbers(decision.verdict.numbers),
    )


def pnl_series(settled: Sequence[tuple[datetime, int]], since: datetime) -> list[SeriesPoint]:
    """Return the profit summed up bet by bet, beginning with zero at ``since``.

    ``settled`` are (time, minor units) in order of time.
    """
    total = 0
    points = [SeriesPoint(at=since, value=money_text(0))]
    for moment, pnl_minor in settled:
        total += pnl_minor
        points.append(SeriesPoint(at=moment, value=money_text(total)))
    return points


def shown_numbers(numbers: dict[str, Any]) -> dict[str, Any]:
    """Return a verdict's numbers for people: minor units become money under the plain name."""
    return {
        name.removesuffix("_minor"): money_text(value)
        if name.endswith("_minor") and isinstance(value, int)
        else value
        for name, value in numbers.items()
    }


def status_answer(
    mode: ExecutionMode, now: Snapshot | None, problem: str | None, *, halted: bool
) -> StatusAnswer:
    """Return the short form for scripts.

    ``now`` is None while nobody knows. ``problem`` then says why, and a HALT file still counts.
    """
    if now is None:
        return _unknown_status(mode, problem, halted=halted)
    money = now.money
    return StatusAnswer(
        mode=mode.value,
        state=betting_word(
            now.trading.mode, live=mode is ExecutionMode.LIVE, armed=now.trading.armed
        ),
        armed=now.trading.armed,
        following=now.trading.following,
        balance=money.balance if money else None,
        outstanding=money.outstanding if money else None,
        pnl_today=money.pnl_today if money else None,
        confirmed=money.confirmed if money else None,
        rejected=money.rejected if money else None,
        heartbeats=_beats(now),
        settings_differ=now.trading.settings_differ,
        problem="; ".join(filter(None, [now.trading.problem, *now.problems])) or None,
    )


def _unknown_status(mode: ExecutionMode, problem: str | None, *, halted: bool) -> StatusAnswer:
    return StatusAnswer(
        mode=mode.value,
        state=TradingMode.HALTED.value if halted else None,
        armed=None,
        following=None,
        problem=problem,
        heartbeats=None,
        settings_differ=None,
        balance=None,
        outstanding=None,
        pnl_today=None,
        confirmed=None,
        rejected=None,
    )


def _beats(now: Snapshot) -> dict[str, Beat]:
    return {
        worker.worker: Beat(
            age_s=round(max(0.0, (now.at - worker.beat_at).total_seconds()), 3),
            pid=worker.pid,
            version=worker.version,
        )
        for worker in now.workers
        if worker.beat_at is not None
    }
