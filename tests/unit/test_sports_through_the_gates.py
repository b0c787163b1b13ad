"""A price of each sport goes through the real gates to the cent that its score makes of it."""

from datetime import timedelta
from decimal import Decimal

import pytest

from keter.domain.exposure import worst_case
from keter.domain.feed import EventScore
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Event, Market, Phase, event_uid, parse_market
from keter.domain.order_states import OrderState
from keter.domain.placements import PaperTicket
from keter.domain.quotes import MarketUpdate, Score
from keter.domain.signals import ConfirmedSignal, ValidatedMarket
from keter.domain.sports import FOOTBALL, SPORTS, LineModel
from keter.domain.sports_scores import (
    BaseballScore,
    BasketballScore,
    FootballScore,
    HockeyScore,
    MatchScore,
    TennisScore,
)
from keter.domain.verdicts import Reason
from keter.risk.gate import assess
from keter.strategies.value.consensus_inputs import wanted_others
from keter.strategies.value.edge import evaluate
from keter.strategies.value.evidence import explain, recompute
from keter.strategies.value.settings import EdgeSettings, ValidationSettings
from keter.strategies.value.validation import validate
from keter.venues.paper.tickets import RESULT_DEADLINE, as_venue_ticket, settlement_of
from tests.kit.signals import NOW, an_update, prices
from tests.unit.risk.test_gate import CALM, LIMITS

KICKOFF = NOW + timedelta(hours=3)
EDGE = EdgeSettings(min_ev_pct=1)
GOALS = FootballScore((1, 1), (0, 0))
SETS = TennisScore(((6, 4), (3, 6), (7, 6)))  # 2-1 in sets, 16-16 in games
RUNS = BaseballScore(home=(0, 0, 1, 0, 0, 0, 3, 0), away=(1, 0, 0, 1, 0, 0, 0, 0, 0))  # 4-2
OVERTIME = BasketballScore((101, 101), (110, 113))
SHOOTOUT = HockeyScore((2, 2), (3, 2))


def event_of(sport: str) -> Event:
    uid = event_uid(sport, KICKOFF, "Alpha", "Beta")
    return Event(uid, sport, "*DEMO LEAGUE", "Alpha", "Beta", KICKOFF)


def offered(market: Market, outcome: Outcome) -> MarketUpdate:
    """Return a market on which three sharp books agree and one pays 8 % too much on a side."""
    fair = {2: (1.95, 1.95), 3: (2.9, 2.9, 2.9)}[len(market.outcomes)]
    chance = (1 / fair[0]) / sum(1 / odds for odds in fair)
    soft = [odds * 0.9 for odds in fair]
    soft[market.outcomes.index(outcome)] = round(1.08 / chance, 3)
    books = [prices(book, *fair) for book in ("PIN", "ISN", "SBO")]
    return an_update(*books, prices("IBC", *soft), event=event_of(market.sport), market=market)


def signal_of(update: MarketUpdate, outcome: Outcome) -> tuple[ValidatedMarket, ConfirmedSignal]:
    verdict, validated = validate(update, ValidationSettings(), NOW)
    assert verdict.accepted
    assert validated is not None
    judged = next(one for one in evaluate(validated, EDGE, NOW) if one.outcome is outcome)
    assert judged.verdict.reason is Reason.OK
    assert judged.signal is not None
    return validated, judged.signal


def paper_ticket(signal: ConfirmedSignal, stake_minor: int) -> PaperTicket:
    event, best = signal.update.event, signal.offers[0]
    return PaperTicket(
        ticket_id="p1",
        account="asianodds:demo",
        reference="kt1",
        book=best.book,
        odds=best.text,
        stake_minor=stake_minor,
        event_uid=event.event_uid,
        league=event.league,
        home=event.home,
        away=event.away,
        kickoff=event.kickoff,
        market=signal.update.market,
        outcome=signal.outcome,
        placed_at=NOW,
        decided_at=NOW,
        refused=False,
        score_at_bet=signal.update.score_at_bet,
    )


@pytest.mark.parametrize(
    ("sport", "market_id", "outcome", "match", "halves"),
    [
        ("fb", "ft.ah.-0.25", "home", GOALS, -1),
        ("fb", "ht.1x2", "draw", GOALS, 2),
        ("te", "ft.ml", "home", SETS, 2),
        ("te", "ft.sets-ah.-1.5", "home", SETS, -2),
        ("te", "ft.sets-ou.2.5", "over", SETS, 2),
        ("te", "ft.games-ah.0", "away", SETS, 0),
        ("te", "ft.games-ah.-0.5", "away", SETS, 2),
        ("te", "ft.games-ou.32.5", "under", SETS, 2),
        ("te", "s1.games-ou.9.5", "over", SETS, 2),
        ("bs", "ft.ml", "home", RUNS, 2),
        ("bs", "ft.ah.-1.5", "home", RUNS, 2),
        ("bs", "ft.ou.6", "over", RUNS, 0),
        ("bs", "f5.ml", "home", RUNS, -2),
        ("bs", "f5.ou.3.5", "under", RUNS, 2),
        ("bb", "ot.ml", "away", OVERTIME, 2),
        ("bb", "ot.ah.2.5", "home", OVERTIME, -2),
        ("bb", "ot.ou.221", "over", OVERTIME, 2),
        ("bb", "reg.1x2", "draw", OVERTIME, 2),
        ("bb", "reg.ou.202.5", "under", OVERTIME, 2),
        ("ih", "ot.ml", "home", SHOOTOUT, 2),
        ("ih", "ot.ou.5", "under", SHOOTOUT, 0),
        ("ih", "reg.ml", "home", SHOOTOUT, 0),
        ("ih", "reg.ah.-0.5", "home", SHOOTOUT, -2),
    ],
)
def test_a_price_of_every_sport_becomes_a_bet_and_is_settled(
    sport: str, market_id: str, outcome: str, match: MatchScore, halves: int
) -> None:
    market, outcome = parse_market(sport, market_id), Outcome(outcome)
    _, signal = signal_of(offered(market, outcome), outcome)
    risk = assess(signal, CALM, LIMITS)
    assert risk.exposure is not None
    assert worst_case([risk.exposure]) == risk.stake_minor > 0
    ticket = paper_ticket(signal, risk.stake_minor)
    shown = match.full_time if isinstance(match, FootballScore) else (0, 0)
    score = EventScore(
        ticket.event_uid,
        Score(*(shown or (0, 0))),
        match.half_time if isinstance(match, FootballScore) else None,
        ended=True,
        observed_at=KICKOFF + timedelta(hours=3),
        match=None if isinstance(match, FootballScore) else match,
    )
    settled = settlement_of(ticket, score, score.observed_at, from_score_at_bet=True)
    assert settled is not None
    win = Decimal(ticket.odds) - 1 if halves > 0 else Decimal(1)
    expected = win * ticket.stake_minor * halves / 2
    assert abs(settled.profit_minor - expected) <= Decimal("0.5")
    assert (
        settled.state
        in {
            2: {OrderState.WON},
            0: {OrderState.PUSHED},
            -1: {OrderState.HALF_LOST},
            -2: {OrderState.LOST},
        }[halves]
    )
    assert as_venue_ticket(ticket, None, NOW).sport == sport


@pytest.mark.parametrize("sport", [sport for sport in SPORTS if sport != "fb"])
def test_without_its_own_score_a_bet_waits_and_is_void_in_the_end(sport: str) -> None:
    period = SPORTS[sport].periods[0]
    market = Market(period.code, "ml", None, sport)
    _, signal = signal_of(offered(market, Outcome.HOME), Outcome.HOME)
    ticket = paper_ticket(signal, 1000)
    seen = EventScore(ticket.event_uid, Score(3, 1), None, True, KICKOFF)
    assert settlement_of(ticket, seen, KICKOFF, from_score_at_bet=True) is None
    late = KICKOFF + RESULT_DEADLINE + timedelta(seconds=1)
    void = settlement_of(ticket, seen, late, from_score_at_bet=True)
    assert void is not None
    assert (void.state, void.profit_minor) == (OrderState.VOID, 0)


@pytest.mark.parametrize(
    ("sport", "market_id", "basis"),
    [
        ("fb", "ft.ou.3", "total"),
        ("te", "ft.ml", "result"),  # nobody draws
        ("te", "ft.games-ou.22", "action"),
        ("te", "ft.games-ou.22.5", "result"),
        ("bs", "f5.ml", "action"),  # level after five innings gives the stake back
        ("bb", "ot.ah.-5", "action"),
        ("ih", "reg.ml", "action"),
        ("ih", "ot.ml", "result"),
    ],
)
def test_only_football_says_how_often_a_line_pushes(sport: str, market_id: str, basis: str) -> None:
    market = parse_market(sport, market_id)
    outcome = market.outcomes[0]
    _, signal = signal_of(offered(market, outcome), outcome)
    evidence = signal.fair.evidence
    assert recompute(evidence).identical
    assert f"basis: {basis}" in explain(evidence)
    [consensus] = recompute(evidence).evidence.consensus
    assert consensus.inputs.market == market


def test_only_football_asks_for_other_markets_of_the_event() -> None:
    hungry = EdgeSettings(min_sharp_sources=3)
    for sport in SPORTS.values():
        period = sport.periods[0]
        for kind in period.kinds:
            line = None if kind.unit.value == "winner" else -2
            market = Market(period.code, kind.text, line, sport.code)
            validated, _ = signal_of(offered(market, market.outcomes[0]), market.outcomes[0])
            wanted = wanted_others(validated, hungry, NOW)
            assert all(other.sport == sport.code for other in wanted)
            if sport.line_model is LineModel.EXACT_LINE_ONLY:
                assert wanted == ()
    football = parse_market("fb", "ft.ah.-0.5")
    validated, _ = signal_of(offered(football, Outcome.HOME), Outcome.HOME)
    assert len(wanted_others(validated, hungry, NOW)) == 5


@pytest.mark.parametrize("code", SPORTS)
def test_a_bet_in_play_counts_from_the_score_in_football_only(code: str) -> None:
    sport = SPORTS[code]
    market = Market(sport.periods[0].code, "ml", None, code)
    update = an_update(event=event_of(code), market=market, phase=Phase.LIVE, score=Score(2, 1, 30))
    assert update.score_at_bet == ((2, 1) if sport is FOOTBALL else None)
