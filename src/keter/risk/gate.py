"""The gate that nothing passes by: may this signal become a bet now, and with what stake?

``assess`` decides on a snapshot (``RiskContext``) that the guard takes under its lease. Redis
refuses the reservation that follows if the risk book has changed since. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from keter.betting_settings import CommonRiskSettings, RiskSettings, StakeSettings
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus, Terms
from keter.domain.limits import daily_loss_limit_minor
from keter.domain.market_kinds import Outcome
from keter.domain.money import floor_to_minor, to_decimal, to_minor
from keter.domain.signals import ConfirmedSignal
from keter.domain.verdicts import Number, Reason, Verdict, accept, reject
from keter.pricing.staking import growth, kelly, proportional_stake
from keter.pricing.value import Chances
from keter.risk import reduce_only
from keter.risk.caps import Caps, Held, cap_refusal, common_rows, totals

# A stake near the whole bankroll makes every growth minus infinity, which ranks nothing.
LARGEST_SHARE = 0.5
NO_COMMON_CAPS = CommonRiskSettings()
PLAIN_TERMS = Terms()  # no commission, and the risk currency itself


@dataclass(frozen=True, slots=True)
class RiskContext:
    """What one assessment knows besides the signal. Money is in minor units.

    * ``trading``: the verdict of the trading state. If it refuses and ``reducing`` is set, a bet
      passes that does not raise its event's worst case.
    * ``permitted``: whether LIVE is armed, licensed and limited; always true in DRY.
    * ``exposures``: all open bets and reservations of the account, except the reservation that this
      signal would refresh.
    * ``of_others``: those of all other accounts.
    * ``bets_on_event``: open and settled bets and reservations of the event.
    * ``bets_in_window``: bets sent within the throttle window, and all reservations.
    * ``cooling``: which cooldown forbids the bet, or None.
    * ``balance_minor``: None while the balance is unknown.
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
    of_others: tuple[Exposure, ...] = ()


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The settings that this gate needs, and the terms of the account's bets.

    ``reserved_minor`` is the stake of the selection's reservation, which must not be raised; None
    without a reservation.
    """

    risk: RiskSettings
    stake: StakeSettings
    reserved_minor: int | None = None
    common: CommonRiskSettings = NO_COMMON_CAPS
    terms: Terms = PLAIN_TERMS

    @property
    def caps(self) -> Caps:
        return Caps(self.risk, self.common)


class Assessment(NamedTuple):
    """The verdict on a signal and, if it is accepted, what the bet puts at risk.

    ``exposure`` has no ``decision_id`` yet: whoever reserves it gives one.
    """

    verdict: Verdict
    exposure: Exposure | None = None

    @property
    def stake_minor(self) -> int:
        """The stake in minor units, 0 if the signal is rejected."""
        return self.exposure.stake_minor if self.exposure is not None else 0


def assess(signal: ConfirmedSignal, context: RiskContext, limits: RiskLimits) -> Assessment:
    """Return the verdict on ``signal``, with the exposure of the bet if it is accepted."""
    refusal = _state_refusal(context, limits) or _crowding_refusal(signal, context, limits.risk)
    if refusal is not None:
        return Assessment(refusal)
    stake = stake_for(signal, limits)
    if stake < to_minor(limits.stake.min_stake) or stake <= 0:
        rule = limits.stake.stake_rule
        return Assessment(reject(Reason.STAKE_BELOW_MINIMUM, stake_minor=stake, rule=rule))
    bet = as_exposure(signal, stake, limits.terms)
    held = Held(context.exposures, context.of_others)
    numbers = totals(bet, held, context.day.staked_minor, limits.caps)
    refusal = (
        _raise_refusal(bet, context)
        or cap_refusal(numbers, limits.caps)
        or _balance_refusal(stake, context)
    )
    if refusal is not None:
        return Assessment(refusal)
    mark = {"reducing": True} if context.reducing else {}
    tight = tightest(numbers, stake, context, limits)
    return Assessment(accept(stake_minor=stake, **tight, **numbers, **mark), bet)


def daily_loss_reached(day: DayRisk, limits: RiskLimits) -> bool:
    """Return True if the day's settled loss has reached its limit."""
    return -day.pnl_minor >= loss_limit_minor(limits)


def loss_limit_minor(limits: RiskLimits) -> int:
    """Return the daily loss limit in minor units."""
    return daily_loss_limit_minor(limits.risk.daily_loss_limit_units, limits.stake.fixed_stake)


def losing_streak_reached(day: DayRisk, risk: RiskSettings) -> bool:
    """Return True if LOSING_STREAK_LIMIT bets in a row were lost."""
    return day.streak >= risk.losing_streak_limit


def _state_refusal(context: RiskContext, limits: RiskLimits) -> Verdict | None:
    """Return why no bet at all may be made now, or None."""
    if not context.trading.accepted and not context.reducing:
        return context.trading
    if not context.permitted:
        return reject(Reason.NOT_ARMED)
    if daily_loss_reached(context.day, limits):
        return reject(
            Reason.DAILY_LOSS_LIMIT,
            pnl_minor=context.day.pnl_minor,
            limit_minor=loss_limit_minor(limits),
        )
    if losing_streak_reached(context.day, limits.risk):
        return reject(Reason.LOSING_STREAK, streak=context.day.streak)
    return None


def _crowding_refusal(
    signal: ConfirmedSignal, context: RiskContext, risk: RiskSettings
) -> Verdict | None:
    """Return why this selection, its event or the moment takes no further bet, or None."""
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
    """Return the expected log growth of BANKROLL from the bet that ``signal`` asks for.

    Signals of one moment are ranked by it.
    """
    stake, bankroll = stake_for(signal, limits), to_minor(limits.stake.bankroll)
    share = min(stake / bankroll, LARGEST_SHARE) if bankroll > 0 else LARGEST_SHARE
    return growth(chances_of(signal), signal.offers[0].odds, share)


def best_first(signals: Sequence[ConfirmedSignal], limits: Mapping[str, RiskLimits]) -> list[int]:
    """Return the indexes of ``signals``, the one worth most first; among equals the earlier one.

    ``limits`` are those of each account.

    The prices of a match move together. Its cooldown after a bet and the throttle let few of the
    signals through, so the best must be assessed first.
    """
    worth = [worth_of(signal, limits[signal.account]) for signal in signals]
    return sorted(range(len(signals)), key=lambda i: (-worth[i], i))


def stake_for(signal: ConfirmedSignal, limits: RiskLimits) -> int:
    """Return the stake by the stake rule in minor units, rounded down to STAKE_STEP.

    MAX_STAKE and the stake of an existing reservation cap it. It is never negative.
    """
    rules = limits.stake
    caps = [_wanted(signal, rules), limits.risk.max_stake]
    if limits.reserved_minor is not None:
        caps.append(to_decimal(limits.reserved_minor))
    return floor_to_minor(max(min(caps), Decimal(0)), to_minor(rules.stake_step))


def _wanted(signal: ConfirmedSignal, rules: StakeSettings) -> Decimal:
    """Return the amount that the stake rule asks for, before any cap."""
    best = signal.offers[0]
    if rules.stake_rule == "fixed":
        return rules.fixed_stake
    if rules.stake_rule == "ev":
        ev, reference = Decimal(str(best.ev_pct)), Decimal(str(rules.ev_reference_pct))
        return proportional_stake(rules.fixed_stake, ev, reference)
    share = kelly(chances_of(signal), best.odds, fraction=rules.kelly_fraction)
    return rules.bankroll * Decimal(str(share))


def chances_of(signal: ConfirmedSignal) -> Chances:
    """Return the probabilities of the five results behind a fair price.

    What is missing of W + X to 1 is a push or, on a quarter line, half of a half result. If
    handicap and 1X2 contradict each other, no room is left for a whole win or loss. Then the
    missing part counts as a push, on which Kelly stakes less.
    """
    win, loss, line_q = signal.fair.win_mass, signal.fair.loss_mass, signal.update.market.line_q
    missing = max(1 - win - loss, 0.0)
    own_line_q = (
        0
        if line_q is None
        else line_q
        if signal.outcome in {Outcome.HOME, Outcome.UNDER}
        else -line_q
    )
    # Lines like +0.25 and -0.75: the goal in between wins half of the stake.
    if own_line_q % 4 == 1 and win > missing:
        return Chances(win=win - missing, half_win=2 * missing, loss=loss)
    # Lines like -0.25 and +0.75: it loses half of the stake.
    if own_line_q % 4 == 3 and loss > missing:
        return Chances(win=win, half_loss=2 * missing, loss=loss - missing)
    return Chances(win=win, push=missing, loss=loss)


def as_exposure(
    signal: ConfirmedSignal, stake: int, terms: Terms, decision_id: str = ""
) -> Exposure:
    """Return what a bet of ``stake`` minor units on ``signal`` would put at risk."""
    update = signal.update
    return Exposure(
        decision_id=decision_id,
        event_uid=signal.event_uid,
        league=update.event.league,
        market=update.market,
        outcome=signal.outcome,
        stake_minor=stake,
        odds=signal.offers[0].text,
        status=ExposureStatus.RESERVED,
        made_at=signal.confirmed_at,
        score_at_bet=update.score_at_bet,
        account=signal.account,
        terms=terms,
    )


def _raise_refusal(bet: Exposure, context: RiskContext) -> Verdict | None:
    """Return the refusal of a bet that would raise its event's worst case while REDUCING."""
    held = Held(context.exposures, context.of_others)
    verdict = reduce_only.check(bet, held) if context.reducing else accept()
    return None if verdict.accepted else verdict


def tightest(
    numbers: Mapping[str, int], stake: int, context: RiskContext, limits: RiskLimits
) -> dict[str, Number]:
    """Return the limit of which the smallest part is left with this bet, and how much that is.

    ``numbers`` are those of ``totals``.
    """
    risk, day, shared = limits.risk, context.day, common_rows(numbers, limits.common)
    rows = (
        ("event", "_minor", numbers["event_minor"], to_minor(risk.max_exposure_event)),
        ("league", "_minor", numbers["league_minor"], to_minor(risk.max_exposure_league)),
        ("open stakes in all", "_minor", numbers["total_minor"], to_minor(risk.max_exposure_total)),
        ("stakes of the day", "_minor", numbers["day_minor"], to_minor(risk.max_exposure_day)),
        ("loss of the day", "_minor", -day.pnl_minor, loss_limit_minor(limits)),
        ("balance", "_minor", _promised(context) + stake, context.balance_minor or 0),
        ("bets on the event", "", context.bets_on_event + 1, risk.max_bets_per_event),
        ("bets in the throttle window", "", context.bets_in_window + 1, risk.throttle_bets),
        ("losing streak", "", day.streak, risk.losing_streak_limit),
        *((one.label, "_minor", one.used, one.limit) for one in shared),
    )
    name, unit, used, limit = max(rows, key=lambda row: row[2] / row[3] if row[3] else 0.0)
    return {"tightest": name, f"tightest_left{unit}": limit - used, f"tightest_limit{unit}": limit}


def _promised(context: RiskContext) -> int:
    """Return what the venue will hold back for all reservations, in minor units."""
    return sum(e.alone_minor for e in context.exposures if e.status is ExposureStatus.RESERVED)


def _balance_refusal(stake: int, context: RiskContext) -> Verdict | None:
    """Return the refusal of a stake that the account cannot cover beside all reservations."""
    # The venue's balance falls when the venue gets a bet. Reservations are not sent yet.
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
