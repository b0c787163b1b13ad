"""What the ledger keeps beside the bets comes back as it was written."""

from datetime import timedelta

import msgspec
from sqlalchemy import String, text
from sqlalchemy.engine import Connection

from keter.cli.trading import LONGEST_USER
from keter.domain.bets import BetState
from keter.domain.feed import EventScore
from keter.domain.quotes import Score
from keter.domain.signals import Decision
from keter.domain.tickets import AccountSnapshot, Ticket, TicketStatus
from keter.domain.trading import (
    CommandAction,
    ExecutionMode,
    OperatorCommand,
    TradingMode,
    TradingState,
)
from keter.domain.verdicts import Reason, accept, reject
from keter.ledger import Ledger, SettlementRow
from keter.ledger.schema import metadata
from keter.venues.asianodds.settings import LONGEST_ACCOUNT
from tests.kit.execution import ACCOUNT, NOW, TOTALS
from tests.kit.ledger_contract import put_in


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


async def test_the_last_trading_state_survives_commands_that_change_nothing(ledger: Ledger) -> None:
    paused = TradingState(TradingMode.PAUSED, "anna", "lunch", NOW, NOW + timedelta(hours=1), 7)

    def row(n: int, action: CommandAction, after: TradingState | None) -> OperatorCommand:
        at = NOW + timedelta(seconds=n)
        return OperatorCommand(
            f"c{n}", action, "anna", "cli", "trading", "why", at, True, "done", None, after
        )

    assert await ledger.commands.last_trading() is None
    await ledger.commands.add(row(1, CommandAction.PAUSE, paused))
    await ledger.commands.add(row(2, CommandAction.ACKNOWLEDGE, None))
    lowered = msgspec.structs.replace(
        row(3, CommandAction.SET_LIMIT, None), value_before="50", value_after="20"
    )
    await ledger.commands.add(lowered)
    assert await ledger.commands.last_trading() == paused
    assert [command.command_id for command in await ledger.commands.recent()] == ["c3", "c2", "c1"]
    assert (await ledger.commands.recent(1)) == [lowered]


async def test_a_result_replaces_an_earlier_score(ledger: Ledger) -> None:
    await ledger.results.put(
        EventScore("ev", Score(1, 0, 45), (1, 0), ended=False, observed_at=NOW)
    )
    final = EventScore(
        "ev", Score(2, 1, 90, 1, 0), (1, 0), ended=True, observed_at=NOW + timedelta(hours=1)
    )
    await ledger.results.put(final)
    assert await ledger.results.get("ev") == final
    assert await ledger.results.get("other") is None


async def test_balances_come_oldest_first(ledger: Ledger) -> None:
    rows = [
        AccountSnapshot(ACCOUNT, "EUR", n, 0, 0, 0, NOW + timedelta(seconds=n)) for n in range(5)
    ]
    for row in rows:
        await ledger.accounts.add(row)
    assert (
        await ledger.accounts.history(ACCOUNT, since=NOW + timedelta(seconds=1), limit=2)
        == rows[3:]
    )


async def test_an_alert_is_open_once_and_may_rise_again(ledger: Ledger) -> None:
    assert await ledger.alerts.opened("a", level="page", title="t", detail="1", at=NOW)
    assert not await ledger.alerts.opened(
        "a", level="page", title="t", detail="2", at=NOW + timedelta(seconds=5)
    )
    assert await ledger.alerts.standing() == {"a"}
    assert await ledger.alerts.closed("a", at=NOW + timedelta(seconds=9))
    assert await ledger.alerts.standing() == set()
    assert not await ledger.alerts.closed("a", at=NOW)
    assert await ledger.alerts.opened(
        "a", level="page", title="t", detail="3", at=NOW + timedelta(seconds=20)
    )
    history = await ledger.alerts.history()
    assert [(row.detail, row.opened_at, row.closed_at is None) for row in history] == [
        ("3", NOW + timedelta(seconds=20), True),
        ("2", NOW, False),
    ]


async def test_settlements_keep_both_opinions(ledger: Ledger) -> None:
    await put_in(ledger, BetState.RUNNING)
    row = SettlementRow(
        "i1",
        NOW,
        BetState.WON,
        1200,
        BetState.HALF_WON,
        600,
        agrees=False,
        evidence={"final": [[2, 1]]},
    )
    await ledger.settlements.add(row)
    assert await ledger.settlements.of("i1") == [row]


async def test_a_foreign_ticket_is_new_once(ledger: Ledger) -> None:
    live = ExecutionMode.LIVE
    ticket = Ticket(
        "by-hand",
        "61",
        "PIN",
        TicketStatus.RUNNING,
        "2.0",
        500,
        0,
        NOW,
        TOTALS,
        None,
        "A",
        "B",
        "L",
        None,
    )
    assert await ledger.foreign.put(ACCOUNT, live, ticket, at=NOW)
    assert not await ledger.foreign.put(ACCOUNT, live, ticket, at=NOW + timedelta(seconds=1))
    [row] = await ledger.foreign.open(ACCOUNT, live)
    assert (row.first_seen_at, row.updated_at, row.selection_id) == (
        NOW,
        NOW + timedelta(seconds=1),
        None,
    )
    await ledger.foreign.forget(ACCOUNT, live, row.ticket_key, at=NOW)
    assert await ledger.foreign.open(ACCOUNT, live) == []


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


def test_the_longest_names_that_are_accepted_fit_every_table() -> None:
    """SQLite takes any length; PostgreSQL refuses the row."""
    widths: dict[str, set[int]] = {}
    for table in metadata.tables.values():
        for column in table.columns:
            if isinstance(column.type, String) and column.type.length is not None:
                widths.setdefault(column.name, set()).add(column.type.length)
    assert widths["account"] == {LONGEST_ACCOUNT}
    assert min(widths["owner"]) >= LONGEST_ACCOUNT, "sums of paper tickets are kept by account"
    assert min(widths["resource"]) >= len(f"{ExecutionMode.LIVE.value}:") + LONGEST_ACCOUNT
    assert widths["actor"] == {LONGEST_USER}
