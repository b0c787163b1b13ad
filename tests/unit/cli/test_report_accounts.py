"""``keter report`` over several accounts: it says which it is about and adds up none unasked."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

from keter.cli import run_command
from keter.clock import ManualClock, SystemClock
from keter.domain.order_states import OrderState
from keter.domain.trading import ExecutionMode
from keter.errors import ExitCode
from keter.ledger import OrderChanges, open_ledger
from tests.kit.execution import NOW
from tests.kit.ledger_contract import put_in
from tests.kit.orders import one_fill

LIVE = ["--mode", "LIVE"]
ALICE, BOB = "asianodds:alice", "asianodds:bob"
# Longer than a column of names.
LONG = "asianodds:a-name-that-is-rather-long"
BETS = {
    "a1": (ALICE, ExecutionMode.LIVE, OrderState.WON, 1200),
    "a2": (ALICE, ExecutionMode.LIVE, OrderState.LOST, -1000),
    "b1": (BOB, ExecutionMode.LIVE, OrderState.LOST, -1000),
    "l1": (f"{LONG}-1", ExecutionMode.LIVE, OrderState.WON, 700),
    "d1": (BOB, ExecutionMode.DRY, OrderState.WON, 5000),
}


@pytest.fixture(autouse=True)
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with a ledger of several accounts; the settings name none of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEDGER_URL", f"sqlite:///{tmp_path}/ledger.db")
    monkeypatch.setattr(SystemClock, "now", lambda _: NOW + timedelta(days=1))

    async def fill() -> None:
        ledger = await open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=ManualClock(NOW))
        for name, (account, mode, state, pnl_minor) in BETS.items():
            await put_in(ledger, OrderState.QUOTED, name, account=account, mode=mode)
            step, asked = ledger.orders.transition, {"prices": [["IBC", "2.200"]]}
            await step(
                name, OrderState.SENDING, at=NOW, cause="sending", worker="w", evidence=asked
            )
            placed = OrderChanges(fills=one_fill(1000, "2.2"))
            await step(name, OrderState.FILLED, at=NOW, cause="venue", worker="t", changes=placed)
            result = OrderChanges(pnl_minor=pnl_minor, settled_at=NOW)
            await step(name, state, at=NOW, cause="venue", worker="t", changes=result)
        await ledger.aclose()

    asyncio.run(fill())


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run_command(["report", *words]) == 0
    return capsys.readouterr().out


def test_over_several_accounts_the_totals_of_each_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = told(capsys, "bets", *LIVE)
    assert f"LIVE, all accounts ({LONG}-1, {ALICE}, {BOB}), last 30 days" in text
    assert "4 bets, turnover 40.00, profit -1.00" in text
    table = text[text.index("\naccount") :].splitlines()[2:5]
    assert [row.split()[:4] for row in table] == [
        [ALICE, "2", "20.00", "2.00"],
        [f"{LONG}-1", "1", "10.00", "7.00"],
        [BOB, "1", "10.00", "-10.00"],
    ]


@pytest.mark.parametrize("named", ["alice", ALICE])
def test_one_account_is_measured_alone(capsys: pytest.CaptureFixture[str], named: str) -> None:
    text = told(capsys, "bets", *LIVE, "--account", named)
    assert f"LIVE, {ALICE}, last 30 days" in text
    assert "2 bets, turnover 20.00, profit 2.00" in text
    assert BOB not in text
    assert "\naccount" not in text


def test_another_mode_of_an_account_is_never_added(capsys: pytest.CaptureFixture[str]) -> None:
    for named in ([], ["--account", "bob"]):
        text = told(capsys, "bets", "--mode", "DRY", *named)
        assert f"DRY, {BOB}, last 30 days" in text
        assert "1 bets, turnover 10.00, profit 50.00" in text


def test_scripts_are_told_which_accounts_and_the_totals_of_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = json.loads(told(capsys, "bets", *LIVE, "--json"))
    assert found["accounts"] == [f"{LONG}-1", ALICE, BOB]
    of = {row["name"]: row["pnl_minor"] for row in found["slices"]["account"]}
    assert of == {ALICE: 200, BOB: -1000, f"{LONG}-1": 700}
    alone = json.loads(told(capsys, "bets", *LIVE, "--account", BOB, "--json"))
    assert (alone["accounts"], alone["pnl_minor"]) == ([BOB], -1000)
    assert "account" not in alone["slices"]


def test_the_page_names_the_accounts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    told(capsys, "bets", *LIVE, "--html", "all.html")
    told(capsys, "bets", *LIVE, "--account", "bob", "--html", "bob.html")
    both, one = (tmp_path / "all.html").read_text(), (tmp_path / "bob.html").read_text()
    assert ALICE in both
    assert "Profit by account" in both
    assert f"LIVE bets of {BOB}, last 30 days" in one
    assert ALICE not in one


def test_books_and_parity_take_the_bets_of_one_account(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def sent(*words: str) -> int:
        return int(json.loads(told(capsys, *words, "--json"))[0]["placements"])

    assert (sent("books", *LIVE), sent("books", *LIVE, "--account", "alice")) == (4, 2)
    assert (sent("parity"), sent("parity", "--account", BOB)) == (4, 1)
    assert f"LIVE, {ALICE}, last 90 days" in told(capsys, "books", *LIVE, "--account", "alice")
    assert f"LIVE, {BOB}, last 90 days" in told(capsys, "parity", "--account", "bob")


def test_an_account_that_is_not_there_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command(["report", "bets", *LIVE, "--account", "carol"]) == ExitCode.USAGE
    refusal = capsys.readouterr().err
    assert "carol is no account with LIVE bets" in refusal
    assert f"{ALICE}, {BOB}" in refusal


async def test_a_name_that_two_venues_know_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ledger = await open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=ManualClock(NOW))
    await put_in(ledger, OrderState.FILLED, "x", account="sandbox:bob", mode=ExecutionMode.LIVE)
    await ledger.aclose()
    words = ["report", "bets", *LIVE, "--account", "bob"]
    assert await asyncio.to_thread(run_command, words) == ExitCode.USAGE
    assert "bob may be asianodds:bob or sandbox:bob" in capsys.readouterr().err
