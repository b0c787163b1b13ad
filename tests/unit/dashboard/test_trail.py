"""The drawer tells a bet's whole life, from the venue's answer on, in words that its evidence bears
out.
"""

from datetime import timedelta

import msgspec

from keter.dashboard.models import OrderTrail
from keter.dashboard.trail import figures_text, trail
from keter.domain.order_states import OrderState
from keter.domain.orders import Order, Transition
from keter.domain.signals import Decision
from keter.domain.verdicts import Reason, accept, reject
from tests.kit.execution import NOW, an_intent, approved

QUOTES = [
    {
        "book": "P88",
        "price": "2.21",
        "minimum_minor": 500,
        "maximum_minor": 104000,
        "rejected": False,
        "message": "",
    },
    {"book": "GA", "rejected": True, "message": "closed"},
]
TICKET = {
    "ticket_id": "c45c0f75b6053",
    "book": "P88",
    "odds": "2.21",
    "stake_minor": 1000,
    "message": "",
}


def told(
    *transitions: Transition, decisions: list[Decision] | None = None, signal: bytes = b""
) -> OrderTrail:
    bet = Order(
        an_intent(signal=signal),
        transitions[-1].target if transitions else OrderState.INTENDED,
        NOW,
    )
    return trail(bet, decisions or [], transitions, (None, None), lambda shown: shown)


def step(
    target: OrderState,
    cause: str,
    after_s: float,
    source: OrderState | None = OrderState.INTENDED,
    **evidence: object,
) -> Transition:
    return Transition(
        "i1", source, target, NOW + timedelta(seconds=after_s), cause, "router", evidence
    )


def test_it_begins_with_the_venue_s_answer_that_the_intent_keeps() -> None:
    signal = approved(at=NOW)
    found = told(step(OrderState.INTENDED, "intent", 2, None), signal=msgspec.json.encode(signal))
    first = found.steps[0]
    assert (first.stage, first.worker, first.outcome, first.delta_s) == (
        "feed",
        "ingest",
        "received",
        None,
    )
    assert first.at == signal.signal.update.received_at
    assert f"{len(signal.signal.update.books)} books" in first.text
    assert first.raw["event"]["home"] == signal.signal.update.event.home
    assert found.steps[-1].text == "Written into the ledger before the venue is asked."
    assert (
        found.steps[-1].delta_s == (NOW + timedelta(seconds=2) - found.steps[-2].at).total_seconds()
    )


def test_validation_has_its_own_row_with_the_books_it_left_out() -> None:
    plain = approved(at=NOW)
    later = msgspec.structs.replace(
        plain.signal,
        validated_at=NOW + timedelta(seconds=0.3),
        dropped={"SBO": "stale", "GA": "from_future"},
    )
    found = told(signal=msgspec.json.encode(msgspec.structs.replace(plain, signal=later))).steps[1]
    assert (found.stage, found.worker, found.outcome, found.delta_s) == (
        "validator",
        "validator",
        "passed",
        0.3,
    )
    assert found.text == "left out: GA (from future), SBO (stale)"
    assert found.raw == {"dropped": {"SBO": "stale", "GA": "from_future"}}


def test_a_market_that_the_edge_worker_validated_anew_says_so() -> None:
    found = told(signal=msgspec.json.encode(approved(at=NOW))).steps[1]
    assert (found.worker, found.text) == ("edge", "all 4 books may be used")


def test_a_signal_of_a_version_that_did_not_say_when_it_was_validated_has_no_such_row() -> None:
    payload = msgspec.json.decode(msgspec.json.encode(approved(at=NOW)))
    del payload["signal"]["validated_at"], payload["signal"]["dropped"]
    assert [row.stage for row in told(signal=msgspec.json.encode(payload)).steps] == ["feed"]


def test_a_signal_that_nobody_can_read_any_more_hides_nothing_else() -> None:
    found = told(step(OrderState.INTENDED, "intent", 0, None), signal=b'{"v": 99}')
    assert [row.stage for row in found.steps] == ["bet"]


def test_each_step_says_what_its_evidence_holds() -> None:
    found = told(
        step(OrderState.QUOTED, "quoted", 0.1, quotes=QUOTES, ev_pct=6.1),
        step(OrderState.SENDING, "sending", 0.2, prices=[["P88", "2.21"]], stake_minor=1000),
        step(OrderState.OPEN, "sent", 0.3, kind="sent", message="", code=None),
        step(
            OrderState.FILLED, "venue", 9, tickets=[TICKET | {"status": "running", "result": None}]
        ),
        step(
            OrderState.FILLED,
            "closing_price",
            20,
            OrderState.FILLED,
            seen_at="2026-02-21T12:00:20Z",
        ),
        step(
            OrderState.HALF_WON,
            "venue",
            90,
            tickets=[TICKET | {"status": "settled", "result": "HALF_WON"}],
        ),
    )
    assert [row.text for row in found.steps] == [
        "P88 2.21 for 5.00 to 1040.00; GA quotes nothing: closed",
        "10.00 at P88 2.21",
        "The venue took it; whether the book does is not known yet.",
        "ticket c45c0f75 running, 10.00 at P88 2.21",
        "Fair price shortly before the kick-off seen: the closing line.",
        "ticket c45c0f75 settled half won, 10.00 at P88 2.21",
    ]
    assert [row.stage for row in found.steps][-2:] == ["closing line", "settlement"]
    assert all(row.ok for row in found.steps)


def test_what_went_wrong_says_why() -> None:
    refused = told(
        step(
            OrderState.REFUSED,
            "venue",
            1,
            tickets=[TICKET | {"status": "refused", "message": "Odd changed"}],
        )
    )
    unknown = told(
        step(OrderState.UNKNOWN, "timeout", 20, kind="timeout", message="no answer within 20 s")
    )
    skipped = told(step(OrderState.SKIPPED, Reason.PRICE_MOVED.value, 1, odds=2.0))
    texts = [found.steps[0].text for found in (refused, unknown, skipped)]
    assert texts == [
        "ticket c45c0f75 refused, 10.00 at P88 2.21: Odd changed", "timeout no answer within 20 s",
        Reason.PRICE_MOVED.description,
    ]  # fmt: skip
    assert not any(found.steps[0].ok for found in (refused, unknown, skipped))


def test_a_rejection_gives_its_reason_and_then_its_figures() -> None:
    intent = an_intent()
    verdicts = (
        accept(stake_minor=1000, ev_pct=5.4881),
        reject(Reason.EV_TOO_LOW, ev_pct=1.2, min_ev_pct=5.0),
    )
    decisions = [
        Decision(
            intent.trace_id, "edge", "edge", intent.event_uid, intent.selection_id, verdict, NOW
        )
        for verdict in verdicts
    ]
    passed, refused = told(decisions=decisions).steps
    assert passed.text == "stake 10.00, edge 5.49 %"
    assert refused.text == f"{Reason.EV_TOO_LOW.description} edge 1.20 %, least edge 5.00 %"


def test_the_guard_s_row_begins_with_the_tightest_limit_and_what_is_left_of_it() -> None:
    numbers = {
        "stake_minor": 1000,
        "tightest": "event",
        "tightest_left_minor": 1000,
        "tightest_limit_minor": 5000,
    }
    assert (
        figures_text(numbers | {"total_minor": 4000})
        == "tightest limit: event, 10.00 left of 50.00, stake 10.00, in all 40.00"
    )
    counted = {"tightest": "bets on the event", "tightest_left": 0, "tightest_limit": 3}
    assert figures_text(counted) == "tightest limit: bets on the event, 0 left of 3"


def test_figures_are_for_people() -> None:
    assert figures_text(
        {"sharps": "PIN,ISN", "age_s": 0.41234, "fair_odds": 1.93399, "nothing": None}
    ) == ("sharps PIN, ISN, age 0.4123 s, fair 1.934")
