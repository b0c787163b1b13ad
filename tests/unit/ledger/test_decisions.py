"""Decisions come back as they were written."""

from datetime import timedelta

import msgspec
from sqlalchemy import text
from sqlalchemy.engine import Connection

from keter.domain.signals import Decision
from keter.domain.verdicts import Reason, accept, reject
from keter.ledger import Ledger
from tests.kit.execution import NOW


def a_decision(
    trace_id: str, reason: Reason = Reason.OK, stage: str = "edge", age_d: int = 0
) -> Decision:
    verdict = (
        accept(ev_pct=5.25, book="PIN") if reason is Reason.OK else reject(reason, ev_pct=None)
    )
    details: dict[str, object] = {"quotes": [["PIN", 1.95]]}
    return Decision(
        trace_id,
        stage,
        "edge-2",
        "ev",
        "ft.1x2.home",
        verdict,
        NOW - timedelta(days=age_d),
        details,
        "d1",
    )


async def test_decisions_are_found_by_trace_stage_and_reason(ledger: Ledger) -> None:
    rows = [a_decision("t1"), a_decision("t2", Reason.EV_TOO_LOW), a_decision("t1", stage="guard")]
    await ledger.decisions.add_many(rows)
    assert await ledger.decisions.by_trace("t1") == [rows[0], rows[2]]
    assert await ledger.decisions.recent(2) == [rows[2], rows[1]]
    assert await ledger.decisions.recent(stage="edge", reason="ev_too_low") == [rows[1]]


async def test_old_decisions_are_pruned_piece_by_piece(ledger: Ledger) -> None:
    await ledger.decisions.add_many([a_decision(f"t{n}", age_d=n) for n in range(10)])
    assert await ledger.decisions.prune(NOW - timedelta(days=4), limit=3) == 3
    assert await ledger.decisions.prune(NOW - timedelta(days=4), limit=3) == 2
    assert len(await ledger.decisions.recent()) == 5


async def test_long_details_are_packed_and_come_back_and_plain_ones_of_before_are_read(
    ledger: Ledger,
) -> None:
    details: dict[str, object] = {"evidence": {"quotes": [["PIN", [1.95, 2.0], "Köln 1–0"]] * 60}}
    long = msgspec.structs.replace(a_decision("t1"), details=details)
    await ledger.decisions.add_many([long, a_decision("t2")])

    def rewrite(connection: Connection) -> list[str]:
        found = list(
            connection.execute(text("SELECT details FROM decisions ORDER BY id")).scalars()
        )
        plain = {"text": msgspec.json.encode(details).decode()}
        connection.execute(
            text("UPDATE decisions SET trace_id = 't3', details = :text WHERE trace_id = 't2'"),
            plain,
        )
        return found

    packed, short = await ledger._database.write(rewrite)
    assert len(packed) < len(msgspec.json.encode(details)) / 4
    assert short.startswith("{")
    assert [row.details for row in await ledger.decisions.by_trace("t1")] == [details]
    assert [row.details for row in await ledger.decisions.by_trace("t3")] == [details]
