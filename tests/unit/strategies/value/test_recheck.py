"""The value rule on a price that a book quotes right before the bet."""

import msgspec
import pytest

from keter.domain.order_calls import PlacementQuote
from keter.domain.verdicts import Reason
from keter.strategies.value.recheck import recheck_price
from keter.strategies.value.settings import EdgeSettings
from tests.kit.execution import a_signal

EDGE = EdgeSettings()
SIGNAL = a_signal(offers={"IBC": 2.20})


def quote(odds: float, book: str = "IBC") -> PlacementQuote:
    return PlacementQuote(book, odds, f"{odds:.3f}", 500, 100_000, rejected=False)


@pytest.mark.parametrize(
    ("odds", "reason"),
    [(2.20, Reason.OK), (2.05, Reason.EDGE_GONE), (2.60, Reason.EV_TOO_HIGH)],
)
def test_a_price_is_held_against_the_consensus_of_the_approval(odds: float, reason: Reason) -> None:
    verdict = recheck_price(EDGE, SIGNAL, quote(odds), 2.20)
    assert (verdict.accepted, verdict.reason) == (reason is Reason.OK, reason)
    assert verdict.numbers["min_ev_pct"] == EDGE.min_ev_pct
    assert float(verdict.numbers["ev_pct"] or 0) == pytest.approx(100 * (odds / 2 - 1), abs=2)


def test_without_enough_sharp_books_there_is_no_value_to_name() -> None:
    evidence = {**SIGNAL.fair.evidence, "min_sharp_sources": 3}
    fair = msgspec.structs.replace(SIGNAL.fair, evidence=evidence)
    signal = msgspec.structs.replace(SIGNAL, fair=fair)
    verdict = recheck_price(EDGE, signal, quote(2.20, "PIN"), 2.20)
    assert verdict.reason is Reason.TOO_FEW_SHARPS
    assert (verdict.numbers["ev_pct"], verdict.numbers["min_ev_pct"]) == (None, None)
