"""Is the edge real? Pure.

Profit, turnover and yield beside what was expected, and how the closing price judged the bets.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from decimal import ROUND_HALF_EVEN, Decimal

from keter.dashboard.models import PerformanceRow
from keter.dashboard.views import KIND_TEXT, clv_pct, sport_text
from keter.domain.days import day_of
from keter.domain.money import money_text, round_to_minor
from keter.domain.order_states import SETTLED
from keter.domain.orders import Order

_HUNDREDTH = Decimal("0.01")
EDGE_BANDS = ((2, "below 2 %"), (5, "2 to 5 %"), (10, "5 to 10 %"), (float("inf"), "10 % and more"))


def edge_band(ev_pct: float) -> str:
    """Return the band of an expected value in percent; its lower end belongs to it."""
    return next(name for top, name in EDGE_BANDS if ev_pct < top or top == float("inf"))


def grouping(by: str, zone: tzinfo) -> Callable[[Order], str]:
    """Return what gives a bet its group; ``by`` is book, sport, market, league, edge or day.

    Days are those of ``zone``.
    """
    found: dict[str, Callable[[Order], str]] = {
        "book": lambda bet: bet.book or bet.intent.book,
        "sport": lambda bet: sport_text(bet.intent.event_uid),
        "market": lambda bet: f"{KIND_TEXT[bet.intent.market.family]}, {bet.intent.market.period}",
        "league": lambda bet: bet.intent.league,
        "edge": lambda bet: edge_band(bet.intent.ev_pct),
        "day": lambda bet: day_of(bet.settled_at or bet.updated_at, zone),
    }
    return found[by]


def settled_only(bets: Iterable[Order]) -> list[Order]:
    """Return the bets with a result; the others say nothing of the edge yet."""
    return [bet for bet in bets if bet.state in SETTLED and bet.pnl_minor is not None]


def summarise(group: str, bets: Sequence[Order]) -> PerformanceRow:
    """Return one row over settled bets.

    A bet without closing price is left out of their mean and not counted there.
    """
    turnover = sum(bet.standing_minor for bet in bets)
    pnl = sum(bet.pnl_minor or 0 for bet in bets)
    expected = sum(
        (Decimal(bet.standing_minor) * Decimal(str(bet.intent.ev_pct)) / 100 for bet in bets),
        Decimal(0),
    )
    known = [Decimal(value) for bet in bets if (value := clv_pct(bet)) is not None]
    mean = (
        (sum(known, Decimal(0)) / len(known)).quantize(_HUNDREDTH, ROUND_HALF_EVEN)
        if known
        else None
    )
    return PerformanceRow(
        group=group,
        bets=len(bets),
        turnover=money_text(turnover),
        pnl=money_text(pnl),
        yield_pct=str((Decimal(pnl) * 100 / turnover).quantize(_HUNDREDTH, ROUND_HALF_EVEN))
        if turnover
        else None,
        expected=money_text(round_to_minor(expected / 100)),
        clv_pct=str(mean) if mean is not None else None,
        clv_count=len(known),
    )


def by_group(bets: Sequence[Order], key: Callable[[Order], str]) -> list[PerformanceRow]:
    """Return one row per group, most turnover first."""
    groups: dict[str, list[Order]] = {}
    for bet in bets:
        groups.setdefault(key(bet), []).append(bet)
    rows = [summarise(group, members) for group, members in groups.items()]
    return sorted(rows, key=lambda row: (-Decimal(row.turnover), row.group))
