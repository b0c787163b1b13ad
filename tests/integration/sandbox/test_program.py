"""The sandbox as a program of its own, and the default scenario over HTTP."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from keter.errors import UnavailableError, UsageError
from keter.system.addresses import free_port
from keter.venues.asianodds.simulator.config import (
    AccountConfig,
    BettingConfig,
    MarketConfig,
    SandboxConfig,
)
from keter.venues.asianodds.simulator.main import parse
from keter.venues.asianodds.simulator.server import Sandbox
from tests.kit.customer import customer, selection_of
from tests.kit.support import eventually


async def program(port: int, **options: Any) -> asyncio.subprocess.Process:
    """Start a sandbox of two fixtures; ``options`` are those of a subprocess."""
    command = [sys.executable, "-m", "keter.venues.asianodds.simulator"]
    return await asyncio.create_subprocess_exec(
        *command, "--port", str(port), "--fixed", "2", **options
    )


async def test_it_says_where_it_is_serves_and_stops_when_told(tmp_path: Path) -> None:
    port = free_port()
    process = await program(port, cwd=tmp_path, stdout=subprocess.PIPE)
    assert process.stdout is not None
    first = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
    url = re.search(r"http://\S+", first)
    assert url is not None
    assert f":{port}/" in url[0]
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{url[0]}/GetSports", headers={"Accept": "application/json"}) as response,
    ):
        assert response.status == 401
    process.send_signal(signal.SIGTERM)
    rest = (await asyncio.wait_for(process.stdout.read(), 10)).decode()
    assert await process.wait() == 0
    assert "sandbox stopped" in rest
    assert "password: sandbox" in rest
    assert list(tmp_path.iterdir()) == []


async def test_a_taken_port_is_one_clear_sentence_and_exit_69() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match="choose another port"):
            await Sandbox(SandboxConfig(port=port, fixed_fixtures=1)).start()
        process = await program(port, stderr=subprocess.PIPE)
        _, errors = await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 69
        assert errors.startswith(b"keter: ")
        assert errors.decode().count("\n") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        "--speed 0",
        "--speed nan",
        "--speed inf",
        "--delay-scale -1",
        "--delay-scale nan",
        "--account nobody",
        "--port 99999",
        "--fixed -1",
        "--nope",
        "--csv a.csv --from 2024-13-01",
        "--to 2024-12-01",
    ],
)
def test_wrong_arguments_are_usage_errors_in_one_line(wrong: str) -> None:
    with pytest.raises(UsageError, match=r"\A.+\(`keter sandbox --help` lists the options\)\Z"):
        parse(wrong.split())


def test_further_accounts_come_before_the_one_everybody_knows() -> None:
    config = parse(["--account", "anna:secret", "--seed", "3"])
    assert [account.user for account in config.accounts] == ["anna", "SANDBOX"]
    assert "secret" not in repr(config)


async def test_two_customers_have_their_own_money_and_books() -> None:
    accounts = (AccountConfig("ANNA", "a", 5000, "GBP", ("PIN", "SBO")), AccountConfig("BERT", "b"))
    config = SandboxConfig(fixed_fixtures=1, feed_interval_scale=0, accounts=accounts)
    async with (
        Sandbox(config) as sandbox,
        customer(sandbox, ready=False) as anna,
        customer(sandbox, ready=False) as bert,
    ):
        for client, user, password in ((anna, "ANNA", "a"), (bert, "BERT", "b")):
            await client.log_in(user, password)
            await client.register(user)
        (row,) = await anna.rows()
        assert "IBC" not in row["FullTimeHdp"]["BookieOdds"]
        assert "IBC" in (await bert.rows())[0]["FullTimeHdp"]["BookieOdds"]
        summary = (await anna.call("GetAccountSummary"))["Result"]
        assert (summary["Credit"], summary["CreditCurrency"]) == (50, "GBP")
        assert (await anna.quotes(selection_of(row), bookies="IBC"))["Result"][
            "OddsPlacementData"
        ] == []


@pytest.mark.slow
async def test_the_world_goes_on_and_a_bet_settles_by_itself() -> None:
    """Default scenario at a higher speed, real clock: a bet on the next match is placed, accepted,
    played and settled.
    """
    config = SandboxConfig(
        speed=3000,
        feed_interval_scale=0,
        delay_scale=0,
        market=MarketConfig(today_fixtures=6, early_fixtures=1, abandoned_share=0, tick_s=0.2),
        betting=BettingConfig(refusal_rate=0, refusal_by_book={}, quote_drift_rate=0),
    )
    async with Sandbox(config) as sandbox, customer(sandbox) as client:
        for number in range(20):
            rows = [
                row
                for row in await client.rows(since=1)
                if row["IsActive"] and "IBC=" in row["FullTimeHdp"]["BookieOdds"]
            ]
            selection = selection_of(min(rows, key=lambda row: row["StartTime"]))
            (quote,) = (await client.quotes(selection))["Result"]["OddsPlacementData"] or [None]
            if (
                quote
                and (await client.place(selection, f"IBC:{quote['Odds']}", reference=f"n{number}"))[
                    "Code"
                ]
                == 0
            ):
                break
        await eventually(lambda: any(ticket.settled_ms for ticket in sandbox.book), timeout_s=30)
        (ticket,) = sandbox.book.tickets()
        (bet,) = (await client.call("GetNonRunningBets"))["Data"]
        assert bet["Pnl"] == ticket.pnl_minor / 100
        assert sandbox.book.accounts["SANDBOX"].balanced()
        assert json.dumps(bet)
