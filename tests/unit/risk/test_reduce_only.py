"""While trading is reducing no bet raises what its event may lose, whatever becomes of the promises
beside it.
"""

from dataclasses import replace
from itertools import combinations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keter.domain.exposure import Exposure, ExposureStatus, worst_case
from keter.domain.market_kinds import OUTCOMES, MarketKind, Outcome
from keter.domain.markets import Market, parse_market
from keter.domain.signals import ApprovedSignal, ConfirmedSignal
from keter.domain.sports import FULL_TIME
from keter.domain.trading import TradingMode
from keter.domain.verdicts import Reason, accept, reject
from keter.execution.placement_checks import PlacementFacts, recheck
from keter.risk.caps import Held
from keter.risk.gate import assess
from keter.risk.reduce_only import check
from tests.kit.execution import PLACEMENT_LIMITS, TOTALS, approved, fine_facts
from tests.kit.signals import NOW, a_signal, an_event
from tests.unit.risk.test_gate import CALM, LIMITS, elsewhere, limited, taken

STOPPED = reject(Reason.TRADING_NOT_ACTIVE, cause=TradingMode.REDUCING.value)
REDUCING = replace(CALM, trading=STOPPED, reducing=True)
HOME = parse_market("fb", "ft.ah.-0.5")
OVER = a_signal(market=TOTALS, outcome=Outcome.OVER)
UNDER = a_signal(market=TOTALS, outcome=Outcome.UNDER)
RESERVED = ExposureStatus.RESERVED


@st.composite
def at_risk(draw: st.DrawFn) -> Exposure:
    kind = draw(st.sampled_from(MarketKind))
    lines = {
        MarketKind.ASIAN_HANDICAP: st.integers(-10, 10),
        MarketKind.OVER_UNDER: st.integers(1, 14),
    }
    market = Market(FULL_TIME, kind, draw(lines.get(kind, st.none())))
    status = draw(st.sampled_from(ExposureStatus))
    stake = draw(st.integers(1, 5_000))
    return Exposure(
        "d", "e", "L", market, draw(st.sampled_from(OUTCOMES[kind])), stake, "2.00", status, NOW
    )


@settings(max_examples=100, deadline=None)
@given(at_risk(), st.lists(at_risk(), max_size=5))
def test_what_passes_raises_nothing_whichever_reservations_become_bets(
    bet: Exposure, others: list[Exposure]
) -> None:
    verdict = check(bet, Held(others))
    bets = [other for other in others if other.status is ExposureStatus.BET]
    promised = [other for other in others if other.status is RESERVED]
    kept = [
        [*bets, *some]
        for count in range(len(promised) + 1)
        for some in combinations(promised, count)
    ]
    if verdict.accepted:
        assert all(worst_case([*some, bet]) <= worst_case(bets) for some in kept)
    else:
        assert worst_case([*others, bet]) > worst_case(bets)


def test_the_other_side_of_an_open_bet_passes_up_to_its_stake_and_names_its_numbers() -> None:
    made = assess(OVER, replace(REDUCING, exposures=(taken(UNDER),)), LIMITS)
    verdict = made.verdict
    assert (verdict.accepted, made.stake_minor) == (True, 1000)
    assert (verdict.numbers["reducing"], verdict.numbers["event_minor"]) == (True, 1000)
    verdict, _ = assess(OVER, replace(REDUCING, exposures=(taken(UNDER, 999),)), LIMITS)
    assert (verdict.reason, verdict.numbers) == (
        Reason.RAISES_EXPOSURE,
        {"event_minor": 999, "would_be_minor": 1000},
    )


@pytest.mark.parametrize(
    "others",
    [
        (),
        (taken(a_signal(market=HOME)),),
        (elsewhere(5000, "L"),),
        (taken(UNDER, status=RESERVED),),
    ],
    ids=[
        "nothing open",
        "another outcome that can lose beside it",
        "another event",
        "only a promise to lie beside",
    ],
)
def test_what_could_lose_more_is_refused_by_name(others: tuple[Exposure, ...]) -> None:
    assert (
        assess(OVER, replace(REDUCING, exposures=others), LIMITS)[0].reason
        is Reason.RAISES_EXPOSURE
    )


def test_two_promises_do_not_share_the_bet_they_lie_beside() -> None:
    """Each alone would raise nothing; both becoming bets would."""
    beside = (
        taken(UNDER, 1500),
        taken(
            a_signal(market=parse_market("fb", "ft.ou.2.25"), outcome=Outcome.OVER), 1000, RESERVED
        ),
    )
    assert (
        assess(OVER, replace(REDUCING, exposures=beside), LIMITS)[0].reason
        is Reason.RAISES_EXPOSURE
    )


def test_a_bet_filled_in_part_is_lain_beside_with_that_part_only() -> None:
    """The venue took 900 of 1500 at 2.20; the rest may come or not, so the caps count it and this
    does not. The fill loses 900 or wins 1080, so beside it 1980 may be lost.
    """
    part = msgspec.structs.replace(taken(UNDER, 1500), fills=((900, "2.20"),))
    assert check(taken(OVER, 1980), Held([part])).accepted
    assert check(taken(OVER, 1981), Held([part])).reason is Reason.RAISES_EXPOSURE


def test_the_caps_hold_while_reducing_too() -> None:
    context = replace(REDUCING, exposures=(taken(UNDER), elsewhere(99_001, "OTHER")))
    assert assess(OVER, context, limited(max_exposure_day=9999))[0].reason is Reason.EXPOSURE_TOTAL


def test_an_active_day_asks_nothing_of_the_kind() -> None:
    verdict, _ = assess(OVER, CALM, LIMITS)
    assert verdict.accepted and "reducing" not in verdict.numbers


def facts(*book: Exposure) -> PlacementFacts:
    return fine_facts(trading=STOPPED, reducing=True, book=book)


def own(signal: ApprovedSignal, stake_minor: int = 1000) -> Exposure:
    made = taken(signal.signal, stake_minor, RESERVED)
    return msgspec.structs.replace(made, decision_id=signal.decision_id)


def beside(signal: ApprovedSignal, stake_minor: int) -> Exposure:
    return msgspec.structs.replace(
        taken(signal.signal, stake_minor), outcome=Outcome.UNDER, decision_id="other"
    )


def test_the_last_look_judges_by_the_book_as_it_stands_now() -> None:
    plain = approved()
    signal = msgspec.structs.replace(plain, reducing=True)
    mine = own(signal)
    assert recheck(signal, facts(mine, beside(signal, 1000)), PLACEMENT_LIMITS).accepted
    assert (
        recheck(signal, facts(mine, beside(signal, 999)), PLACEMENT_LIMITS).reason
        is Reason.RAISES_EXPOSURE
    )
    assert recheck(signal, facts(mine), PLACEMENT_LIMITS).reason is Reason.RAISES_EXPOSURE, (
        "the bet beside it was refused meanwhile"
    )
    assert (
        recheck(signal, facts(beside(signal, 1000)), PLACEMENT_LIMITS).reason is Reason.SIGNAL_STALE
    )
    unmarked = recheck(plain, facts(mine, beside(signal, 1000)), PLACEMENT_LIMITS)
    assert (unmarked.reason, unmarked.numbers) == (
        Reason.RAISES_EXPOSURE,
        {"cause": "approved before REDUCING"},
    )
    paused = replace(facts(mine, beside(signal, 1000)), reducing=False)
    assert recheck(signal, paused, PLACEMENT_LIMITS).reason is Reason.TRADING_NOT_ACTIVE
    active = replace(paused, trading=accept())
    assert recheck(signal, active, PLACEMENT_LIMITS).accepted, (
        "trading was resumed: the mark binds nobody any more"
    )


def test_a_stake_that_was_lowered_since_its_reservation_is_judged_as_it_will_be_sent() -> None:
    signal = msgspec.structs.replace(approved(stake_minor=800), reducing=True)
    assert recheck(signal, facts(own(signal), beside(signal, 800)), PLACEMENT_LIMITS).accepted


def test_bets_of_other_events_are_nothing_to_lie_beside() -> None:
    other = taken(a_signal(market=TOTALS, outcome=Outcome.UNDER, event=an_event("Gamma")))
    assert check(taken(OVER), Held([other])).reason is Reason.RAISES_EXPOSURE


def test_what_covers_another_accounts_bet_is_not_taken_away_by_reducing_ones_own() -> None:
    def filled(signal: ConfirmedSignal, stake: int) -> Exposure:
        return msgspec.structs.replace(
            taken(signal, stake), odds="2.10", fills=((stake, "2.10"),), stake_minor=stake
        )

    bet, own, theirs = taken(UNDER, 1000), filled(OVER, 1000), filled(UNDER, 1000)
    assert check(bet, Held([own])).accepted, "alone it covers the account's own bet"
    assert check(bet, Held([own], [theirs])).reason is Reason.RAISES_EXPOSURE
    assert check(bet, Held([own], [filled(OVER, 2000)])).accepted
