"""The funnel: what passed each stage of the pipeline today, and why the rest did not. Pure."""

from keter.dashboard import models
from keter.dashboard.facts import LedgerFacts
from keter.domain.order_states import SETTLED, OrderState

STAGES = ("ingest", "validator", "edge", "guard", "router")
PASSED = "ok"
CONFIRMED = SETTLED | {OrderState.PARTLY_FILLED, OrderState.FILLED}


def funnel(counts: dict[str, int]) -> list[models.FunnelStage]:
    """Return per stage what passed and why the rest did not.

    Of ingest, changed markets pass and problems of the feed do not.
    """
    return [_stage(stage, counts) for stage in STAGES]


def _stage(stage: str, counts: dict[str, int]) -> models.FunnelStage:
    prefix = f"{stage}:"
    own = {name.removeprefix(prefix): n for name, n in counts.items() if name.startswith(prefix)}
    if stage == "ingest":
        own = {PASSED: own.get("changed", 0)} | {
            name.removeprefix("problem_"): n
            for name, n in own.items()
            if name.startswith("problem_")
        }
    # The validator's names with book_ count books, not selections. The router's book_limits is a
    # reason.
    books = {name for name in own if stage == "validator" and name.startswith("book_")}
    reasons = {name: n for name, n in own.items() if name != PASSED and name not in books}
    return models.FunnelStage(
        stage=stage,
        passed=own.get(PASSED, 0),
        rejected=sum(reasons.values()),
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


def confirmed_stage(ledger: LedgerFacts | None) -> list[models.FunnelStage]:
    """Return the last stage: what the books did with the day's bets.

    It is empty while the ledger cannot be read. Bets whose outcome is awaited or unknown are
    neither passed nor rejected; they are shown beside the refusals.
    """
    if ledger is None:
        return []
    states = ledger.summary.states
    reasons = {
        name: states[state]
        for name, state in (
            ("refused", OrderState.REFUSED),
            ("open", OrderState.OPEN),
            ("unknown", OrderState.UNKNOWN),
        )
        if states.get(state)
    }
    passed = sum(count for state, count in states.items() if OrderState(state) in CONFIRMED)
    return [
        models.FunnelStage(
            stage="confirmed", passed=passed, rejected=reasons.get("refused", 0), reasons=reasons
        )
    ]
