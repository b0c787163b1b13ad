"""The gate that nothing passes by: may this signal become a bet now, and of what size?

``assess`` decides on a picture of the world (``RiskContext``) that the guard takes under its lease;
Redis refuses the reservation that follows when the picture has changed since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from keter.betting_settings import RiskSettings, StakeSettings
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus, open_stake
from keter.domain.markets import Outcome, Phase
from keter.domain.money import floor_to_minor, to_minor
from keter.domain.signals import ConfirmedSignal
from keter.domain.verdicts import Number, Reason, Verdict, accept, reject
from keter.pricing.staking import growth, kelly
from keter.pricing.value import Chances
from keter.risk import reduce_only
from keter.risk.caps import cap_refusal, totals

LARGEST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class RiskContext:
    """The world as one assessment sees it.

    Money in minor units.

    ``trading`` is the trading state's own verdict; where it refuses, ``reducing`` lets bets pass
    that do not raise their event's worst case. ``permitted`` says whether LIVE is armed, licensed
    and limited (always true in DRY). ``exposures`` are all open bets and standing reservations
    except the one that this signal would refresh. ``bets_on_event`` counts open and settled bets
    and reservations, ``bets_in_window`` bets sent lately and reservations, which are about to be
    sent; ``balance_minor`` is None while nobody knows it.
    """

    trading: Verdict
    permitted: bool
    exposures: tuple[Exposure, ...]
    day: DayRisk
    bets_on_event: int
    bets_in_window: int
    cooling: Reason | None
    balance_minor: int | None
    reducing: bool = False


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The settings this gate needs, and the stake an existing reservation of the selection must not
    be raised above.
    """

    risk: RiskSettings
    stake: StakeSettings
    reserved_minor: int | None = None


def assess(
    signal: ConfirmedSignal, context: RiskContext, limits: RiskLimits
) -> tuple[Verdict, int]:
    """The verdict on ``signal`` and its stake in minor units (0 when rejected)."""
    refusal = _state_refusal(context, limits) or _crowding_refusal(signal, context, limits.risk)
    if refusal is not None:
        return refusal, 0
    stake = stake_for(signal, limits)
    if stake < to_minor(limits.stake.min_stake) or stake <= 0:
        return reject(
            Reason.STAKE_BELOW_MINIMUM, stake_minor=stake, rule=limits.stake.stake_rule
        ), 0
    bet = as_exposure(signal, stake)
    numbers = totals_with(bet, context)
    refusal = (
        _raise_refusal(bet, context)
        or cap_refusal(numbers, limits.risk)
        or _balance_refusal(stake, context)
    )
    if refusal is not None:
        return refusal, 0
    mark = {"reducing": True} if context.reducing else {}
    return accept(
        stake_minor=stake, **tightest(numbers, stake, context, limits), **numbers, **mark
    ), stake


def daily_loss_reached(day: DayRisk, limits: RiskLimits) -> bool:
    """Whether the day's settled loss has reached its limit."""
    return -day.pnl_minor >= daily_loss_limit_minor(limits)


def daily_loss_limit_minor(limits: RiskLimits) -> int:
    """The limit as money: units of FIXED_STAKE, rounded down."""
    return floor_to_minor(
        Decimal(str(limits.risk.daily_loss_limit_units)) * limits.stake.fixed_stake
    )


def losing_streak_reached(day: DayRisk, risk: RiskSettings) -> bool:
    """Whether as many bets in a row were lost as call for a pause."""
    return day.streak >= risk.losing_streak_limit


def _state_refusal(context: RiskContext, limits: RiskLimits) -> Verdict | None:
    if not context.trading.accepted and not context.reducing:
        return context.trading
    if not context.permitted:
        return reject(Reason.NOT_ARMED)
    if daily_loss_reached(context.day, limits):
        return reject(
            Reason.DAILY_LOSS_LIMIT,
            pnl_minor=context.day.pnl_minor,
            limit_minor=daily_loss_limit_minor(limits),
        )
    if losing_streak_reached(context.day, limits.risk):
        return reject(Reason.LOSING_STREAK, streak=context.day.streak)
    return None


def _crowding_refusal(
    signal: ConfirmedSignal, context: RiskContext, risk: RiskSettings
) -> Verdict | None:
    for exposure in context.exposures:
        if exposure.event_uid == signal.event_uid and exposure.selection_id == signal.selection_id:
            return reject(Reason.SELECTION_OPEN, status=exposure.status.value)
    if context.cooling is not None:
        return reject(context.cooling)
    if context.bets_on_event >= risk.max_bets_per_event:
        return reject(
            Reason.EVENT_BET_COUNT, bets=context.bets_on_event, limit=risk.max_bets_per_event
        )
    if context.bets_in_window >= risk.throttle_bets:
        return reject(
            Reason.THROTTLED, bets=context.bets_in_window, window_s=risk.throttle_window_s
        )
    return None


def worth_of(signal: ConfirmedSignal, limits: RiskLimits) -> float:
    """Expected log growth of BANKROLL from the bet that ``signal`` asks for: what signals of one
    moment are ranked by.
    """
    stake, bankroll = stake_for(signal, limits), to_minor(limits.stake.bankroll)
    # A stake near the whole bankroll makes every growth minus infinity, which ranks nothing.
    share = min(stake / bankroll, LARGEST_SHARE) if bankroll > 0 else LARGEST_SHARE
    return growth(chances_of(signal), signal.offers[0].odds, share)


def best_first(signals: Sequence[ConfirmedSignal], limits: RiskLimits) -> list[int]:
    """The places of ``signals``, the one worth most first; of equals the one that came first.

    A match's prices move together, its rest after a bet and the throttle let few of them through:
    the best goes first.
    """
    worth = [worth_of(signal, limits) for signal in signals]
    return sorted(range(len(signals)), key=lambda i: (-worth[i], i))


def stake_for(signal: ConfirmedSignal, limits: RiskLimits) -> int:
    """Minor units by the stake rule, capped by MAX_STAKE and a standing reservation, rounded down
    to STAKE_STEP.
    """
    rules = limits.stake
    caps = [_wanted(signal, rules), limits.risk.max_stake]
    if limits.reserved_minor is not None:
        caps.append(Decimal(limits.reserved_minor) / 100)
    return floor_to_minor(max(min(caps), Decimal(0)), to_minor(rules.stake_step))


def _wanted(signal: ConfirmedSignal, rules: StakeSettings) -> Decimal:
    best = signal.offers[0]
    if rules.stake_rule == "fixed":
        return rules.fixed_stake
    if rules.stake_rule == "ev":
        return rules.fixed_stake * Decimal(str(best.ev_pct)) / Decimal(str(rules.ev_reference_pct))
    share = kelly(chances_of(signal), best.odds, fraction=rules.kelly_fraction)
    return rules.bankroll * Decimal(str(share))


def chances_of(signal: ConfirmedSignal) -> Chances:
    """The five results behind a fair price: what is missing of W + X is a push, or on a quarter
    line half of a half result.

    Where handicap and 1X2 contradict each other, so that no room is left for a whole win or loss,
    the missing part counts as a push: Kelly stakes less on that.
    """
    win, loss, line_q = signal.fair.win_mass, signal.fair.loss_mass, signal.update.market.line_q
    rest = max(1 - win - loss, 0.0)
    own_line_q = (
        0 if line_q is None else line_q if signal.side in {Outcome.HOME, Outcome.UNDER} else -line_q
    )
    if own_line_q % 4 == 1 and win > rest:  # +0.25, -0.75: the goal in between wins half
        return Chances(win=win - rest, half_win=2 * rest, loss=loss)
    if own_line_q % 4 == 3 and loss > rest:
        return Chances(win=win, half_loss=2 * rest, loss=loss - rest)
    return Chances(win=win, push=rest, loss=loss)


def as_exposure(signal: ConfirmedSignal, stake: int, decision_id: str = "") -> Exposure:
    """What the bet would put at risk."""
    update = signal.update
    return Exposure(
        decision_id=decision_id,
        event_uid=signal.event_uid,
        league=update.event.league,
        market=update.market,
        side=signal.side,
        stake_minor=stake,
        odds=signal.offers[0].text,
        status=ExposureStatus.RESERVED,
        made_at=signal.confirmed_at,
        score_at_bet=score_at_bet(signal),
    )


def totals_with(bet: Exposure, context: RiskContext) -> dict[str, int]:
    """At risk after ``bet``: the event's worst case, open stakes of its league and in all, the
    day's stakes.
    """
    return totals(bet, context.exposures, context.day.staked_minor)


def score_at_bet(signal: ConfirmedSignal) -> tuple[int, int] | None:
    """Where a handicap in play would start to count; None before kick-off."""
    score = signal.update.score
    return (
        (score.home, score.away)
        if score is not None and signal.update.phase is Phase.LIVE
        else None
    )


def _raise_refusal(bet: Exposure, context: RiskContext) -> Verdict | None:
    verdict = reduce_only.check(bet, context.exposures) if context.reducing else accept()
    return None if verdict.accepted else verdict


def tightest(
    numbers: Mapping[str, int], stake: int, context: RiskContext, limits: RiskLimits
) -> dict[str, Number]:
    """The limit of which the smallest part is left with this bet in, and how much that is;
    ``numbers`` of ``totals_with``.
    """
    risk, day = limits.risk, context.day
    rows = (
        ("event", "_minor", numbers["event_minor"], to_minor(risk.max_exposure_event)),
        ("league", "_minor", numbers["league_minor"], to_minor(risk.max_exposure_league)),
        ("open stakes in all", "_minor", numbers["total_minor"], to_minor(risk.max_exposure_total)),
        ("stakes of the day", "_minor", numbers["day_minor"], to_minor(risk.max_exposure_day)),
        ("loss of the day", "_minor", -day.pnl_minor, daily_loss_limit_minor(limits)),
        ("balance", "_minor", _promised(context) + stake, context.balance_minor or 0),
        ("bets on the event", "", context.bets_on_event + 1, risk.max_bets_per_event),
        ("bets in the throttle window", "", context.bets_in_window + 1, risk.throttle_bets),
        ("losing streak", "", day.streak, risk.losing_streak_limit),
    )
    name, unit, used, limit = max(rows, key=lambda row: row[2] / row[3] if row[3] else 0.0)
    return {"tightest": name, f"tightest_left{unit}": limit - used, f"tightest_limit{unit}": limit}


def _promised(context: RiskContext) -> int:
    return open_stake(e for e in context.exposures if e.status is ExposureStatus.RESERVED)


def _balance_refusal(stake: int, context: RiskContext) -> Verdict | None:
    # The venue's balance falls when it hears of a bet; what is promised and not yet sent is
    # subtracted here.
    promised = _promised(context)
    if context.balance_minor is None:
        return reject(Reason.BALANCE_TOO_LOW, known=False)
    if context.balance_minor < promised + stake:
        return reject(
            Reason.BALANCE_TOO_LOW,
            balance_minor=context.balance_minor,
            needed_minor=promised + stake,
        )
    return None
