"""The rules of injected faults."""

import random
from statistics import median, quantiles
from typing import Any

import pytest

from keter.venues.asianodds.simulator.config import BettingConfig
from keter.venues.asianodds.simulator.decisions import draw
from keter.venues.asianodds.simulator.faults import KINDS, FaultKind, Faults, parse_rule
from keter.venues.asianodds.simulator.spoil import as_xml, spoil_rows


def test_every_kind_is_described() -> None:
    assert set(KINDS) == set(FaultKind)


def test_a_rule_skips_then_strikes_as_often_as_it_says_and_is_counted() -> None:
    faults = Faults([{"kind": "lost_after", "count": 2, "skip": 1}])
    struck = [faults.take(FaultKind.LOST_AFTER, "placebet") is not None for _ in range(5)]
    assert struck == [False, True, True, False, False]
    assert faults.injected == {FaultKind.LOST_AFTER: 2}


def test_a_rule_strikes_only_its_routes() -> None:
    faults = Faults(
        [
            {"kind": "http_error"},
            {"kind": "bom", "route": "getfeeds,getbets"},
            {"kind": "lost_before"},
        ]
    )
    assert faults.take(FaultKind.HTTP_ERROR, "anything") is not None
    assert [
        faults.take(FaultKind.BOM, route) is not None for route in ("getfeeds", "getbets", "login")
    ] == [True, True, False]
    assert faults.take(FaultKind.LOST_BEFORE, "getfeeds") is None


def test_probabilities_are_repeatable() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults([{"kind": "bom", "probability": 0.3}], seed=seed)
        return [faults.take(FaultKind.BOM, "getfeeds") is not None for _ in range(1000)]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)
    assert 240 < sum(strikes(1)) < 360


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({}, "kind must be one of"),
        ({"kind": "nonsense"}, "kind must be one of"),
        ({"kind": "bom", "delay_s": 3}, "does not know delay_s"),
        ({"kind": "bom", "probability": 2}, "probability"),
        ({"kind": "bom", "skip": -1}, "skip"),
    ],
)
def test_a_rule_that_is_wrong_says_why(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_rule(rule)


def test_replacing_with_a_wrong_rule_changes_nothing() -> None:
    faults = Faults([{"kind": "bom"}])
    with pytest.raises(ValueError, match="kind"):
        faults.replace([{"kind": "slow"}, {"kind": "nonsense"}])
    assert [rule.kind for rule in faults.rules] == [FaultKind.BOM]


def test_bet_rows_are_doubled_and_shuffled_but_none_is_made_up() -> None:
    rows = [{"n": n} for n in range(20)]
    faults = Faults([{"kind": "duplicate_rows"}, {"kind": "reordered_rows"}])
    spoiled = spoil_rows(faults, "getbets", rows)
    assert len(spoiled) == 40
    assert spoiled != [row for row in rows for _ in range(2)]
    assert {row["n"] for row in spoiled} == set(range(20))


def test_xml_is_escaped() -> None:
    assert (
        as_xml({"a": ["<&", None], "b": 1})
        == "<Answer><a><Item>&lt;&amp;</Item><Item></Item></a><b>1</b></Answer>"
    )


def test_acceptance_and_refusal_come_as_in_the_recorded_bets() -> None:
    """Protocol page 5.2: PIN refuses 18 %, after 0.5 s; accepted after a median of 14 s, 90 %
    within 43 s, at most 157 s.
    """
    rng, config = random.Random(1), BettingConfig()
    decisions = [draw(rng, "PIN", config, 1.0, 0) for _ in range(20_000)]
    accepted = [d.due_ms / 1000 for d in decisions if d.refusal is None]
    refused = [d.due_ms / 1000 for d in decisions if d.refusal is not None]
    assert len(refused) / len(decisions) == pytest.approx(0.18, abs=0.01)
    assert median(accepted) == pytest.approx(14, rel=0.05)
    assert quantiles(accepted, n=10)[-1] == pytest.approx(43, rel=0.05)
    assert max(accepted) <= 157
    assert median(refused) == pytest.approx(0.5, rel=0.08)
    lower = sum(d.refusal == "Odd changed to lower price." for d in decisions)
    assert lower / len(refused) == pytest.approx(242 / 362, abs=0.03)
