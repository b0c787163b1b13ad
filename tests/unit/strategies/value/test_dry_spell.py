"""A dry spell is long when it lasts and has many markets; its alert is raised and cleared once."""

from datetime import datetime, timedelta

from keter.domain.market_kinds import Outcome
from keter.domain.verdicts import Reason, accept, reject
from keter.strategies.value.dry_spell import DrySpell
from keter.strategies.value.edge import Judgement
from tests.kit.signals import NOW

LOW = [Judgement(Outcome.HOME, reject(Reason.EV_TOO_LOW))]
VALUE = [Judgement(Outcome.HOME, accept()), *LOW]
OTHER = [Judgement(Outcome.HOME, reject(Reason.TOO_FEW_SHARPS))]


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def a_spell() -> DrySpell:
    return DrySpell(NOW, least_minutes=60, least_markets=2)


def test_it_is_long_after_its_time_and_over_enough_markets_only() -> None:
    spell = a_spell()
    assert spell.note("a", LOW, at(61)) is None, "one market"
    assert spell.note("a", LOW, at(62)) is None, "the same market counts once"
    assert spell.note("c", OTHER, at(63)) is None, "no verdict on its value"
    assert spell.note("b", LOW, at(64)) == "raise"
    assert (spell.markets, spell.minutes(at(64))) == (2, 64)


def test_a_quiet_hour_with_many_markets_is_not_long() -> None:
    spell = a_spell()
    assert [spell.note(name, LOW, at(59)) for name in "abc"] == [None] * 3


def test_the_alert_is_raised_once_and_cleared_by_a_value() -> None:
    spell = a_spell()
    spell.note("a", LOW, at(61))
    assert spell.note("b", LOW, at(62)) == "raise"
    assert spell.note("b", LOW, at(63)) == "raise", "it was not raised yet"
    spell.note_alert(raised=True)
    assert spell.note("c", LOW, at(64)) is None
    assert spell.note("a", VALUE, at(65)) == "clear"
    spell.note_alert(raised=False)
    assert spell.note("a", VALUE, at(66)) is None
    assert (spell.markets, spell.minutes(at(67))) == (0, 1)


def test_the_first_value_clears_the_alert_of_an_earlier_process() -> None:
    assert a_spell().note("a", VALUE, at(1)) == "clear"
