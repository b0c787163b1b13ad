"""``keter explain``: what was decided is computed again from the ledger alone, refused values
included.
"""

import asyncio
from pathlib import Path

import msgspec
import pytest

from keter.cli import run_command
from keter.clock import ManualClock
from keter.domain.market_kinds import Outcome
from keter.domain.quotes import BookPrices
from keter.domain.signals import Decision, ValidatedMarket
from keter.domain.verdicts import Reason
from keter.opening.stores import open_settings_ledger
from keter.settings import load_settings
from keter.strategies.value.edge import evaluate, evidence
from keter.strategies.value.settings import EdgeSettings
from tests.kit.signals import NOW, an_update, prices

SHARPS = (
    prices("PIN", 2.60, 3.30, 2.90),
    prices("SBO", 2.55, 3.25, 2.88),
    prices("ISN", 2.58, 3.30, 2.85),
)
WILD, GOOD = prices("IBC", 4.50, 3.2, 1.9), prices("IBC", 2.90, 3.2, 2.7)
Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def decided(*books: BookPrices) -> Decision:
    """Return the edge gate's decision on the home side, as the edge worker records it."""
    market = ValidatedMarket(an_update(*books), books, {}, NOW)
    outcome, verdict, _, signal = evaluate(market, EdgeSettings(), NOW)[0]
    details: dict[str, object] = {"fair": msgspec.to_builtins(signal.fair)} if signal else {}
    if signal is None:
        details["evidence"] = evidence(market, EdgeSettings(), NOW, Outcome.HOME)
    update = market.update
    name = update.market.selection_id(outcome)
    return Decision(
        update.trace_id, "edge", "edge", update.event.event_uid, name, verdict, NOW, details
    )


def recorded(decision: Decision) -> None:
    async def record() -> None:
        ledger = await open_settings_ledger(load_settings(), clock=ManualClock(NOW))
        await ledger.decisions.add_many([decision])
        await ledger.aclose()

    asyncio.run(record())


@pytest.mark.parametrize(("book", "reason"), [(WILD, Reason.EV_TOO_HIGH), (GOOD, Reason.OK)])
def test_a_decision_is_computed_again_to_the_last_digit(
    book: BookPrices, reason: Reason, capsys: Output
) -> None:
    recorded(decided(*SHARPS, book))
    assert run_command(["explain", "trace"]) == 0
    told = capsys.readouterr().out
    assert f"IBC at {book.odds[0]!r}" in told
    assert f"wanted 5 to 25 %: {reason}" in told
    assert "identical to the stored decision, to the last digit" in told


def test_what_an_older_version_decided_is_computed_again_too(capsys: Output) -> None:
    """It called the outcome of a selection its side."""
    decision = decided(*SHARPS, WILD)
    told_then = msgspec.to_builtins(decision.details)
    told_then["evidence"]["side"] = told_then["evidence"].pop("outcome")
    recorded(msgspec.structs.replace(decision, details=told_then))
    assert run_command(["explain", "trace"]) == 0
    assert "identical to the stored decision, to the last digit" in capsys.readouterr().out


def test_a_changed_digit_is_70(capsys: Output) -> None:
    decision = decided(*SHARPS, WILD)
    text = (
        msgspec.json.encode(decision.details)
        .replace(b'"age_s":0.0', b'"age_s":1.0', 1)
        .replace(b"2.6,3.3", b"2.61,3.3", 1)
    )
    recorded(msgspec.structs.replace(decision, details=msgspec.json.decode(text)))
    assert run_command(["explain", "trace"]) == 70
    assert "DIFFERS" in capsys.readouterr().out


def test_another_verdict_than_the_numbers_give_is_70(capsys: Output) -> None:
    decision = decided(*SHARPS, WILD)
    text = msgspec.json.encode(decision.details).replace(
        b'"reason":"ev_too_high"', b'"reason":"ok"'
    )
    recorded(msgspec.structs.replace(decision, details=msgspec.json.decode(text)))
    assert run_command(["explain", "trace"]) == 70
    assert "reason: stored 'ok', recomputed 'ev_too_high'" in capsys.readouterr().out


def test_an_unknown_name_is_said(capsys: Output) -> None:
    recorded(decided(*SHARPS, WILD))
    assert run_command(["explain", "nothing"]) == 64
    assert "nothing is known of 'nothing'" in capsys.readouterr().err
