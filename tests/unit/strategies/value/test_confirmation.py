"""What waits is looked at again in time, and is audited once."""

from datetime import timedelta

import pytest

from keter.domain.market_kinds import Outcome
from keter.domain.verdicts import Reason, accept, reject
from keter.strategies.value.confirmation import SHORTEST_WAIT_S, Confirmation
from keter.strategies.value.edge import Judgement
from tests.kit.signals import NOW, an_update

UPDATE = an_update()
KEY = UPDATE.queue_key
HOME = Outcome.HOME


def waiting(wait_s: float, reason: Reason = Reason.AWAITING_CONFIRMATION) -> Judgement:
    return Judgement(HOME, reject(reason, wait_s=wait_s))


def test_a_value_that_waits_is_due_when_its_time_has_passed_and_only_once() -> None:
    memory = Confirmation(5.0)
    memory.note(UPDATE, [waiting(5.0)], memory.take(KEY), NOW)
    assert memory.due(NOW + timedelta(seconds=4.9)) == []
    assert memory.due(NOW + timedelta(seconds=5)) == [KEY]
    assert memory.take_due(KEY) is UPDATE
    assert memory.due(NOW + timedelta(seconds=5)) == []


def test_the_time_since_which_a_side_has_had_value_is_kept_until_it_has_none() -> None:
    memory = Confirmation(5.0)
    memory.note(UPDATE, [waiting(5.0)], memory.take(KEY), NOW)
    later = NOW + timedelta(seconds=2)
    known = memory.take(KEY)
    assert known.seen == {HOME: NOW}
    memory.note(UPDATE, [waiting(3.0)], known, later)
    assert memory.take(KEY).seen == {HOME: NOW}
    memory.note(UPDATE, [waiting(3.0)], known, later)
    memory.forget_value(KEY)
    assert memory.take(KEY).seen == {}


def test_without_a_window_nothing_is_remembered_of_values() -> None:
    memory = Confirmation(0.0)
    memory.note(UPDATE, [Judgement(HOME, accept())], memory.take(KEY), NOW)
    assert memory.take(KEY).seen == {}
    assert memory.due(NOW + timedelta(days=1)) == []


def test_an_unsettled_anchor_is_not_looked_at_more_often_than_its_feed_answers() -> None:
    memory = Confirmation(0.0)
    memory.note(UPDATE, [waiting(0.01, Reason.ANCHOR_UNSETTLED)], memory.take(KEY), NOW)
    assert memory.due(NOW + timedelta(seconds=SHORTEST_WAIT_S - 0.1)) == []
    assert memory.due(NOW + timedelta(seconds=SHORTEST_WAIT_S)) == [KEY]


@pytest.mark.parametrize("reason", [Reason.AWAITING_CONFIRMATION, Reason.ANCHOR_UNSETTLED])
def test_a_value_that_waits_is_news_when_it_is_first_seen(reason: Reason) -> None:
    memory = Confirmation(5.0)
    first = memory.take(KEY)
    assert first.is_news(waiting(5.0, reason))
    memory.note(UPDATE, [waiting(5.0, reason)], first, NOW)
    assert not memory.take(KEY).is_news(waiting(4.0, reason))


def test_values_are_news_at_every_look_and_low_ones_never() -> None:
    known = Confirmation(0.0).take(KEY)
    assert known.is_news(Judgement(HOME, accept()))
    assert known.is_news(Judgement(HOME, reject(Reason.EV_TOO_HIGH)))
    assert not known.is_news(Judgement(HOME, reject(Reason.EV_TOO_LOW)))
