"""Measures of a set of bets that help to separate edge from luck.

They are yield, closing line value, calibration, drawdown and attribution. A measure without data
is None, never zero.

Intervals are robust to clusters, because bets of one day or one event win and lose together. For
the yield the bets of one day count as one observation, for the closing line value those of one
event.

Source: betting mathematics reference, section 7. The calibration intervals are Wilson's (1927).
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from keter.domain.order_states import SETTLED, OrderState
from keter.domain.streaks import LOSSES, WINS
from keter.pricing.analytics import calibration, clustered_ratio, mean_t, scores
from keter.replay.records import BetRecord
from keter.replay.slices import Slice, profit, slices_by_dimension, turnover

Z_95 = 1.959963984540054
_LOSSES = frozenset(state.value for state in LOSSES)
_WINS = frozenset(state.value for state in WINS)


class Estimate(msgspec.Struct, frozen=True):
    """A mean over ``n`` bets in ``clusters``, with its 95 % interval and its t-value.

    The interval and ``t`` are None below two clusters. ``t_single`` counts every bet as one
    observation: it is larger if bets win and lose together.
    """

    value: float
    low: float | None
    high: float | None
    t: float | None
    n: int
    clusters: int
    t_single: float | None = None


class Bin(msgspec.Struct, frozen=True):
    """Bets of similar fair probability: the expected and the actual share of wins.

    ``low`` and ``high`` are the Wilson 95 % interval of the actual share.
    """

    n: int
    expected: float
    actual: float
    low: float
    high: float


class Attribution(msgspec.Struct, frozen=True):
    """The profit of the ``n`` bets with a close, split into four parts in minor units.

    * ``promised_minor``: the value that the edge gate computed
    * ``slippage_minor``: the effect of getting other odds than those asked for
    * ``drift_minor``: the change of value until the close
    * ``luck_minor``: the results less their value at the close
    """

    n: int
    promised_minor: float
    slippage_minor: float
    drift_minor: float
    luck_minor: float


class Performance(msgspec.Struct, frozen=True):
    """All measures of a set of bets; money in minor units.

    They are of the settled bets. ``open`` is the number of the others.

    ``clv_modelled`` is of bets whose own line has no close, with the close of another line moved to
    theirs. It is no part of ``clv``. ``expected_minor`` is the value that the edge gate computed.
    ``closing_minor`` is the value by the close, of the bets that have one. ``luck_minor`` is the
    rest of those bets' profit. ``brier``, ``log_loss`` and ``calibration`` are of the fair
    probability, on bets that were wholly won or lost.
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
    """The profit after a bet and its distance below the highest profit so far, in minor units."""

    day: str
    pnl_minor: int
    drawdown_minor: int


def performance(records: Iterable[BetRecord]) -> Performance:
    """Measure the settled bets of one mode.

    Raises ValueError if DRY, LIVE or BACKTEST are mixed.
    """
    every = list(records)
    if len({record.mode for record in every}) > 1:
        raise ValueError("DRY, LIVE and backtest bets are never measured together")
    bets = sorted((r for r in every if r.state in SETTLED and r.pnl_minor is not None), key=_order)
    with_close = [bet for bet in bets if bet.clv is not None]
    closing = _closing(with_close) if with_close else None
    wins, losses = _streaks(bets)
    forecasts = _forecasts(bets)
    brier, log_loss = _scores(*forecasts)
    return Performance(
        bets=len(bets),
        open=len(every) - len(bets),
        turnover_minor=turnover(bets),
        pnl_minor=profit(bets),
        yield_=_ratio(bets, lambda b: b.pnl_minor or 0, lambda b: b.stake_minor, lambda b: b.day),
        clv=_mean_by_event(with_close, lambda bet: bet.clv or 0.0),
        clv_missing=len(bets) - len(with_close),
        clv_modelled=_modelled(bets),
        beat_close=_beat_close(with_close),
        expected_minor=_promised(bets),
        closing_minor=closing,
        luck_minor=None if closing is None else profit(with_close) - closing,
        attribution=_attribution(with_close),
        brier=brier,
        log_loss=log_loss,
        calibration=_calibration(*forecasts),
        max_drawdown_minor=max((point.drawdown_minor for point in equity(bets)), default=0),
        longest_win_streak=wins,
        longest_losing_streak=losses,
        slices=slices_by_dimension(every, bets),
    )


def equity(bets: Iterable[BetRecord]) -> list[Point]:
    """Return profit and drawdown after each settled bet, in the order of kick-off."""
    total = peak = 0
    points = []
    for bet in sorted((b for b in bets if b.pnl_minor is not None), key=_order):
        total += bet.pnl_minor or 0
        peak = max(peak, total)
        points.append(Point(bet.day, total, peak - total))
    return points


def _order(bet: BetRecord) -> tuple[object, ...]:
    return (bet.kickoff, bet.placed_at, bet.bet_id)


def _promised(bets: Iterable[BetRecord]) -> float:
    return sum(bet.stake_minor * bet.ev_pct / 100 for bet in bets)


def _closing(bets: Iterable[BetRecord]) -> float:
    return sum(bet.stake_minor * (bet.clv or 0.0) for bet in bets)


def _attribution(bets: Sequence[BetRecord]) -> Attribution | None:
    """Split the profit of bets with a close; None without bets."""
    if not bets:
        return None
    promised, closing = _promised(bets), _closing(bets)
    slippage = sum(
        bet.stake_minor * bet.fair_p * (bet.odds - (bet.asked_odds or bet.odds)) for bet in bets
    )
    drift = closing - promised - slippage
    return Attribution(len(bets), promised, slippage, drift, profit(bets) - closing)


def _beat_close(bets: Sequence[BetRecord]) -> float | None:
    """Return the share of bets with better odds than the close; None without bets."""
    return sum(1 for bet in bets if (bet.clv or 0.0) > 0) / len(bets) if bets else None


def _modelled(bets: Iterable[BetRecord]) -> Estimate | None:
    chosen = [bet for bet in bets if bet.clv is None and bet.modelled_clv is not None]
    return _mean_by_event(chosen, lambda bet: bet.modelled_clv or 0.0)


def _mean_by_event(
    bets: Sequence[BetRecord], value: Callable[[BetRecord], float]
) -> Estimate | None:
    return _ratio(bets, value, lambda _: 1.0, lambda bet: bet.event_uid)


def _ratio(
    bets: Sequence[BetRecord],
    top: Callable[[BetRecord], float],
    bottom: Callable[[BetRecord], float],
    cluster: Callable[[BetRecord], str],
) -> Estimate | None:
    """Return the sum of ``top`` over the sum of ``bottom``, clustered; None without bets."""
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


def _forecasts(bets: Iterable[BetRecord]) -> tuple[list[float], list[bool]]:
    """Return fair probability and result of the bets that were wholly won or lost."""
    decided = [bet for bet in bets if bet.state in {OrderState.WON, OrderState.LOST}]
    return [bet.fair_p for bet in decided], [bet.state == OrderState.WON for bet in decided]


def _calibration(p: Sequence[float], won: Sequence[bool]) -> tuple[Bin, ...]:
    return tuple(
        Bin(b.n, b.mean_p, b.rate, b.interval.low, b.interval.high) for b in calibration(p, won)
    )


def _scores(p: Sequence[float], won: Sequence[bool]) -> tuple[float | None, float | None]:
    """Return the Brier score (mean squared error) and the log loss of forecasts of a win."""
    if not p:
        return None, None
    found = scores([(1 - x, x) for x in p], [int(hit) for hit in won])
    return found.brier / 2, found.log_loss


def _streaks(bets: Iterable[BetRecord]) -> tuple[int, int]:
    """Return the longest run of wins and of losses.

    Pushes and void bets neither count nor end a run.
    """
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
