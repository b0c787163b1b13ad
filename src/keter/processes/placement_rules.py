"""The rules of strategy and risk that the router holds a bet against right before it is made."""

from functools import partial

from keter.domain.exposure import terms_of
from keter.domain.signals import ApprovedSignal
from keter.domain.verdicts import Verdict
from keter.execution.placement_checks import PlacementFacts, PlacementLimits, PlacementRules
from keter.risk import reduce_only
from keter.risk.caps import Caps, Held, within_own_caps
from keter.risk.gate import as_exposure
from keter.settings import Settings
from keter.strategies.value.recheck import recheck_price


def placement_limits(settings: Settings) -> PlacementLimits:
    """Return the settings and rules that every placement is held against."""
    price = partial(recheck_price, settings.edge)
    caps = partial(_within_caps, settings)
    rules = PlacementRules(price, _reducing, caps)
    return PlacementLimits(settings.router, settings.stake, settings.validation.in_play, rules)


def _reducing(approved: ApprovedSignal, facts: PlacementFacts) -> Verdict:
    return reduce_only.recheck(approved, Held(facts.book, facts.of_others))


def _within_caps(settings: Settings, approved: ApprovedSignal, facts: PlacementFacts) -> Verdict:
    terms, common = terms_of(settings.account), settings.common_risk
    bet = as_exposure(approved.signal, approved.stake_minor, terms, approved.decision_id)
    held, caps = Held(facts.book, facts.of_others), Caps(facts.caps, common)
    return within_own_caps(bet, held, facts.staked_minor, caps)
