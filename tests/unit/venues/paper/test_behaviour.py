"""LIVE history teaches the paper gateway, and parity shows both accounts of the same placements."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keter.betting_settings import RouterSettings
from keter.cli import run_command
from keter.clock import ManualClock, SystemClock
from keter.domain.feed import EventScore
from keter.domain.order_states import OrderState
from keter.domain.quotes import Score
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, OrderChanges, open_ledger
from keter.opening.stores import open_settings_ledger
from keter.replay.parity import Model, parity
from keter.replay.performance import performance
from keter.replay.records import records_of
from keter.settings import load_settings
from keter.venues.paper.behaviour import LEAST_PLACEMENTS, behaviour, learned
from keter.venues.paper.settings import PaperSettings
from tests.kit.execution import NOW, an_event, an_intent
from tests.kit.orders import one_fill

LONG_AGO = NOW - timedelta(days=30)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    opened = await open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=ManualClock(NOW))
    yield opened
    await opened.aclose()


async def placed(
    ledger: Ledger,
    name: str,
    *,
    delay_s: float = 10,
    refused: bool = False,
    cause: str = "venue",
    odds: str = "2.200",
    book: str = "IBC",
    mode: ExecutionMode = ExecutionMode.LIVE,
) -> None:
    """Store a bet of 10.00, asked at 2.200, that its book accepted or refused after ``delay_s``."""
    await ledger.orders.create(
        an_intent(name, event=an_event(f"Team {name}"), mode=mode), worker="w"
    )
    step = ledger.orders.transition
    await step(name, OrderState.QUOTED, at=NOW, cause="quoted", worker="w")
    await step(
        name,
        OrderState.SENDING,
        at=NOW,
        cause="sending",
        worker="w",
        evidence={"prices": [[book, "2.200"]]},
    )
    later = NOW + timedelta(seconds=delay_s)
    if refused:
        await step(name, OrderState.REFUSED, at=later, cause=cause, worker="w")
        return
    changes = OrderChanges(fills=one_fill(1000, odds, book))
    await step(name, OrderState.FILLED, at=later, cause="accepted", worker="w", changes=changes)


async def history(ledger: Ledger) -> None:
    """Eight accepted after 1 to 8 s, one of them a tenth of a per cent lower; two refused after
    half a second.
    """
    for n in range(8):
        await placed(ledger, f"a{n}", delay_s=n + 1, odds="2.178" if n == 0 else "2.200")
    for n in range(2):
        await placed(ledger, f"r{n}", delay_s=0.5, refused=True)


async def test_a_book_is_measured_by_what_it_did(ledger: Ledger) -> None:
    await history(ledger)
    whole, ibc = behaviour(await ledger.placements(ExecutionMode.LIVE, None, LONG_AGO))
    assert (whole.book, ibc.book) == ("all", "IBC")
    assert (ibc.placements, ibc.refused, ibc.refusal_rate) == (10, 2, 0.2)
    assert ibc.accept_median_s == pytest.approx(4.5)
    assert ibc.refuse_median_s == pytest.approx(0.5)
    assert ibc.drift_pct == pytest.approx((1.0**2 / 8) ** 0.5), "one fill of eight was 1 % lower"


async def test_what_never_reached_the_book_and_what_is_undecided_is_no_refusal(
    ledger: Ledger,
) -> None:
    await placed(ledger, "kept", refused=True, cause="not_sent:halt_file")
    await ledger.orders.create(
        an_intent("open", event=an_event("Team open"), mode=ExecutionMode.LIVE), worker="w"
    )
    assert await ledger.placements(ExecutionMode.LIVE, None, LONG_AGO) == []
    assert behaviour([]) == []


async def test_dry_and_live_are_never_mixed(ledger: Ledger) -> None:
    await placed(ledger, "paper", mode=ExecutionMode.DRY)
    assert await ledger.placements(ExecutionMode.LIVE, None, LONG_AGO) == []
    assert len(await ledger.placements(ExecutionMode.DRY, None, LONG_AGO)) == 1


async def test_a_short_history_teaches_nothing_and_a_long_one_everything(ledger: Ledger) -> None:
    defaults = PaperSettings()
    await history(ledger)
    few = await ledger.placements(ExecutionMode.LIVE, None, LONG_AGO)
    assert learned(defaults, few) == defaults
    many = few * (LEAST_PLACEMENTS // len(few))
    taught = learned(defaults, many)
    assert taught.paper_refusal_rate == pytest.approx(0.2)
    assert taught.paper_accept_median_s == pytest.approx(4.5)
    assert taught.paper_drift_pct == pytest.approx(0.5)
    assert taught.paper_speed == defaults.paper_speed


async def test_parity_settles_what_live_was_refused_and_dry_would_have_had(ledger: Ledger) -> None:
    """Every match ends 2-1, so over 2.5 wins 12.00 at 2.20; DRY without refusals or drift wins all
    ten times.
    """
    await history(ledger)
    facts = await ledger.placements(ExecutionMode.LIVE, None, LONG_AGO)
    results = {
        fact.bet.intent.event_uid: EventScore(
            fact.bet.intent.event_uid, Score(2, 1), None, ended=True, observed_at=NOW
        )
        for fact in facts
    }
    generous = PaperSettings(paper_refusal_rate=0, paper_drift_pct=0)
    whole, _ = parity(facts, results, Model(generous, RouterSettings()))
    assert (whole.placements, whole.without_result) == (10, 0)
    assert (whole.dry.fills, whole.dry.price_ratio, whole.dry.pnl_minor) == (10, 1.0, 10 * 1200)
    assert whole.live.fills == 8
    assert whole.live.price_ratio == pytest.approx((7 + 0.99) / 8)
    assert whole.live.pnl_minor == 0, "nothing has settled at the venue yet"
    assert parity(facts, results, Model(generous, RouterSettings())) == [whole, _]
    blind, _ = parity(facts, {}, Model(generous, RouterSettings()))
    assert (blind.without_result, blind.dry.pnl_minor) == (10, 0)


def test_the_parity_report_draws_as_the_paper_gateway_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fifty LIVE placements, half of them refused, teach DRY to refuse half; fewer leave it to the
    settings.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW + timedelta(days=100))

    async def fill(names: range) -> None:
        ledger = await open_settings_ledger(load_settings(), clock=ManualClock(NOW))
        for n in names:
            await placed(ledger, f"p{n}", refused=n % 2 == 0)
        await ledger.aclose()

    asyncio.run(fill(range(LEAST_PLACEMENTS - 1)))
    assert run_command(["report", "parity", "--days", "150"]) == 0
    assert "DRY draws from the PAPER_* settings" in capsys.readouterr().out
    asyncio.run(fill(range(LEAST_PLACEMENTS - 1, LEAST_PLACEMENTS)))
    assert run_command(["report", "parity", "--days", "150"]) == 0
    assert "LIVE placements of the last 180 days: 50.0 % refused" in capsys.readouterr().out
    assert run_command(["report", "parity", "--days", "150", "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)[0]
    assert whole["dry"]["fills"] == pytest.approx(LEAST_PLACEMENTS / 2, abs=2)


async def test_bets_of_the_ledger_are_measured_like_those_of_a_backtest(ledger: Ledger) -> None:
    await placed(ledger, "won")
    await placed(ledger, "open")
    await placed(ledger, "refused", refused=True)
    settled = OrderChanges(
        pnl_minor=1200, settled_at=NOW + timedelta(hours=5), closing_fair_odds=2.0
    )
    at = datetime(2026, 2, 21, 17, tzinfo=UTC)
    await ledger.orders.transition(
        "won", OrderState.WON, at=at, cause="result", worker="w", changes=settled
    )
    bets = [await ledger.orders.get(name) for name in ("won", "open", "refused")]
    records = records_of(bets, UTC)
    assert [record.bet_id for record in records] == ["won", "open"]
    result = performance(records)
    assert (result.bets, result.open, result.turnover_minor, result.pnl_minor) == (1, 1, 1000, 1200)
    assert result.clv is not None
    assert result.clv.value == pytest.approx(0.1)
