"""Edge or luck?

What a set of bets says of itself: yield, closing line value, calibration, drawdown, attribution.

Intervals are cluster-robust: bets of one day (yield) or of one event (closing value) count as one
observation, because they win and lose together. Nothing here is given out as zero for want of data:
it is None, with the number of bets it rests on. Formulas: betting mathematics reference, section 7;
Wilson 1927 for the calibration intervals.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import msgspec

from keter.domain.bets import SETTLED, BetState
from keter.pricing.analytics import calibration, clustered_ratio, mean_t, scores
from keter.replay.records import BetRecord

Z_95 = 1.959963984540054
_LOSSES = frozenset({BetState.LOST.value, BetState.HALF_LOST.value})
_WINS = frozenset({BetState.WON.value, BetState.HALF_WON.value})


class Estimate(msgspec.Struct, frozen=True):
    """A mean with its 95 % interval and t-value over ``n`` bets in ``clusters``; the interval is
    None below two clusters.

    ``t_single`` is the t-value that takes every bet for one observation: larger where bets win and
    lose together.
    """

    value: float
    low: float | None
    high: float | None
    t: float | None
    n: int
    clusters: int
    t_single: float | None = None


class Bin(msgspec.Struct, frozen=True):
    """Bets of similar fair probability: how often they should have won, how often they did, Wilson
    95 % interval.
    """

    n: int
    expected: float
    actual: float
    low: float
    high: float


class Slice(msgspec.Struct, frozen=True):
    """Bets that share a league, book, market kind, odds band or time to start.

    Money in minor units.
    """

    name: str
    n: int
    turnover_minor: int
    pnl_minor: int
    yield_: float
    clv: float | None
    n_clv: int


class Attribution(msgspec.Struct, frozen=True):
    """Where the profit of the ``n`` bets with a close came from; the four parts sum to it.

    Money in minor units.

    ``promised`` is the value the gate saw, ``slippage`` what other odds than those asked for cost,
    ``drift`` what the price still did until the close, ``luck`` the results less their value at the
    close.
    """

    n: int
    promised_minor: float
    slippage_minor: float
    drift_minor: float
    luck_minor: float


class Performance(msgspec.Struct, frozen=True):
    """The whole account of some bets.

    Money in minor units, settled bets only, ``open`` counted apart.

    ``clv_modelled`` is that of bets whose own line had no close and whose close was moved from
    another: no part of ``clv``. ``expected_minor`` is what the gate promised at the bet,
    ``closing_minor`` what the close says it was worth (on the bets that have a close),
    ``luck_minor`` the rest of those bets' profit. Scores are of the fair probability on bets that
    were wholly won or lost.
    """

    bets: int
    open: int
    turnover_minor: int
    pnl_minor: int
    yield_: Estimate | None
    clv: Estimate | None
    clv_missing: int
    clv_modelled: Estimate | None
    beat_close: float | None
    expected_minor: float
    closing_minor: float | None
    luck_minor: float | None
    attribution: Attribution | None
    brier: float | None
    log_loss: float | None
    calibration: tuple[Bin, ...]
    max_drawdown_minor: int
    longest_win_streak: int
    longest_losing_streak: int
    slices: dict[str, tuple[Slice, ...]]


class Point(msgspec.Struct, frozen=True):
    """After a day's bets: profit so far and the distance below its highest point, in minor
    units.
    """

    day: str
    pnl_minor: int
    drawdown_minor: int


def performance(records: Iterable[BetRecord]) -> Performance:
    """Measures settled bets of ONE mode. Raises ValueError when DRY, LIVE or BACKTEST are mixed."""
    every = list(records)
    if len({record.mode for record in every}) > 1:
        raise ValueError("DRY, LIVE and backtest bets are never measured together")
    bets = sorted((r for r in every if r.state in SETTLED and r.pnl_minor is not None), key=_order)
    with_close = [bet for bet in bets if bet.clv is not None]
    modelled = [bet for bet in bets if bet.clv is None and bet.modelled_clv is not None]
    closing = sum(bet.stake_minor * (bet.clv or 0.0) for bet in with_close) if with_close else None
    wins, losses = _streaks(bets)
    forecasts = _forecasts(bets)
    brier, log_loss = _scores(*forecasts)
    return Performance(
        bets=len(bets),
        open=len(every) - len(bets),
        turnover_minor=_turnover(bets),
        pnl_minor=_pnl(bets),
        yield_=_ratio(bets, lambda b: b.pnl_minor or 0, lambda b: b.stake_minor, lambda b: b.day),
        clv=_ratio(with_close, lambda b: b.clv or 0.0, lambda _: 1.0, lambda b: b.event_uid),
        clv_missing=len(bets) - len(with_close),
        clv_modelled=_ratio(
            modelled, lambda b: b.modelled_clv or 0.0, lambda _: 1.0, lambda b: b.event_uid
        ),
        beat_close=sum(1 for b in with_close if (b.clv or 0.0) > 0) / len(with_close)
        if with_close
        else None,
        expected_minor=sum(bet.stake_minor * bet.ev_pct / 100 for bet in bets),
        closing_minor=closing,
        luck_minor=None if closing is None else _pnl(with_close) - closing,
        attribution=_attribution(with_close),
        brier=brier,
        log_loss=log_loss,
        calibration=_calibration(*forecasts),
        max_drawdown_minor=max((point.drawdown_minor for point in equity(bets)), default=0),
        longest_win_streak=wins,
        longest_losing_streak=losses,
        slices={name: slices(bets, of) for name, of in _dimensions(every).items()},
    )


def _attribution(bets: Sequence[BetRecord]) -> Attribution | None:
    """Of bets with a close; None without any."""
    if not bets:
        return None
    promised = sum(bet.stake_minor * bet.ev_pct / 100 for bet in bets)
    slippage = sum(
        bet.stake_minor * bet.fair_p * (bet.odds - (bet.asked_odds or bet.odds)) for bet in bets
    )
    closing = sum(bet.stake_minor * (bet.clv or 0.0) for bet in bets)
    return Attribution(
        len(bets), promised, slippage, closing - promised - slippage, _pnl(bets) - closing
    )


def equity(bets: Iterable[BetRecord]) -> list[Point]:
    """Profit and drawdown bet by bet, in the order of kick-off. Unsettled bets are passed over."""
    total = peak = 0
    points = []
    for bet in sorted((b for b in bets if b.pnl_minor is not None), key=_order):
        total += bet.pnl_minor or 0
        peak = max(peak, total)
        points.append(Point(bet.day, total, peak - total))
    return points


def slices(bets: Iterable[BetRecord], name_of: Callable[[BetRecord], str]) -> tuple[Slice, ...]:
    """The bets apart by name, largest turnover first."""
    groups: dict[str, list[BetRecord]] = defaultdict(list)
    for bet in bets:
        groups[name_of(bet)].append(bet)
    return tuple(
        sorted(
            (_slice(name, group) for name, group in groups.items()),
            key=lambda s: (-s.turnover_minor, s.name),
        )
    )


def odds_band(bet: BetRecord) -> str:
    """``1.50-2.00``: the lower bound belongs to the band."""
    return _band(
        bet.odds,
        (1.5, 2.0, 3.0, 5.0),
        ("under 1.50", "1.50-2.00", "2.00-3.00", "3.00-5.00", "5.00 and over"),
    )


def time_to_start(bet: BetRecord) -> str:
    """How long before kick-off the bet was made."""
    hours = (bet.kickoff - bet.placed_at).total_seconds() / 3600
    return _band(
        hours, (0.0, 1.0, 6.0, 24.0), ("in play", "under 1 h", "1-6 h", "6-24 h", "24 h and over")
    )


DIMENSIONS: dict[str, Callable[[BetRecord], str]] = {
    "league": lambda bet: bet.league,
    "market": lambda bet: bet.kind,
    "odds": odds_band,
    "book": lambda bet: bet.book,
    "time to start": time_to_start,
}


def _dimensions(records: Sequence[BetRecord]) -> dict[str, Callable[[BetRecord], str]]:
    """A backtest has no times of its own: how long before the start it bet would say nothing."""
    timeless = any(record.mode == "BACKTEST" for record in records)
    return {name: of for name, of in DIMENSIONS.items() if not (timeless and of is time_to_start)}


def _order(bet: BetRecord) -> tuple[object, ...]:
    return (bet.kickoff, bet.placed_at, bet.bet_id)


def _band(value: float, edges: tuple[float, ...], names: tuple[str, ...]) -> str:
    return names[bisect_right(edges, value)]


def _turnover(bets: Iterable[BetRecord]) -> int:
    return sum(bet.stake_minor for bet in bets)


def _pnl(bets: Iterable[BetRecord]) -> int:
    return sum(bet.pnl_minor or 0 for bet in bets)


def _ratio(
    bets: Sequence[BetRecord],
    top: Callable[[BetRecord], float],
    bottom: Callable[[BetRecord], float],
    cluster: Callable[[BetRecord], str],
) -> Estimate | None:
    if not bets:
        return None
    tops, bottoms = [top(b) for b in bets], [bottom(b) for b in bets]
    ratio = clustered_ratio(tops, bottoms, [cluster(b) for b in bets])
    single = mean_t([one / of for one, of in zip(tops, bottoms, strict=True) if of])[1]
    if ratio.error is None:
        return Estimate(ratio.value, None, None, None, len(bets), ratio.clusters, single)
    reach = Z_95 * ratio.error
    return Estimate(
        ratio.value,
        ratio.value - reach,
        ratio.value + reach,
        ratio.t,
        len(bets),
        ratio.clusters,
        single,
    )


def _slice(name: str, bets: Sequence[BetRecord]) -> Slice:
    values = [bet.clv for bet in bets if bet.clv is not None]
    turnover, pnl = _turnover(bets), _pnl(bets)
    clv = sum(values) / len(values) if values else None
    return Slice(
        name, len(bets), turnover, pnl, pnl / turnover if turnover else 0.0, clv, len(values)
    )


def _forecasts(bets: Iterable[BetRecord]) -> tuple[list[float], list[bool]]:
    """Fair probability and result of the bets that were wholly won or lost."""
    decided = [bet for bet in bets if bet.state in {BetState.WON, BetState.LOST}]
    return [bet.fair_p for bet in decided], [bet.state == BetState.WON for bet in decided]


def _calibration(p: Sequence[float], won: Sequence[bool]) -> tuple[Bin, ...]:
    return tuple(
        Bin(b.n, b.mean_p, b.rate, b.interval.low, b.interval.high) for b in calibration(p, won)
    )


def _scores(p: Sequence[float], won: Sequence[bool]) -> tuple[float | None, float | None]:
    """Brier score (mean squared error) and log loss of winning."""
    if not p:
        return None, None
    found = scores([(1 - x, x) for x in p], [int(hit) for hit in won])
    return found.brier / 2, found.log_loss


def _streaks(bets: Iterable[BetRecord]) -> tuple[int, int]:
    """The longest run of wins and of losses; pushes and void bets neither count nor break a run."""
    longest = {True: 0, False: 0}
    run, last = 0, None
    for bet in bets:
        if bet.state not in _WINS | _LOSSES:
            continue
        won = bet.state in _WINS
        run = run + 1 if won == last else 1
        last = won
        longest[won] = max(longest[won], run)
    return longest[True], longest[False]
