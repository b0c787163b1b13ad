"""A replay's book settles each bet on the score of its own sport."""

from datetime import timedelta

import msgspec

from keter.domain.feed import EventScore
from keter.domain.market_kinds import Outcome
from keter.domain.markets import parse_market
from keter.domain.quotes import Score
from keter.domain.sports_scores import BasketballScore
from keter.replay.simulated_book import SimulatedBook
from keter.settings import load_settings
from tests.kit.signals import NOW, a_signal, an_event

LATER = NOW + timedelta(hours=5)


def test_a_bet_of_another_sport_waits_for_a_score_that_settles_it() -> None:
    book = SimulatedBook(load_settings(None, {}))
    event = msgspec.structs.replace(an_event(), event_uid="bb-1-alpha-v-beta", sport="bb")
    spread = parse_market("bb", "ot.ah.-1.5")
    book.place(a_signal(event=event, market=spread, outcome=Outcome.HOME, odds=2.2), 1000, NOW)
    seen = EventScore(event.event_uid, Score(99, 97), None, True, LATER)
    assert book.settle(seen, LATER) == 0
    assert book.staked_open_minor == 1000
    scored = msgspec.structs.replace(seen, match=BasketballScore((90, 90), (99, 97)))
    assert book.settle(scored, LATER) == 1
    assert (book.staked_open_minor, book.pnl_minor) == (0, 1200)
