"""Backtest of the edge gate and the stake rules on football-data files.

Its result is the bets that would have been made, with their value and their profit.

One sharp book (Pinnacle) is the consensus, so ``MIN_SHARP_SOURCES`` is 1 here. The files have no
times: a price counts as seen and confirmed one minute before kick-off. Handicap value is per unit
of action (no push model). There is at most one bet on a selection, at the best price of the chosen
books.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path

from keter.betting_settings import RiskSettings, StakeSettings
from keter.domain.days import day_of
from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Event, Market, Phase
from keter.domain.money import to_minor
from keter.domain.order_states import SETTLED
from keter.domain.quotes import BookPrices, MarketUpdate, VenueRef
from keter.domain.signals import ConfirmedSignal, ValidatedMarket
from keter.domain.sports import FOOTBALL
from keter.domain.sports_scores import FootballScore
from keter.domain.sports_settlement import settle_sport
from keter.domain.verdicts import Reason
from keter.errors import PricingError
from keter.pricing.goals import fit_home_away
from keter.pricing.lines import move_handicap
from keter.pricing.margin import fair
from keter.replay.football import (
    ONE_X_TWO,
    PINNACLE,
    TOTAL_2_5,
    Fixture,
    Moment,
    Skipped,
    csv_files,
    read_fixtures,
)
from keter.replay.records import BetRecord
from keter.risk.gate import RiskLimits, stake_for
from keter.strategies.value.edge import evaluate
from keter.strategies.value.settings import EdgeSettings

_BEFORE_KICKOFF = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """What to bet.

    ``moment`` is when the books' prices are taken. ``sharp_moment`` is when the Pinnacle price is
    taken that they are compared with.

    With ``sharp_moment`` CLOSE the result is that of a perfect forecast of the close. It measures
    the market and is no strategy.
    """

    edge: EdgeSettings
    stake: StakeSettings
    risk: RiskSettings
    books: tuple[str, ...] = ("MAX",)
    kinds: frozenset[MarketKind] = frozenset(
        {MarketKind.ONE_X_TWO, MarketKind.ASIAN_HANDICAP, MarketKind.OVER_UNDER}
    )
    moment: Moment = Moment.EARLIER
    sharp_moment: Moment = Moment.EARLIER


@dataclass(slots=True)
class Backtest:
    """What was read and what was bet, in the order of the files.

    ``above_ceiling`` counts the selections left out because their value is above ``EV_MAX_PCT``:
    their best price was taken for an error.
    """

    files: list[str] = field(default_factory=list)
    fixtures: int = 0
    markets: int = 0
    above_ceiling: int = 0
    bets: list[BetRecord] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def run(
    paths: Iterable[Path], rules: Rules, progress: Callable[[int, int], None] = lambda _, __: None
) -> Backtest:
    """Run the backtest over all files. Raises UsageError for unusable paths.

    ``progress`` is called with (fixtures, bytes): for each fixture read, and after each file with
    its size.
    """
    result = Backtest()
    for path in csv_files(paths):
        result.files.append(path.name)
        for row in read_fixtures(path):
            if isinstance(row, Skipped):
                result.skipped.append(row)
                continue
            result.fixtures += 1
            for market in _markets(row, rules):
                result.markets += 1
                _bet_on(row, market, rules, result)
            progress(1, 0)
        progress(0, path.stat().st_size)
    return result


def _markets(fixture: Fixture, rules: Rules) -> Iterator[Market]:
    candidates = [ONE_X_TWO, TOTAL_2_5]
    if rules.moment in fixture.handicaps:
        candidates.append(fixture.handicaps[rules.moment])
    for market in candidates:
        sharp = fixture.prices.get((rules.sharp_moment, market), {})
        if market.family in rules.kinds and PINNACLE in sharp:
            yield market


def _bet_on(fixture: Fixture, market: Market, rules: Rules, result: Backtest) -> None:
    validated = _validated(fixture, market, rules)
    if validated is None:
        return
    for outcome, verdict, _, signal in evaluate(validated, rules.edge, validated.validated_at):
        result.above_ceiling += verdict.reason is Reason.EV_TOO_HIGH
        if signal is not None:
            stake = stake_for(signal, RiskLimits(rules.risk, rules.stake))
            if stake >= max(to_minor(rules.stake.min_stake), 1):
                result.bets.append(_record(fixture, outcome, signal, stake, rules))


def _validated(fixture: Fixture, market: Market, rules: Rules) -> ValidatedMarket | None:
    """Return the market as the edge gate takes it, or None if no chosen book has a price.

    Pinnacle's prices are those of ``sharp_moment``, the books' those of ``moment``.
    """
    offered = fixture.prices.get((rules.moment, market), {})
    books = {book: offered[book] for book in rules.books if book in offered}
    if not books:
        return None
    books[PINNACLE] = fixture.prices[rules.sharp_moment, market][PINNACLE]
    seen = fixture.kickoff - _BEFORE_KICKOFF
    quotes = tuple(
        [
            BookPrices(b, tuple([float(t) for t in texts]), texts, seen, seen)
            for b, texts in books.items()
        ]
    )
    event = Event(
        fixture.uid, FOOTBALL.code, fixture.division, fixture.home, fixture.away, fixture.kickoff
    )
    update = MarketUpdate(
        fixture.uid,
        "backtest",
        event,
        market,
        Phase.TODAY,
        VenueRef("football-data", fixture.uid),
        quotes,
        True,
        seen,
    )
    return ValidatedMarket(update, quotes, {}, seen)


def _record(
    fixture: Fixture, outcome: Outcome, signal: ConfirmedSignal, stake: int, rules: Rules
) -> BetRecord:
    market, best = signal.update.market, signal.offers[0]
    settled = settle_sport(
        market,
        outcome,
        FootballScore(fixture.goals),
        odds=Decimal(best.text),
        stake_minor=stake,
    )
    return BetRecord(
        bet_id=f"{fixture.uid}|{signal.selection_id}",
        mode="BACKTEST",
        event_uid=fixture.uid,
        day=day_of(fixture.kickoff, UTC),
        league=fixture.division,
        book=best.book,
        kind=market.kind,
        selection_id=signal.selection_id,
        odds=best.odds,
        stake_minor=stake,
        pnl_minor=settled.profit_minor,
        state=settled.state.value if settled.state in SETTLED else "",
        ev_pct=best.ev_pct,
        fair_p=signal.fair.effective_p,
        closing_p=_closing_p(fixture, market, outcome, rules.edge),
        modelled_p=_modelled_p(fixture, market, outcome, rules.edge),
        placed_at=fixture.kickoff - _BEFORE_KICKOFF,
        kickoff=fixture.kickoff,
    )


def _closing_p(
    fixture: Fixture, market: Market, outcome: Outcome, edge: EdgeSettings
) -> float | None:
    """Return Pinnacle's closing probability of the selection, or None without a close.

    The close must be of the bet's own line.
    """
    p = _close(fixture, market, edge)
    return None if p is None else p[market.outcomes.index(outcome)]


def _close(fixture: Fixture, market: Market, edge: EdgeSettings) -> tuple[float, ...] | None:
    """Return Pinnacle's closing probabilities of the market without margin, or None."""
    texts = fixture.prices.get((Moment.CLOSE, market), {}).get(PINNACLE)
    if texts is None:
        return None
    try:
        return fair([float(text) for text in texts], edge.devig_method(market.family)).p
    except PricingError:
        return None


def _modelled_p(
    fixture: Fixture, market: Market, outcome: Outcome, edge: EdgeSettings
) -> float | None:
    """Return Pinnacle's close of another handicap line, moved to the bet's line.

    It is moved by a goal model whose total comes from the closing 1X2. Returns None if the closing
    line is the bet's, is more than two quarter steps away, or a price is missing.
    """
    closing = fixture.handicaps.get(Moment.CLOSE)
    if market.family is not MarketKind.ASIAN_HANDICAP or closing is None or closing == market:
        return None
    moved, result = _close(fixture, closing, edge), _close(fixture, ONE_X_TWO, edge)
    if moved is None or result is None:
        return None
    try:
        goals = fit_home_away(result[0], result[2])
        p_home = move_handicap(
            moved[0], closing.line_q or 0, market.line_q or 0, goals.home + goals.away
        )
    except PricingError:
        return None
    return p_home if outcome is Outcome.HOME else 1 - p_home
