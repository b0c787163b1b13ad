"""A plain customer of the sandbox, who knows nothing but the protocol page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any

import aiohttp

from keter.venues.asianodds.simulator.config import DEMO_ACCOUNT
from keter.venues.asianodds.simulator.server import Sandbox


@dataclass
class Customer:
    """``call`` returns the decoded answer; ``raw`` the response read to its end."""

    http: aiohttp.ClientSession
    url: str
    headers: dict[str, str] = field(default_factory=lambda: {"Accept": "application/json"})

    async def raw(
        self, method: str, body: dict[str, Any] | None = None, **query: Any
    ) -> tuple[int, bytes]:
        verb = "GET" if body is None else "POST"
        async with self.http.request(
            verb, f"{self.url}/{method}", params=query, json=body, headers=self.headers
        ) as response:
            return response.status, await response.read()

    async def call(
        self, method: str, body: dict[str, Any] | None = None, **query: Any
    ) -> dict[str, Any]:
        verb = "GET" if body is None else "POST"
        async with self.http.request(
            verb, f"{self.url}/{method}", params=query, json=body, headers=self.headers
        ) as response:
            answer: dict[str, Any] = await response.json(encoding="utf-8-sig")
            return answer

    async def log_in(
        self, user: str = DEMO_ACCOUNT.user, password: str = DEMO_ACCOUNT.password
    ) -> dict[str, Any]:
        digest = md5(password.encode(), usedforsecurity=False).hexdigest()
        answer = await self.call("Login", username=user, password=digest)
        if answer["Code"] == 0:
            self.headers |= {"AOToken": answer["Result"]["Token"], "AOKey": answer["Result"]["Key"]}
            self.url = answer["Result"]["Url"]
        return answer

    async def register(self, user: str = DEMO_ACCOUNT.user) -> dict[str, Any]:
        return await self.call("Register", username=user)

    async def enter(self) -> None:
        """Log in and register."""
        assert (await self.log_in())["Code"] == 0
        assert (await self.register())["Code"] == 0

    async def feed(self, market_type: int = 1, **query: Any) -> dict[str, Any]:
        return await self.call(
            "GetFeeds", sportsType=1, marketTypeId=market_type, oddsFormat="00", **query
        )

    async def rows(self, market_type: int = 1, **query: Any) -> list[dict[str, Any]]:
        answer = await self.feed(market_type, **query)
        assert answer["Code"] == 0, answer
        return [row for sport in answer["Result"]["Sports"] for row in sport["MatchGames"]]

    async def quotes(
        self, selection: dict[str, Any], bookies: str = "IBC", **more: Any
    ) -> dict[str, Any]:
        return await self.call(
            "GetPlacementInfo", {**selection, "Bookies": bookies, "Timeout": 20, **more}
        )

    async def place(
        self,
        selection: dict[str, Any],
        prices: str,
        amount: float = 10,
        reference: str = "kt1",
        **more: Any,
    ) -> dict[str, Any]:
        return await self.call("PlaceBet", placement(selection, prices, amount, reference, **more))

    async def bet(self, reference: str = "kt1") -> dict[str, Any]:
        return await self.call("GetBetByReference", betReference=f"WA-{reference}")


def placement(
    selection: dict[str, Any], prices: str, amount: float = 10, reference: str = "kt1", **more: Any
) -> dict[str, Any]:
    return {**selection, "BookieOdds": prices, "Amount": amount, "PlaceBetId": reference, **more}


def selection_of(
    row: dict[str, Any], game_type: str = "H", odds_name: str = "HomeOdds"
) -> dict[str, Any]:
    """Return what a placement says about a feed row."""
    return {
        "GameId": row["GameId"],
        "GameType": game_type,
        "IsFullTime": 1,
        "MarketTypeId": row["MarketTypeId"],
        "OddsFormat": "00",
        "OddsName": odds_name,
        "SportsType": 1,
    }


@asynccontextmanager
async def customer(
    sandbox: Sandbox, *, ready: bool = True, local: str | None = None
) -> AsyncIterator[Customer]:
    """Open a customer, logged in and registered when ``ready``.

    ``local`` is the loopback address it calls from.
    """
    connector = aiohttp.TCPConnector(local_addr=(local, 0) if local else None)
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=20)
    ) as http:
        made = Customer(http, sandbox.url)
        if ready:
            await made.enter()
        yield made
