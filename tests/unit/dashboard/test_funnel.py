"""The funnel shows every rejection with its reason."""

from keter.dashboard.facts import LedgerFacts
from keter.dashboard.funnel import confirmed_stage, funnel
from keter.domain.order_states import OrderState
from keter.ledger import MoneySummary


def test_a_reason_that_begins_like_a_count_of_books_is_shown_all_the_same() -> None:
    """The router's book_limits is a verdict; the validator's book_... counts books."""
    stages = {
        stage.stage: stage
        for stage in funnel({"router:book_limits": 3, "validator:book_stale": 9, "validator:ok": 2})
    }
    assert stages["router"].reasons == {"book_limits": 3}
    assert stages["router"].rejected == 3
    assert stages["validator"].reasons == {}
    assert stages["validator"].passed == 2


def test_a_bet_whose_outcome_is_awaited_or_unknown_is_neither_confirmed_nor_rejected() -> None:
    states: dict[str, int] = {
        OrderState.FILLED: 3,
        OrderState.LOST: 2,
        OrderState.REFUSED: 4,
        OrderState.OPEN: 5,
        OrderState.UNKNOWN: 1,
    }
    amounts = dict.fromkeys(
        (
            "pnl_minor",
            "settled",
            "won",
            "lost",
            "staked_minor",
            "open",
            "outstanding_minor",
            "unknown",
            "unknown_stake_minor",
        ),
        0,
    )
    summary = MoneySummary(day="2026-11-28", states=states, **amounts)
    (stage,) = confirmed_stage(LedgerFacts(summary, [], [], [], []))
    assert (stage.passed, stage.rejected) == (5, 4)
    assert stage.reasons == {"refused": 4, "open": 5, "unknown": 1}
