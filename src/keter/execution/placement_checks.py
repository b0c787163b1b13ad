"""The last look before money moves: is the approval still good, and at which books and prices may
it be placed?

``recheck`` judges the world, ``choose`` the prices. The books of a plan are exactly those that were
asked last: a venue may refuse a bet whose list of books is shorter than the one it quoted for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from keter.betting_settings import RiskSettings, RouterSettings, StakeSettings
from keter.domain.exposure import Exposure
from keter.domain.markets import Phase
from keter.domain.money import to_minor
from keter.domain.orders import PlacementQuote
from keter.domain.runs import RunMark
from keter.domain.signals import ApprovedSignal, Offer, check_age
from keter.domain.verdicts import Reason, Verdict, accept, reject
from keter.risk import reduce_only
from keter.risk.caps import within_own_caps
from keter.risk.gate import as_exposure
from keter.strategies.value.evidence import Worth, worth_at
from keter.strategies.value.settings import EdgeSettings

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class PlacementLimits:
    """The settings of this gate; ``in_play`` says whether started events may be bet."""

    router: RouterSettings
    edge: EdgeSettings
    stake: StakeSettings
    in_play: bool


@dataclass(frozen=True, slots=True)
class PlacementWorld:
    """What may have changed since the approval.

    ``trading`` is the trading state's verdict, ``permitted`` whether LIVE may bet.

    ``run`` is the router's own; ``owner`` is the run that owns the Redis, ``book_run`` the one
    whose risk book it holds, and ``leading`` says whether the account's lease is ours. ``book`` is
    that risk book, ``staked_minor`` its stakes of the day, ``caps`` the router's own limits.
    ``reducing``: only what does not raise an event's worst case may pass where ``trading`` refuses.
    ``lock_left_s`` is how long the selection's lock surely holds, ``call_s`` how long the call to
    the venue may take.
    """

    now: datetime
    halt_file: bool
    trading: Verdict
    permitted: bool
    reconciled: bool
    lock_left_s: float
    call_s: float
    run: RunMark
    owner: str
    book_run: str
    leading: bool
    book: tuple[Exposure, ...]
    staked_minor: int
    caps: RiskSettings
    reducing: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send: the venue's own price texts for the chosen side, best first, and one stake for
    all of them.
    """

    prices: tuple[tuple[str, str], ...]
    odds: float
    stake_minor: int

    @property
    def books(self) -> tuple[str, ...]:
        return tuple(book for book, _ in self.prices)


@dataclass(frozen=True, slots=True)
class _Judged:
    quote: PlacementQuote
    reason: Reason
    approved_odds: float
    slippage_pct: float
    worth: Worth | None


def recheck(approved: ApprovedSignal, world: PlacementWorld, limits: PlacementLimits) -> Verdict:
    """Whether a bet may still be made at all."""
    if world.halt_file:
        return reject(Reason.HALT_FILE)
    belongs = _belongs(approved, world)
    if not belongs.accepted:
        return belongs
    trading = _trading(approved, world)
    if not trading.accepted:
        return trading
    if not world.permitted:
        return reject(Reason.NOT_ARMED)
    if not world.reconciled:
        return reject(Reason.RECONCILING)
    if world.lock_left_s < world.call_s:
        return reject(Reason.LOCK_LOST, left_s=round(world.lock_left_s, 3), needed_s=world.call_s)
    age = check_age(approved.signal, world.now, limits.router.max_signal_age_s)
    if not age.accepted:
        return age
    update = approved.signal.update
    if not limits.in_play and (update.phase is Phase.LIVE or world.now >= update.event.kickoff):
        return reject(Reason.EVENT_STARTED)
    bet = as_exposure(approved.signal, approved.stake_minor, approved.decision_id)
    caps = within_own_caps(bet, world.book, world.staked_minor, world.caps)
    return age if caps.accepted else caps


def _belongs(approved: ApprovedSignal, world: PlacementWorld) -> Verdict:
    """Whether approval, Redis and risk book are of the router's own run, mode and settings, and the
    account is its own.
    """
    own = world.run
    if approved.run != own:
        made_in = approved.run.mode.value if approved.run is not None else None
        return reject(Reason.OTHER_RUN, what="approval", its_mode=made_in, mode=own.mode.value)
    if world.owner != own.run_id:
        return reject(Reason.OTHER_RUN, what="owner of this Redis")
    if world.book_run != own.text:
        return reject(Reason.OTHER_RUN, what="risk book")
    return (
        accept()
        if world.leading
        else reject(Reason.FENCED, cause="the account's lease is not ours")
    )


def _trading(approved: ApprovedSignal, world: PlacementWorld) -> Verdict:
    if world.trading.accepted or not world.reducing:
        return world.trading
    return reduce_only.recheck(approved, world.book)


def first_books(approved: ApprovedSignal) -> tuple[str, ...]:
    """The book to ask first: the one whose price was best."""
    return (approved.signal.offers[0].book,)


def all_books(approved: ApprovedSignal) -> tuple[str, ...]:
    """Every book whose price was worth taking, best first."""
    return tuple(dict.fromkeys(offer.book for offer in approved.signal.offers))


def choose(
    approved: ApprovedSignal, quotes: Sequence[PlacementQuote], limits: PlacementLimits
) -> tuple[Verdict, Plan | None]:
    """The best price first, further books only where the ones before cannot take the whole stake.

    The stake is never above the approved one; it is lowered to what the books take, in whole
    STAKE_STEPs, and refused below MIN_STAKE.
    """
    judged = [_judge(approved, quote, limits) for quote in quotes]
    good = sorted(
        (one for one in judged if one.reason is Reason.OK),
        key=lambda one: (-one.quote.odds, one.quote.book),
    )
    if not good:
        return _refusal(judged), None
    taken, stake_minor = _fill(good, approved.stake_minor, limits)
    if not taken:
        return reject(
            Reason.BOOK_LIMITS,
            stake_minor=approved.stake_minor,
            maximum_minor=sum(one.quote.maximum_minor for one in good),
            minimum_minor=min(one.quote.minimum_minor for one in good),
        ), None
    plan = Plan(
        tuple((one.quote.book, one.quote.text) for one in taken), taken[-1].quote.odds, stake_minor
    )
    return accept(**_numbers(taken[-1]), books=",".join(plan.books), stake_minor=stake_minor), plan


def beats_the_rest(plan: Plan, approved: ApprovedSignal) -> bool:
    """Whether no book left out of the plan showed a better price when the bet was approved."""
    return all(
        offer.odds <= plan.odds + _ROUNDING
        for offer in approved.signal.offers
        if offer.book not in plan.books
    )


def _judge(approved: ApprovedSignal, quote: PlacementQuote, limits: PlacementLimits) -> _Judged:
    asked = _offer(approved, quote.book).odds
    if quote.rejected or not math.isfinite(quote.odds) or quote.odds <= 1:
        return _Judged(quote, Reason.NO_QUOTE, asked, 0.0, None)
    slippage_pct = max(100 * (asked - quote.odds) / asked, 0.0)
    worth = worth_at(approved.signal.fair, quote.book, quote.odds, limits.edge.min_ev_pct)
    reason = _reason(asked, slippage_pct, worth, limits)
    if (
        reason is Reason.OK
        and quote.book.upper() == limits.edge.sharp_anchor.upper()
        and abs(quote.odds - asked) > _ROUNDING
    ):
        # The anchor has moved since the approval, so the consensus it was held against is the one
        # it left behind.
        reason = Reason.ANCHOR_UNSETTLED
    return _Judged(quote, reason, asked, slippage_pct, worth)


def _reason(
    asked: float, slippage_pct: float, worth: Worth | None, limits: PlacementLimits
) -> Reason:
    if slippage_pct > limits.router.slippage_limit_pct(asked) + _ROUNDING:
        return Reason.PRICE_MOVED
    if worth is None:
        return Reason.TOO_FEW_SHARPS
    if worth.ev_pct + _ROUNDING < worth.wanted_pct:
        return Reason.EDGE_GONE
    return Reason.EV_TOO_HIGH if worth.ev_pct > limits.edge.ev_max_pct else Reason.OK


def _offer(approved: ApprovedSignal, book: str) -> Offer:
    """What was approved for ``book``; for a book that was not asked for, the worst price that was
    still worth taking.
    """
    offers = approved.signal.offers
    return next((offer for offer in offers if offer.book == book), offers[-1])


def _fill(
    good: Sequence[_Judged], wanted_minor: int, limits: PlacementLimits
) -> tuple[list[_Judged], int]:
    """Books in turn until the stake is placed; a rest that no book takes is left out."""
    taken: list[_Judged] = []
    placed = 0
    for one in good:
        part = min(wanted_minor - placed, one.quote.maximum_minor)
        if part > 0 and part >= one.quote.minimum_minor:
            taken.append(one)
            placed += part
    step = to_minor(limits.stake.stake_step)
    stake = placed // step * step if placed < wanted_minor else wanted_minor
    if stake < to_minor(limits.stake.min_stake) or (taken and stake < taken[0].quote.minimum_minor):
        return [], 0
    return _needed(taken, stake), stake


def _needed(taken: Sequence[_Judged], stake: int) -> list[_Judged]:
    """The first books that can hold ``stake``: rounding down may have made the last one
    superfluous.
    """
    kept: list[_Judged] = []
    for one in taken:
        if stake <= 0:
            break
        kept.append(one)
        stake -= one.quote.maximum_minor
    return kept


def _refusal(judged: Sequence[_Judged]) -> Verdict:
    """Why the price that got furthest was not good enough."""
    answered = [one for one in judged if one.reason is not Reason.NO_QUOTE]
    if not answered:
        return reject(Reason.NO_QUOTE, books=len(judged))
    best = max(answered, key=lambda one: one.quote.odds)
    return reject(best.reason, **_numbers(best))


def _numbers(one: _Judged) -> dict[str, float | str | None]:
    return {
        "book": one.quote.book,
        "odds": one.quote.odds,
        "approved_odds": one.approved_odds,
        "slippage_pct": round(one.slippage_pct, 4),
        "ev_pct": one.worth.ev_pct if one.worth else None,
        "min_ev_pct": one.worth.wanted_pct if one.worth else None,
    }
