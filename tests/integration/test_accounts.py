"""Several accounts in one ``keter up``, and the simulator's money apart from everybody's."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from keter.bus.connection import Bus, connect
from keter.bus.state.risk import RiskBook
from keter.clock import SystemClock
from keter.domain.orders import Order
from keter.domain.trading import ExecutionMode
from keter.ledger import OrderFilter
from keter.ledger.order_queries import STAKED
from keter.opening.stores import open_settings_ledger
from keter.settings import load_settings
from keter.system.addresses import free_port
from tests.kit.keter_up import KeterUp, Start
from tests.kit.support import eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
ALICE, BOB = "asianodds:ALICE", "asianodds:BOB"
BOBS_CAP_MINOR = 4_000
TWO = {
    "ACCOUNTS": "ALICE,BOB",
    "AO_USER__ALICE": "ALICE",
    "AO_PASS__ALICE": "pw-a",
    "AO_USER__BOB": "BOB",
    "AO_PASS__BOB": "pw-b",
    "FIXED_STAKE__ALICE": "10",
    "FIXED_STAKE__BOB": "20",
    "BANKROLL__BOB": "500",
    "MAX_EXPOSURE_TOTAL__BOB": "40",
    "MAX_BETS_PER_EVENT": "1",
}


@pytest.fixture(scope="module")
def bookmaker() -> Iterator[str]:
    """Run a simulated venue with two customers; return its address."""
    port = free_port()
    customers = ("--account", "ALICE:pw-a", "--account", "BOB:pw-b")
    command = [sys.executable, "-m", "keter", "sandbox", "--port", str(port), *customers]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "sandbox bookmaker" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}/AsianOddsService"
        process.terminate()


async def bets_in(folder: Path, mode: ExecutionMode) -> dict[str, list[Order]]:
    """Return the bets of the folder's ledger by account."""
    settings = load_settings(None, {"DATA_DIR": str(folder / "local")})
    ledger = await open_settings_ledger(settings, clock=SystemClock())
    found: dict[str, list[Order]] = defaultdict(list)
    try:
        for bet in await ledger.orders.list_orders(OrderFilter(mode=mode), limit=1000):
            found[bet.intent.account].append(bet)
    finally:
        await ledger.aclose()
    return found


def open_minor(bets: list[Order]) -> int:
    return sum(bet.intent.stake_minor for bet in bets if bet.state.value in {"OPEN", "FILLED"})


def status(keter: KeterUp, account: str) -> dict[str, Any]:
    """Return what the page says of an account."""
    code, text = keter.fetch(f"/api/status?account={account}")
    assert code == 200, text
    found: dict[str, Any] = json.loads(text)
    return found


def beat(keter: KeterUp, account: str, workers: set[str]) -> bool:
    """Return whether all of these workers beat, as the account's status says."""
    return workers <= set(status(keter, account)["heartbeats"] or ())


async def day_agrees(bus: Bus, folder: Path, account: str) -> bool:
    """Return whether the risk book's day of the account counts just the stakes of its bets."""
    bets = (await bets_in(folder, ExecutionMode.DRY))[account]
    stakes = sum(bet.intent.stake_minor for bet in bets if bet.state in STAKED)
    state = await RiskBook(bus, account).read(datetime.now(UTC).date().isoformat())
    return state.day is not None and state.day.staked_minor == stakes > 0


async def test_two_accounts_have_their_own_stakes_caps_sums_and_stops(
    start: Start, bookmaker: str, redis_url: str
) -> None:
    one = await start(**TWO, AO_BASE_URL=bookmaker, REDIS_URL=redis_url).ready()
    for account, label in ((ALICE, "alice"), (BOB, "bob")):
        workers = {"guard", *(f"{name}-{label}" for name in ("ingest", "router", "tracker"))}
        await eventually(partial(beat, one, account, workers), timeout_s=60, every_s=0.2)

    async def both_bet() -> bool:
        found = await bets_in(one.folder, ExecutionMode.DRY)
        return open_minor(found[ALICE]) >= 5_000 and open_minor(found[BOB]) == BOBS_CAP_MINOR

    async def bets_so_far() -> int:
        return sum(map(len, (await bets_in(one.folder, ExecutionMode.DRY)).values()))

    await eventually(both_bet, timeout_s=60, every_s=0.5, progress=bets_so_far)
    found = await bets_in(one.folder, ExecutionMode.DRY)
    assert {bet.intent.stake_minor for bet in found[ALICE]} == {1_000}
    assert {bet.intent.stake_minor for bet in found[BOB]} == {2_000}
    assert open_minor(found[BOB]) == BOBS_CAP_MINOR
    assert 0 < float(status(one, BOB)["balance"]) <= 500 < float(status(one, ALICE)["balance"])
    assert f"{BOB} " in one.keter("status").stdout
    paused = one.keter("pause", "--account", "BOB", "--reason", "his day off")
    assert paused.returncode == 0, paused.stderr
    await eventually(lambda: status(one, BOB)["state"] == "PAUSED", every_s=0.2)
    assert status(one, ALICE)["state"] == "ACTIVE"
    bus = await connect(redis_url)
    try:
        for account in (ALICE, BOB):
            await eventually(partial(day_agrees, bus, one.folder, account), timeout_s=30)
        mine, his = await RiskBook(bus, ALICE).read(), await RiskBook(bus, BOB).read()
        assert {each.account for each in mine.exposures} == {ALICE}
        assert {each.account for each in his.exposures} == {BOB}
    finally:
        await bus.aclose()


async def test_a_real_account_starts_at_zero_after_the_simulators(
    start: Start, bookmaker: str
) -> None:
    demo = await start(MAX_EXPOSURE_DAY="100", FIXED_STAKE="10").ready()

    async def demo_has_bet() -> bool:
        return open_minor((await bets_in(demo.folder, ExecutionMode.DEMO))["sandbox:demo"]) >= 3_000

    await eventually(demo_has_bet, timeout_s=60, every_s=0.5)
    lowered = demo.keter("limit", "MAX_STAKE", "5", "--reason", "try it")
    assert lowered.returncode == 0, lowered.stderr
    assert demo.status()["mode"] == "DEMO"
    assert demo.interrupt() == 0
    # Nothing is worth betting, so whatever is not zero came from the simulator.
    account = {"AO_USER": "ALICE", "AO_PASS": "pw-a", "AO_BASE_URL": bookmaker}
    real = await start(**account, MIN_EV_PCT="900", EV_MAX_PCT="1000").ready()
    snapshot = await eventually(lambda: confirmed(real), timeout_s=60, every_s=0.5)
    assert (snapshot["server"]["mode"], snapshot["server"]["account"]) == ("DRY", ALICE)
    zero = {"open": 0, "unknown": 0, "settled": 0, "confirmed": 0, "balance": "1000.00"}
    zero |= dict.fromkeys(("pnl_today", "outstanding", "exposure", "unknown_stake"), "0.00")
    assert zero.items() <= snapshot["money"].items()
    assert {feed["account"] for feed in snapshot["feeds"]} == {ALICE}
    assert (snapshot["orders"], snapshot["signals"]) == ([], [])
    risk = json.loads(real.fetch("/api/v1/risk")[1])
    assert {limit["used"] for limit in risk["limits"]} == {"0.00"}
    assert (risk["holds"], risk["exposures"]) == ([], [])
    assert "0 bets, turnover 0.00" in real.keter("report", "bets", "--mode", "DRY").stdout
    demo_report = real.keter("report", "bets", "--mode", "DEMO").stdout
    assert "sandbox:demo" in demo_report
    assert "made up" in demo_report
    kept = (await bets_in(real.folder, ExecutionMode.DEMO))["sandbox:demo"]
    assert open_minor(kept) >= 3_000


def confirmed(keter: KeterUp) -> dict[str, Any]:
    """Return the page's snapshot once a price was seen; empty before."""
    code, text = keter.fetch("/api/v1/snapshot")
    found: dict[str, Any] = json.loads(text) if code == 200 else {}
    mine = [feed for feed in found.get("feeds", []) if feed["account"] == ALICE]
    return found if mine and found["money"]["balance"] is not None else {}
