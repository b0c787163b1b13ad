"""Every fault the sandbox can make, over real HTTP: what the client sees, and what the bookmaker's
book says.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from keter.venues.asianodds.simulator.book import State
from keter.venues.asianodds.simulator.config import BettingConfig, SandboxConfig
from keter.venues.asianodds.simulator.faults import FaultKind
from keter.venues.asianodds.simulator.server import Sandbox
from tests.kit.customer import Customer, customer, placement, selection_of
from tests.kit.support import eventually

WILLING = BettingConfig(
    refusal_rate=0, refusal_by_book={}, quote_delay_s=(0, 0), quote_drift_rate=0
)
QUICK = SandboxConfig(fixed_fixtures=3, feed_interval_scale=0, delay_scale=0, betting=WILLING)


@asynccontextmanager
async def opened(
    *faults: dict[str, Any],
) -> AsyncIterator[tuple[Sandbox, Customer, dict[str, Any]]]:
    """Open a sandbox, a customer and a placement.

    The faults begin after the customer has read the feed.
    """
    async with Sandbox(QUICK) as sandbox, customer(sandbox) as client:
        selection = selection_of((await client.rows())[0])
        (quote,) = (await client.quotes(selection))["Result"]["OddsPlacementData"]
        sandbox.faults.add(*faults)
        yield sandbox, client, placement(selection, f"IBC:{quote['Odds']}")


def states(sandbox: Sandbox) -> list[State]:
    return [ticket.state for ticket in sandbox.book.tickets()]


@pytest.mark.parametrize(("kind", "tickets"), [("lost_before", 0), ("lost_after", 1)])
async def test_the_connection_is_cut_before_or_after_the_bet_exists(
    kind: str, tickets: int
) -> None:
    async with opened({"kind": kind, "count": 1}) as (sandbox, client, bet):
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.call("PlaceBet", bet)
        assert len(states(sandbox)) == tickets
        assert sandbox.faults.injected == {FaultKind(kind): 1}
        assert (await client.bet())["Code"] == (0 if tickets else -200)


async def test_a_slow_answer_has_taken_effect_when_the_client_gives_up() -> None:
    async with opened({"kind": "slow", "delay_s": 30}) as (sandbox, client, bet):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.call("PlaceBet", bet), 0.3)
        assert states(sandbox) == [State.RUNNING]


async def test_a_late_bet_appears_after_the_client_has_gone() -> None:
    async with opened({"kind": "late", "delay_s": 0.6}) as (sandbox, client, bet):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.call("PlaceBet", bet), 0.2)
        assert states(sandbox) == []
        await eventually(lambda: states(sandbox) == [State.RUNNING])


@pytest.mark.parametrize("code", [-1307, -1212, -1200])
@pytest.mark.parametrize(("kind", "tickets"), [("code", 0), ("code_placed", 1)])
async def test_a_failure_code_comes_with_or_without_the_bet(
    code: int, kind: str, tickets: int
) -> None:
    async with opened({"kind": kind, "code": code, "message": "Trouble"}) as (sandbox, client, bet):
        answer = await client.call("PlaceBet", bet)
        assert (answer["Code"], answer["Message"]) == (code, "Trouble")
        assert len(states(sandbox)) == tickets


async def test_server_errors_have_no_effect() -> None:
    async with opened({"kind": "http_error", "status": 502, "route": "placebet"}) as (
        sandbox,
        client,
        bet,
    ):
        status, body = await client.raw("PlaceBet", bet)
        assert (status, body[:9]) == (502, b"<!DOCTYPE")
        assert states(sandbox) == []


@pytest.mark.parametrize(("answer", "status"), [("810", 200), ("-810", 200), ("429", 429)])
async def test_throttling_can_be_forced(answer: str, status: int) -> None:
    async with opened({"kind": "throttled", "answer": answer, "count": 1}) as (_, client, _bet):
        got, body = await client.raw("GetFeeds", marketTypeId=1)
        assert got == status
        assert status == 429 or json.loads(body)["Code"] == int(answer)
        assert (await client.feed())["Code"] == 0


async def test_a_session_can_be_ended_in_each_form() -> None:
    faults = [
        {"kind": kind, "count": 1, "route": "getsports"}
        for kind in ("session_killed", "expired_401", "expired_code")
    ]
    async with opened(*faults) as (sandbox, client, _bet):
        assert (await client.raw("GetSports"))[0] == 401
        await client.enter()
        assert (await client.raw("GetSports"))[0] == 401
        await client.enter()
        assert (await client.call("GetSports"))["Code"] == -1
        assert (await client.raw("GetBookies"))[0] == 401
        assert sum(sandbox.faults.injected.values()) == 3


async def test_another_stake_and_price_may_be_booked() -> None:
    async with opened(
        {"kind": "wrong_stake", "factor": 0.5}, {"kind": "wrong_price", "factor": 0.9}
    ) as (_, client, bet):
        asked = float(bet["BookieOdds"].removeprefix("IBC:"))
        await client.call("PlaceBet", bet)
        (row,) = (await client.bet())["Data"]
        assert row["Stake"] == 5
        assert row["Odds"] == pytest.approx(asked * 0.9, abs=0.001)
        account = (await client.call("GetAccountSummary"))["Result"]
        assert (account["Credit"], account["Outstanding"]) == (9995, 5)


async def test_a_mistake_about_a_refused_placement_is_not_counted() -> None:
    async with opened({"kind": "wrong_stake"}) as (sandbox, client, bet):
        assert (await client.call("PlaceBet", bet | {"Amount": 1}))["Code"] == -1
        assert not sandbox.faults.injected


async def test_an_accepted_bet_may_be_taken_back() -> None:
    async with opened({"kind": "refused_later", "after_s": 0.5}) as (sandbox, client, bet):
        await client.call("PlaceBet", bet)
        assert states(sandbox) == [State.RUNNING]
        await eventually(lambda: states(sandbox) == [State.REFUSED])
        (row,) = (await client.bet())["Data"]
        assert (row["Status"], row["BetPlacementMessage"]) == ("Rejected", "Bet rejected by book")
        assert (await client.call("GetAccountSummary"))["Result"]["Credit"] == 10_000


async def test_bet_lists_come_doubled_shuffled_or_thinned() -> None:
    faults = [
        {"kind": "duplicate_rows", "count": 1},
        {"kind": "reordered_rows", "skip": 1, "count": 1},
    ]
    async with opened(*faults, {"kind": "missing_rows", "skip": 2, "count": 1, "share": 1.0}) as (
        _,
        client,
        bet,
    ):
        for number in range(8):
            await client.call("PlaceBet", bet | {"PlaceBetId": f"b{number}"})

        async def listed() -> Sequence[str]:
            found = (await client.call("GetBets"))["Data"]
            return [row["BetPlacementReference"] for row in found or ()]

        newest_first = [f"WA-b{number}" for number in reversed(range(8))]
        assert await listed() == [reference for reference in newest_first for _ in range(2)]
        shuffled = await listed()
        assert sorted(shuffled) == sorted(newest_first)
        assert shuffled != newest_first
        assert await listed() == []
        assert await listed() == newest_first


async def feed_body(fault: dict[str, Any]) -> bytes:
    async with opened(fault) as (sandbox, client, _):
        status, body = await client.raw("GetFeeds", marketTypeId=1, oddsFormat="00", since=1)
        assert status == 200
        assert sandbox.faults.injected == {FaultKind(fault["kind"]): 1}
        return body


async def test_feeds_come_with_fields_nobody_knows() -> None:
    row = json.loads(await feed_body({"kind": "unknown_fields"}))["Result"]["Sports"][0][
        "MatchGames"
    ][0]
    assert (row["NewField"], row["HugeNumber"]) == ("x", 2**63)


async def test_feeds_come_without_teams() -> None:
    rows = json.loads(await feed_body({"kind": "missing_teams"}))["Result"]["Sports"][0][
        "MatchGames"
    ]
    assert all(
        not all((row.get(outcome) or {}).get("Name") for outcome in ("HomeTeam", "AwayTeam"))
        for row in rows
    )


async def test_feeds_come_with_odd_odds() -> None:
    fair = await feed_body({"kind": "bom"})
    odd = await feed_body({"kind": "odd_odds"})
    assert len(json.loads(odd)["Result"]["Sports"][0]["MatchGames"]) == 3
    assert odd != fair


async def test_feeds_come_with_not_a_number() -> None:
    body = await feed_body({"kind": "nan"})
    assert b'"InGameMinutes":NaN' in body
    assert b'"ExpectedLength":Infinity' in body
    assert b"PIN=NaN," in body


async def test_feeds_come_with_nothing() -> None:
    assert json.loads(await feed_body({"kind": "result_null"})) == {
        "Code": 0,
        "Message": "",
        "Result": None,
    }


async def test_answers_come_as_xml_html_or_with_a_byte_order_mark() -> None:
    assert (await feed_body({"kind": "xml"})).startswith(b"<Answer><Code>0</Code>")
    assert (await feed_body({"kind": "html"})).startswith(b"<!DOCTYPE html>")
    assert (await feed_body({"kind": "bom"})).startswith(b"\xef\xbb\xbf{")


async def test_a_gzip_body_is_cut_in_half() -> None:
    async with opened({"kind": "truncated_gzip", "route": "getsports"}) as (sandbox, client, _):
        url, plain = f"{sandbox.url}/GetSports", aiohttp.ClientSession(auto_decompress=False)
        async with plain, plain.get(url, headers=client.headers) as response:
            body = await response.read()
        assert response.headers["Content-Encoding"] == "gzip"
        with pytest.raises(EOFError):
            gzip.decompress(body)


async def test_an_answer_of_fifty_megabytes_is_still_valid_json() -> None:
    async with opened({"kind": "huge", "route": "getsports"}) as (_, client, _bet):
        status, body = await client.raw("GetSports")
        assert (status, len(body)) == (200, 50 * 2**20)
        assert json.loads(body)["Code"] == 0


async def test_a_client_may_leave_in_the_middle_of_a_huge_answer() -> None:
    async with opened({"kind": "huge", "route": "getsports"}) as (sandbox, client, _bet):
        async with client.http.get(f"{sandbox.url}/GetSports", headers=client.headers) as response:
            await response.content.read(1000)
            response.close()
        assert (await client.call("GetBookies"))["Code"] == 0


async def test_faults_are_switched_over_http_and_counted() -> None:
    async with opened() as (sandbox, client, _):
        rules = f"{sandbox.control_url}/faults"
        async with client.http.put(
            rules, json={"seed": 3, "rules": [{"kind": "bom", "count": 1}]}
        ) as response:
            assert response.status == 200
        assert (await client.raw("GetSports"))[1].startswith(b"\xef\xbb\xbf")
        async with client.http.post(rules, json=[{"kind": "html", "route": "getbets"}]) as response:
            assert [rule["kind"] for rule in (await response.json())["rules"]] == ["bom", "html"]
        async with client.http.get(rules) as response:
            assert (await response.json())["injected"] == {"bom": 1}
        async with client.http.put(rules, json=[{"kind": "nonsense"}]) as response:
            assert (response.status, "kind must be one of" in (await response.json())["error"]) == (
                400,
                True,
            )
        async with client.http.put(rules, data=b"{") as response:
            assert response.status == 400
        async with client.http.delete(rules) as response:
            assert (await response.json())["rules"] == []


async def test_the_control_endpoint_tells_tickets_accounts_and_takes_results() -> None:
    async with opened() as (sandbox, client, bet):
        await client.call("PlaceBet", bet)
        async with client.http.get(
            f"{sandbox.control_url}/tickets", params={"reference": "WA-kt1"}
        ) as response:
            (ticket,) = await response.json()
        assert (ticket["state"], ticket["stake_minor"], ticket["order"]["reference"]) == (
            "running",
            1000,
            "WA-kt1",
        )
        result = {"match_id": ticket["order"]["match_id"], "score": [2, 0]}
        async with client.http.post(f"{sandbox.control_url}/results", json=result) as response:
            assert response.status == 200
        async with client.http.post(f"{sandbox.control_url}/results", json=result) as response:
            assert response.status == 400
        await eventually(lambda: states(sandbox) == [State.SETTLED])
        async with client.http.get(f"{sandbox.control_url}/accounts") as response:
            account = (await response.json())["SANDBOX"]
        assert account["balanced"] is True
        assert account["pnl_minor"] == sandbox.book.tickets()[0].pnl_minor > 0
        async with client.http.delete(f"{sandbox.control_url}/sessions/sandbox") as response:
            assert response.status == 200
        assert (await client.raw("GetSports"))[0] == 401
        async with client.http.get(sandbox.control_url) as response:
            assert (await response.json())["tickets"] == 1


async def test_web_pages_may_not_command_the_sandbox() -> None:
    async with opened() as (sandbox, client, _):
        page = {"Origin": "https://evil.example"}
        async with client.http.put(
            f"{sandbox.control_url}/faults", json=[], headers=page
        ) as response:
            assert response.status == 403
