"""The check list of the protocol page, section 9, point by point, over real HTTP on a clock moved
by hand.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from keter.clock import ManualClock, to_ms
from keter.venues.asianodds.simulator.book import Decision, State
from keter.venues.asianodds.simulator.config import BettingConfig, ProtocolConfig, SandboxConfig
from keter.venues.asianodds.simulator.fixed import FixedScenario
from keter.venues.asianodds.simulator.server import Sandbox
from tests.kit.customer import Customer, customer, placement, selection_of

START = datetime(2026, 2, 21, 12, tzinfo=UTC)
WILLING = BettingConfig(
    refusal_rate=0, refusal_by_book={}, quote_delay_s=(0, 0), quote_drift_rate=0
)


class World:
    """A sandbox with a customer in it, and the hands of its clock."""

    def __init__(self, sandbox: Sandbox, clock: ManualClock, client: Customer) -> None:
        self.sandbox, self.clock, self.client = sandbox, clock, client

    def wait(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))

    @property
    def still(self) -> FixedScenario:
        assert isinstance(self.sandbox.house.scenario, FixedScenario)
        return self.sandbox.house.scenario

    @property
    def books(self) -> dict[str, Any]:
        return (
            self.sandbox.house.board.rows[next(iter(self.still.games.values()))]
            .offers["H", True]
            .prices
        )


@asynccontextmanager
async def opened(
    *, ready: bool = True, fixed: int = 3, betting: BettingConfig = WILLING, **protocol: Any
) -> AsyncIterator[World]:
    clock = ManualClock(START)
    config = SandboxConfig(
        fixed_fixtures=fixed, betting=betting, protocol=ProtocolConfig(**protocol)
    )
    async with Sandbox(config, clock=clock) as sandbox, customer(sandbox, ready=ready) as client:
        yield World(sandbox, clock, client)


async def test_1_routes_and_query_names_ignore_case_and_unknown_ones_are_not_there() -> None:
    async with opened() as world:
        world.client.url = world.client.url.lower()
        assert (await world.client.call("getFEEDS", SPORTSTYPE=1, MarketTypeID=1))["Code"] == 0
        assert (await world.client.raw("GetNothing"))[0] == 404
        assert (await world.client.raw("PlaceBet"))[0] == 405


async def test_1_json_only_for_those_who_ask_for_it() -> None:
    async with opened() as world:
        world.client.headers["Accept"] = "*/*"
        status, body = await world.client.raw("GetSports")
        assert (status, body[:8]) == (200, b"<Answer>")
        world.client.headers["Accept"] = "json"
        assert (await world.client.call("GetSports"))["Data"][0] == {"Id": 1, "Name": "Football"}


async def test_1_a_byte_order_mark_can_be_switched_on() -> None:
    async with opened(bom=True) as world:
        assert (await world.client.raw("GetSports"))[1].startswith(b"\xef\xbb\xbf{")


async def test_2_login_names_its_own_address() -> None:
    async with opened(ready=False) as world:
        answer = await world.client.log_in()
        assert answer["Result"]["Url"] == world.sandbox.url
        assert answer["Result"]["SuccessfulLogin"] is True


async def test_2_a_client_that_ignores_the_address_of_login_fails() -> None:
    async with opened(ready=False, second_port=True) as world:
        first = world.client.url
        await world.client.log_in()
        second, world.client.url = world.client.url, first
        assert second != first
        assert (await world.client.raw("Register", username="SANDBOX"))[0] == 404
        world.client.url = second
        assert (await world.client.register())["Result"]["Success"] is True


async def test_3_a_wrong_password_is_refused_as_the_vendor_does() -> None:
    async with opened(ready=False) as world:
        answer = await world.client.log_in(password="guess")
        assert (answer["Code"], answer["Result"]["SuccessfulLogin"], answer["Result"]["Token"]) == (
            -1,
            False,
            "",
        )
        assert answer["Result"]["Key"] is None
        assert answer["Result"]["TextMessage"]


async def test_3_registering_after_a_minute_fails() -> None:
    async with opened(ready=False) as world:
        await world.client.log_in()
        world.wait(61)
        answer = await world.client.register()
        assert (answer["Code"], answer["Result"]["Success"]) == (-1, False)
        assert (await world.client.raw("GetBookies"))[0] == 401


@pytest.mark.parametrize(("mode", "status"), [("401", 401), ("-1", 200)])
async def test_3_idle_sessions_expire_in_either_mode(mode: str, status: int) -> None:
    async with opened(expired_answer=mode) as world:
        world.wait(299)
        assert (await world.client.call("IsLoggedIn"))["Result"]["CurrentlyLoggedIn"] is True
        world.wait(301)
        assert (await world.client.raw("GetSports"))[0] == status
        if mode == "-1":
            answer = await world.client.call("GetSports")
            assert answer["Code"] == -1
            assert "Not logged in" in answer["Result"]["TextMessage"]
        assert (await world.client.call("IsLoggedIn"))["Result"] == {
            "CurrentlyLoggedIn": False,
            "SuccessfulLogin": False,
            "TextMessage": "Not logged in or session expired",
        }
        answer = await world.client.call("Logout")
        assert (answer["Code"], answer["Result"]) == (-1, "Not logged in or session expired")


async def test_3_a_second_login_ends_the_first_session() -> None:
    async with opened() as world, customer(world.sandbox) as other:
        assert (await world.client.raw("GetSports"))[0] == 401
        assert (await other.raw("GetSports"))[0] == 200


async def test_3_a_token_is_bound_to_its_address() -> None:
    async with opened() as world, customer(world.sandbox, ready=False, local="127.0.0.2") as thief:
        thief.headers |= world.client.headers
        assert (await thief.raw("GetSports"))[0] == 401
        assert (await world.client.raw("GetSports"))[0] == 401


@pytest.mark.parametrize(
    ("mode", "status", "code"), [("810", 200, 810), ("-810", 200, -810), ("429", 429, None)]
)
async def test_4_the_feed_refuses_who_comes_too_often(
    mode: str, status: int, code: int | None
) -> None:
    async with opened(throttle_answer=mode) as world:
        for market_type, interval_s in ((0, 5), (1, 10), (2, 20)):
            assert (await world.client.feed(market_type))["Code"] == 0
            world.wait(interval_s * 0.6)
            got, body = await world.client.raw("GetFeeds", sportsType=2, marketTypeId=market_type)
            assert got == status
            assert code is None or f'"Code":{code},'.encode() in body
            world.wait(interval_s * 0.4)
            assert (await world.client.feed(market_type))["Code"] == 0


async def test_4_a_throttled_call_does_not_end_the_session_nor_move_the_cursor() -> None:
    async with opened() as world:
        await world.client.feed(2)
        await world.client.feed(2)
        assert (await world.client.feed(1))["Code"] == 0


async def test_5_first_everything_then_changes_even_without_since_and_after_a_new_login() -> None:
    async with opened() as world:
        first = await world.client.feed()
        assert len(first["Result"]["Sports"][0]["MatchGames"]) == 3
        world.wait(10)
        assert (await world.client.feed())["Result"]["Sports"] == []
        await world.client.enter()
        world.wait(10)
        assert await world.client.rows() == []
        game_id = next(iter(world.still.games.values()))
        row = world.sandbox.house.board.rows[game_id]
        world.sandbox.house.board.put(replace(row, active=False), to_ms(world.clock.now()))
        world.wait(10)
        assert [row["GameId"] for row in await world.client.rows()] == [game_id]
        world.wait(10)
        assert len(await world.client.rows(since=first["Result"]["Since"])) == 1
        world.wait(10)
        assert len(await world.client.rows(since=1000000000000)) == 3
        world.wait(241)
        assert len(await world.client.rows()) == 3


@pytest.mark.parametrize(("mode", "rows"), [("full", 3), ("ignored", 0)])
async def test_5_since_zero_is_switchable(mode: str, rows: int) -> None:
    async with opened(since_zero=mode) as world:
        await world.client.feed()
        world.wait(10)
        assert len(await world.client.rows(since=0)) == rows


async def test_6_a_row_has_every_field_of_the_record() -> None:
    async with opened() as world:
        (row, *_) = await world.client.rows()
        assert set(row) == {
            "MatchId",
            "GameId",
            "LeagueId",
            "LeagueName",
            "MarketTypeId",
            "MarketType",
            "HomeTeam",
            "AwayTeam",
            "StartTime",
            "StartsOn",
            "IsLive",
            "InGameMinutes",
            "ExpectedLength",
            "Favoured",
            "FullTimeFavoured",
            "HalfTimeFavoured",
            "FullTimeHdp",
            "HalfTimeHdp",
            "FullTimeOu",
            "HalfTimeOu",
            "FullTimeOneXTwo",
            "HalfTimeOneXTwo",
            "IsActive",
            "WillBeRemoved",
            "ToBeRemovedOn",
            "UpdatedDateTime",
        }
        assert (row["FullTimeHdp"]["Handicap"], row["FullTimeFavoured"]) == ("0-0.5", 1)
        assert row["FullTimeOneXTwo"]["BookieOdds"].startswith("PIN=")
        assert row["FullTimeOu"] == {"BookieOdds": "", "Goal": ""}
        assert row["StartTime"] == to_ms(START + timedelta(hours=3))
        assert row["StartsOn"] == "02/21/2026 03:00:00.000 PM"
        assert (row["MarketTypeId"], row["MarketType"], row["IsLive"]) == (1, "Today", 0)


async def test_6_the_three_odds_formats_are_served() -> None:
    async with opened() as world:
        strings = {}
        for odds_format in ("00", "HK", "MY"):
            answer = await world.client.call(
                "GetFeeds", marketTypeId=1, oddsFormat=odds_format, since=1, bookies="PIN"
            )
            strings[odds_format] = answer["Result"]["Sports"][0]["MatchGames"][0]["FullTimeHdp"][
                "BookieOdds"
            ]
            world.wait(10)
        home, away = (leg / 1000 for leg in world.books["PIN"])
        assert strings["00"].startswith(f"PIN={home:.3f},{away:.3f};BEST=")
        assert strings["HK"].startswith(f"PIN={home - 1:.3f},{away - 1:.3f};")
        assert (home - 1, away - 1) == pytest.approx((0.888, 1.038), abs=0.02)
        assert strings["MY"].startswith(f"PIN={home - 1:.3f},{-1 / (away - 1):.3f};")


async def test_6_a_finished_match_shows_its_score_live_and_is_removed_five_minutes_later() -> None:
    async with opened() as world:
        match_id = next(iter(world.still.fixtures))
        await world.client.feed(0)
        world.still.finish(match_id, (2, 1))
        world.wait(5)
        (row,) = await world.client.rows(0)
        assert (row["HomeTeam"]["Score"], row["AwayTeam"]["Score"], row["InGameMinutes"]) == (
            2,
            1,
            168,
        )
        assert (row["MatchId"], row["IsActive"], row["WillBeRemoved"]) == (match_id, False, False)
        world.wait(16)
        (row,) = await world.client.rows(0)
        assert (row["WillBeRemoved"], row["ToBeRemovedOn"]) == (
            True,
            row["UpdatedDateTime"] + 300_000,
        )
        world.wait(301)
        await world.client.enter()
        assert await world.client.rows(0, since=1) == []


async def test_7_placement_info_needs_a_feed_of_the_same_kind_in_the_session() -> None:
    async with opened() as world:
        selection = {
            "GameId": next(iter(world.still.games.values())),
            "GameType": "H",
            "IsFullTime": 1,
            "MarketTypeId": 1,
            "OddsFormat": "00",
            "OddsName": "HomeOdds",
            "SportsType": 1,
        }
        assert (await world.client.quotes(selection))["Code"] == -1200
        await world.client.feed(0)
        assert (await world.client.quotes(selection))["Code"] == -1200
        await world.client.feed(1)
        assert (await world.client.quotes(selection))["Code"] == 0
        await world.client.enter()
        assert (await world.client.quotes(selection))["Code"] == -1200


async def test_7_empty_bookies_are_refused() -> None:
    async with opened() as world:
        selection = selection_of((await world.client.rows())[0])
        assert (await world.client.quotes(selection, bookies=""))["Code"] == -1200


async def test_7_nonsense_in_a_body_is_refused_and_never_a_server_error() -> None:
    async with opened() as world:
        selection = selection_of((await world.client.rows())[0])
        nonsense: list[Any] = [None, "abc", [], {}, -1, 1e300, "NaN", True]
        for name in (
            "GameId",
            "MarketTypeId",
            "SportsType",
            "GameType",
            "OddsName",
            "OddsFormat",
            "IsFullTime",
            "Timeout",
            "Bookies",
        ):
            for value in nonsense:
                status, _ = await world.client.raw(
                    "GetPlacementInfo", {**selection, "Bookies": "PIN", name: value}
                )
                assert status == 200, (name, value)
        for name in ("Amount", "BookieOdds", "PlaceBetId", "AcceptChangedOdds"):
            for value in nonsense:
                status, _ = await world.client.raw(
                    "PlaceBet", placement(selection, "IBC:1.9") | {name: value}
                )
                assert status == 200, (name, value)
        queries: list[dict[str, Any]] = [
            {"since": "x"},
            {"marketTypeId": "9"},
            {"oddsFormat": "ID"},
            {"sportsType": "x"},
        ]
        for query in queries:
            world.wait(20)
            assert (await world.client.call("GetFeeds", **query))["Code"] == -1
        assert (await world.client.call("GetBetHistorySummary", date="2026-02-21"))["Code"] == -1


async def test_7_placement_info_answers_with_price_limits_and_line() -> None:
    async with opened() as world:
        selection = selection_of((await world.client.rows())[0], odds_name="AwayOdds")
        found = (await world.client.quotes(selection, bookies="PIN,IBC,GA"))["Result"][
            "OddsPlacementData"
        ]
        assert [quote["Bookie"] for quote in found] == ["PIN", "IBC"]
        quote = found[0]
        assert quote["Odds"] == quote["Price"] == world.books["PIN"][1] / 1000
        assert (quote["HDPorGoal"], quote["HomeOrAwayOrDraw"], quote["Rejected"]) == (
            "0-0.5",
            "A",
            False,
        )
        assert 0 < quote["MinimumAmount"] < quote["MaximumAmount"]


@pytest.mark.parametrize(
    ("mode", "names"), [("odds", {"Odds"}), ("price", {"Price"}), ("both", {"Odds", "Price"})]
)
async def test_7_the_price_has_one_name_or_the_other_or_both(mode: str, names: set[str]) -> None:
    async with opened(price_field=mode) as world:
        selection = selection_of((await world.client.rows())[0])
        (quote,) = (await world.client.quotes(selection))["Result"]["OddsPlacementData"]
        assert {"Odds", "Price"} & set(quote) == names


async def test_7_a_book_slower_than_the_timeout_is_left_out() -> None:
    slow = replace(WILLING, quote_delay_s=(5, 5))
    async with opened(betting=slow) as world:
        selection = selection_of((await world.client.rows())[0])
        assert (await world.client.quotes(selection, Timeout=2))["Result"][
            "OddsPlacementData"
        ] == []


async def test_7_the_price_drifts_now_and_then_and_a_drifted_quote_still_holds() -> None:
    async with opened(betting=replace(WILLING, quote_drift_rate=1.0)) as world:
        selection = selection_of((await world.client.rows())[0])
        drifted = set()
        for number in range(10):
            (quote,) = (await world.client.quotes(selection))["Result"]["OddsPlacementData"]
            drifted.add(quote["Odds"])
            await world.client.place(selection, f"IBC:{quote['Odds']}", reference=f"d{number}")
        world.wait(200)
        assert len(drifted) > 3
        assert {ticket.state for ticket in world.sandbox.book} == {State.RUNNING}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Amount": 4}, -1),
        ({"Amount": 1_000_000}, -1),
        ({"Amount": "NaN"}, -1),
        ({"Amount": 9999}, -1),
        ({"GameId": 12345}, -1),
        ({"GameType": "O", "OddsName": "OverOdds"}, -1),
        ({"OddsName": "DrawOdds"}, -1),
        ({"BookieOdds": "2.0"}, -1),
        ({"BookieOdds": "GA:2.0"}, -1307),
        ({"PlaceBetId": "x" * 41}, -1),
    ],
)
async def test_8_what_cannot_be_placed_is_refused_and_leaves_no_ticket(
    changes: dict[str, Any], code: int
) -> None:
    async with opened() as world:
        selection = selection_of((await world.client.rows())[0])
        answer = await world.client.call("PlaceBet", placement(selection, "IBC:2.0") | changes)
        assert answer["Code"] == code
        assert answer["Message"]
        assert answer["Result"]["BetPlacementReference"] is None
        assert world.sandbox.book.tickets() == []


async def test_8_a_bet_is_sent_then_in_transit_then_pending_then_running() -> None:
    async with opened() as world:
        row = (await world.client.rows())[0]
        selection = selection_of(row)
        (quote,) = (await world.client.quotes(selection))["Result"]["OddsPlacementData"]
        answer = await world.client.place(selection, f"IBC:{quote['Odds']}")
        assert answer["Result"] == {
            "BetPlacementReference": "WA-kt1",
            "Message": "sent",
            "PlacementData": [
                {"Bookie": "IBC", "PlacedSuccessfully": True, "ReturnCode": 0, "Message": ""}
            ],
        }
        assert (await world.client.bet())["Code"] == -200
        world.wait(0.6)
        (ticket,) = world.sandbox.book.tickets()
        (bet,) = (await world.client.bet())["Data"]
        assert bet["Status"] == "Pending"
        world.wait(ticket.decision.due_ms / 1000 - world.clock.now().timestamp())
        (bet,) = (await world.client.bet())["Data"]
        assert (bet["Status"], bet["Odds"], bet["Stake"], bet["Bookie"]) == (
            "Running",
            quote["Odds"],
            10,
            "IBC",
        )
        assert (bet["GameType"], bet["BetType"], bet["Term"], bet["HdpOrGoal"]) == (
            "Handicap",
            "HDP Home",
            "FT",
            "0.25",
        )
        assert bet["TicketDate"] == ticket.decision.due_ms // 1000 * 1000


async def test_8_the_venue_makes_a_missing_reference_and_a_repeated_one_makes_two_tickets() -> None:
    async with opened() as world:
        selection = selection_of((await world.client.rows())[0])
        price = f"IBC:{world.books['IBC'][0] / 1000}"
        own = await world.client.place(selection, price, reference="")
        assert own["Result"]["BetPlacementReference"] == f"WA-{to_ms(world.clock.now())}"
        await world.client.place(selection, price)
        await world.client.place(selection, price)
        world.wait(1)
        rows = (await world.client.bet())["Data"]
        assert [row["ReferenceNumber"] for row in rows] == ["61000000003", "61000000002"]


async def test_8_a_price_that_stands_no_more_is_refused_later_unless_changes_are_accepted() -> None:
    async with opened() as world:
        selection = selection_of((await world.client.rows())[0])
        too_good = f"IBC:{world.books['IBC'][0] / 1000 + 0.05:.3f}"
        assert (await world.client.place(selection, too_good))["Code"] == 0
        assert (
            await world.client.place(selection, too_good, reference="kt2", AcceptChangedOdds=1)
        )["Code"] == 0
        world.wait(200)
        (refused,), (accepted,) = [
            (await world.client.bet(reference))["Data"] for reference in ("kt1", "kt2")
        ]
        assert (refused["Status"], refused["BetPlacementMessage"]) == (
            "Rejected",
            "Odd changed to lower price.",
        )
        assert (accepted["Status"], accepted["Odds"]) == ("Running", world.books["IBC"][0] / 1000)


async def test_8_trimming_the_list_of_books_is_refused() -> None:
    async with opened() as world:
        selection = selection_of((await world.client.rows())[0])
        await world.client.quotes(selection, bookies="PIN,IBC")
        answer = await world.client.place(selection, "IBC:1.9")
        assert answer["Code"] == -1307
        async with opened(refuse_trimmed_list=False) as lenient:
            selection = selection_of((await lenient.client.rows())[0])
            await lenient.client.quotes(selection, bookies="PIN,IBC")
            assert (await lenient.client.place(selection, "IBC:1.9"))["Code"] == 0


async def test_8_a_stake_beyond_one_books_maximum_is_split_best_price_first() -> None:
    async with opened() as world:
        selection = selection_of((await world.client.rows())[0])
        found = (await world.client.quotes(selection, bookies="IBC,PIN"))["Result"][
            "OddsPlacementData"
        ]
        most = {quote["Bookie"]: quote["MaximumAmount"] for quote in found}
        prices = ",".join(f"{quote['Bookie']}:{quote['Odds']}" for quote in found)
        await world.client.place(selection, prices, amount=most["IBC"] + 10)
        stakes = {ticket.order.bookie: ticket.order.stake_minor for ticket in world.sandbox.book}
        assert stakes == {"IBC": most["IBC"] * 100, "PIN": 1000}


async def test_8_bookmakers_refuse_with_the_recorded_reasons() -> None:
    async with opened(betting=replace(WILLING, refusal_rate=1.0)) as world:
        selection = selection_of((await world.client.rows())[0])
        for number in range(30):
            await world.client.place(
                selection, f"IBC:{world.books['IBC'][0] / 1000}", reference=f"r{number}"
            )
        world.wait(3000)
        await world.client.enter()
        bets = (await world.client.call("GetNonRunningBets"))["Data"]
        assert {bet["Status"] for bet in bets} == {"Rejected"}
        assert "Odd changed to lower price." in {bet["BetPlacementMessage"] for bet in bets}
        assert {(bet["Pnl"], bet["FullTimeHomeScore"]) for bet in bets} == {(0, "-1")}


def fill(world: World, count: int) -> None:
    """Tickets straight into the book: half of them refused."""
    template = world.sandbox.book.tickets()[0].order
    for number in range(count):
        decision = Decision(0, refusal="no" if number % 2 else None)
        world.sandbox.house.book.place(
            replace(template, reference=f"WA-f{number}", stake_minor=500), decision, 0
        )


async def test_9_lists_are_capped_newest_first_and_300_when_empty() -> None:
    async with opened() as world:
        for method in ("GetBets", "GetRunningBets", "GetNonRunningBets"):
            answer = await world.client.call(method)
            assert (answer["Code"], answer["Data"]) == (300, None)
        selection = selection_of((await world.client.rows())[0])
        await world.client.place(selection, f"IBC:{world.books['IBC'][0] / 1000}")
        world.wait(1)
        fill(world, 400)
        sizes = {
            method: len((await world.client.call(method))["Data"])
            for method in ("GetBets", "GetRunningBets", "GetNonRunningBets")
        }
        assert sizes == {"GetBets": 150, "GetRunningBets": 50, "GetNonRunningBets": 100}
        assert (await world.client.call("GetBets"))["Data"][0]["BetPlacementReference"] == "WA-f399"


async def test_9_kick_off_runs_eight_hours_ahead_and_scores_are_strings() -> None:
    async with opened() as world:
        row = (await world.client.rows())[0]
        await world.client.place(selection_of(row), f"IBC:{world.books['IBC'][0] / 1000}")
        world.wait(200)
        (bet,) = (await world.client.call("GetRunningBets"))["Data"]
        assert bet["KickoffTime"] - row["StartTime"] == 8 * 3_600_000
        assert (bet["HomeScore"], bet["FullTimeHomeScore"], bet["HalfTimeAwayScore"]) == (
            "0",
            "-1",
            "-1",
        )


@pytest.mark.parametrize(("mode", "away"), [("unsigned", "0.25"), ("away", "0.25")])
async def test_9_the_line_of_a_bet_row(mode: str, away: str) -> None:
    async with opened(hdp_sign=mode) as world:
        row = (await world.client.rows())[0]
        await world.client.place(
            selection_of(row, odds_name="AwayOdds"), f"PIN:{world.books['PIN'][1] / 1000}"
        )
        world.wait(1)
        (bet,) = (await world.client.bet())["Data"]
        assert (bet["BetType"], bet["HdpOrGoal"], bet["Favoured"]) == ("HDP Away", away, 1)


async def test_9_history_speaks_in_codes_and_misspelt_totals() -> None:
    async with opened() as world:
        row = (await world.client.rows())[0]
        price = world.books["IBC"][0]
        await world.client.place(selection_of(row), f"IBC:{price / 1000}")
        world.wait(200)
        world.still.finish(row["MatchId"], (2, 0), (1, 0))
        world.wait(0)
        await world.client.call("GetSports")
        world.wait(5)
        history = (await world.client.call("GetBetHistorySummary", date="02/21/2026"))["Result"]
        won = f"{(price - 1000) / 100:.2f}"
        assert set(history) == {
            "BetSummaries",
            "SubTotalCommision",
            "SubTotalProfitAndLost",
            "Total",
        }
        assert (history["SubTotalProfitAndLost"], history["Total"]) == (won, won)
        (bet,) = history["BetSummaries"]
        assert (
            bet["Status"],
            bet["PnlInfo"],
            bet["FullTimeHomeScore"],
            bet["HalfTimeHomeScore"],
        ) == ("2", "Won", "2", "1")
        span: dict[str, Any] = {"from": "02/20/2026"}
        statement = (await world.client.call("GetHistoryStatement", to="02/22/2026", **span))[
            "Result"
        ]
        (day,) = statement["BetHistoryStatementItems"]
        assert (day["DateDay"], day["DateDayName"], day["Turnover"], day["WinLoss"]) == (
            "02/21/2026",
            "Saturday",
            "10.00",
            won,
        )
        assert day["Balance"] == f"{10_000 + float(won):,.2f}"
        (bet,) = (await world.client.bet())["Data"]
        assert bet["Status"] == "Won"


async def test_10_the_account_follows_acceptance_and_settlement() -> None:
    async with opened() as world:
        rows = await world.client.rows()
        price = world.books["IBC"][0]

        async def summary() -> tuple[float, float, float]:
            found = (await world.client.call("GetAccountSummary"))["Result"]
            return found["Credit"], found["Outstanding"], found["TodayPnL"]

        for row, reference in zip(rows, ("a", "b", "c"), strict=True):
            await world.client.place(selection_of(row), f"IBC:{price / 1000}", reference=reference)
        assert await summary() == (10_000, 0, 0)
        world.wait(200)
        assert await summary() == (9970, 30, 0)
        world.still.finish(rows[0]["MatchId"], (1, 0))
        world.still.finish(rows[1]["MatchId"], (1, 1))
        world.still.finish(rows[2]["MatchId"], (0, 0), void=True)
        await world.client.call("GetSports")
        world.wait(5)
        pnl = (price - 1000) / 100 - 5
        assert await summary() == pytest.approx((10_000 + pnl, 0, pnl))
        statuses = {
            bet["BetPlacementReference"]: (bet["Status"], bet["PnlInfo"])
            for bet in (await world.client.call("GetBets"))["Data"]
        }
        assert statuses == {
            "WA-a": ("Won", "Won"),
            "WA-b": ("Lost", "Half lost"),
            "WA-c": ("Void", ""),
        }
        world.wait(24 * 3600)
        await world.client.enter()
        found = (await world.client.call("GetAccountSummary"))["Result"]
        assert (found["TodayPnL"], found["YesterdayPnL"]) == pytest.approx((0, pnl))


async def test_the_remaining_methods_answer_in_the_recorded_shapes() -> None:
    async with opened() as world:
        leagues = (await world.client.call("GetLeagues", marketTypeId=1))["Result"]["Sports"][0]
        assert set(leagues["League"][0]) == {
            "Bookies",
            "LeagueId",
            "LeagueName",
            "MarketTypeId",
            "Since",
        }
        events = (await world.client.call("GetMatches", marketTypeId=1))["Result"][
            "EventSportsTypes"
        ][0]["Events"]
        assert {event["Home"] for event in events} == {"Home 000 FC", "Home 001 FC", "Home 002 FC"}
        assert {"Id": "PIN", "Name": "PINNACLE", "IsFeedAvailable": True} in (
            await world.client.call("GetBookies")
        )["Data"]
        user = (await world.client.call("GetUserInformation"))["Result"]
        assert (user["UserId"], user["ExternalIp"], user["Status"]) == (
            "SANDBOX",
            "127.0.0.1",
            "Active",
        )
