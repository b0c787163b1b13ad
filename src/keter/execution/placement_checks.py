"""The last check before money moves: may an approved bet still be placed? Pure.

``recheck`` judges what may have changed since the approval. Which books and prices are sent is
chosen in ``keter.execution.price_choice``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from keter.betting_settings import RiskSettings, RouterSettings, StakeSettings
from keter.domain.exposure import Exposure
from keter.domain.markets import Phase
from keter.domain.order_calls import PlacementQuote
from keter.domain.runs import RunMark
from keter.domain.signals import ApprovedSignal, ConfirmedSignal, check_age
from keter.domain.verdicts import Reason, Verdict, accept, reject


@dataclass(frozen=True, slots=True)
class PlacementRules:
    """The rules of strategy and risk that hold right before a bet.

    They are pure functions and handed in, because execution knows neither strategies nor risk.
    """

    # Of signal, quote and approved odds: whether the quoted price is still worth the bet. The
    # verdict's numbers hold ev_pct and min_ev_pct, or None for both without a consensus.
    price: Callable[[ConfirmedSignal, PlacementQuote, float], Verdict]
    # Of approval and risk book, while trading is REDUCING: whether the bet raises no worst case.
    reducing: Callable[[ApprovedSignal, "PlacementFacts"], Verdict]
    # Of approval and facts, the risk book among them: whether a cap is passed.
    caps: Callable[[ApprovedSignal, "PlacementFacts"], Verdict]


@dataclass(frozen=True, slots=True)
class PlacementLimits:
    """The settings and rules of this gate; ``in_play`` says whether started events may be bet."""

    router: RouterSettings
    stake: StakeSettings
    in_play: bool
    rules: PlacementRules


@dataclass(frozen=True, slots=True)
class PlacementFacts:
    """What may have changed since the approval."""

    now: datetime
    halt_file: bool
    trading: Verdict  # of the trading state
    permitted: bool  # licence, limits and arming are there
    reconciled: bool
    lock_left_s: float  # how long the selection's lock surely holds
    call_s: float  # the longest that the call to the venue may take
    run: RunMark  # the router's own
    owner: str  # the id of the run that owns the Redis
    book_run: str  # the run whose risk book the Redis holds
    leading: bool  # the lease of the account is ours
    book: tuple[Exposure, ...]  # of the account
    staked_minor: int  # by the risk book, today
    caps: RiskSettings  # the router's own limits
    # Where ``trading`` refuses, a bet that raises no event's worst case may pass.
    reducing: bool = False
    of_others: tuple[Exposure, ...] = ()  # the risk book's of all other accounts


def recheck(approved: ApprovedSignal, facts: PlacementFacts, limits: PlacementLimits) -> Verdict:
    """Return whether the bet may still be made; a rejection names the first reason against it."""
    if facts.halt_file:
        return reject(Reason.HALT_FILE)
    belongs = _belongs(approved, facts)
    if not belongs.accepted:
        return belongs
    trading = _trading(approved, facts, limits.rules)
    if not trading.accepted:
        return trading
    if not facts.permitted:
        return reject(Reason.NOT_ARMED)
    if not facts.reconciled:
        return reject(Reason.RECONCILING)
    if facts.lock_left_s < facts.call_s:
        return reject(Reason.LOCK_LOST, left_s=round(facts.lock_left_s, 3), needed_s=facts.call_s)
    age = check_age(approved.signal, facts.now, limits.router.max_signal_age_s)
    if not age.accepted:
        return age
    update = approved.signal.update
    if not limits.in_play and (update.phase is Phase.LIVE or facts.now >= update.event.kickoff):
        return reject(Reason.EVENT_STARTED)
    caps = limits.rules.caps(approved, facts)
    return age if caps.accepted else caps


def _belongs(approved: ApprovedSignal, facts: PlacementFacts) -> Verdict:
    """Return whether approval, Redis, risk book and account are those of the router's own run."""
    own = facts.run
    if approved.run != own:
        made_in = approved.run.mode.value if approved.run is not None else None
        return reject(Reason.OTHER_RUN, what="approval", its_mode=made_in, mode=own.mode.value)
    if facts.owner != own.run_id:
        return reject(Reason.OTHER_RUN, what="owner of this Redis")
    if facts.book_run != own.text:
        return reject(Reason.OTHER_RUN, what="risk book")
    if not facts.leading:
        return reject(Reason.FENCED, cause="the account's lease is not ours")
    return accept()


def _trading(approved: ApprovedSignal, facts: PlacementFacts, rules: PlacementRules) -> Verdict:
    if facts.trading.accepted or not facts.reducing:
        return facts.trading
    return rules.reducing(approved, facts)
