"""AsianOdds as Keter's own client sees it, with answers that a test chooses: what is spoilt comes
in as bytes.
"""

import json
from datetime import datetime
from typing import Any

import httpx

from keter.clock import ManualClock
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Market
from keter.domain.tickets import AccountSnapshot, Ticket
from keter.venues.asianodds.client import checked
from keter.venues.asianodds.lenient_json import read_rows
from keter.venues.asianodds.tickets import read_ticket
from keter.venues.asianodds.transport import Reply
from keter.venues.asianodds.venue import AsianOddsVenue, read_account
from keter.venues.base import VenueError
from tests.kit.asianodds_seam import USER, Venue, answer
from tests.kit.fuzzing import write
from tests.kit.local_stores import LocalStores
from tests.unit.venues.asianodds.test_tickets import bet_row

OUR_REFERENCE = "WA-ref1"  # in the bodies of a test: the reference that the router has sent
NO_BETS = b'{"Code":300,"Message":"","Data":null}'
UNKNOWN = b'{"Code":-200,"Message":"not found","Data":null}'


def answered(name: str, value: object) -> dict[str, Any]:
    return {"Code": 0, "Message": "", name: value}


def quotes() -> dict[str, Any]:
    """Return a price of the book that the approvals of tests/kit/execution.py ask for."""
    quote = {
        "Bookie": "IBC",
        "Price": "2.200",
        "OddsFormat": "00",
        "HDPorGoal": "2.5",
        "MinimumAmount": 5,
        "MaximumAmount": 900,
        "Rejected": False,
        "Message": "",
    }
    return answered("Result", {"OddsPlacementData": [quote]})


def placed() -> dict[str, Any]:
    book = {
        "Bookie": "IBC",
        "BetPlacementReference": OUR_REFERENCE,
        "PlacedSuccessfully": True,
        "ReturnCode": 0,
        "Message": "",
    }
    return answered(
        "Result",
        {"BetPlacementReference": OUR_REFERENCE, "PlacementData": [book], "TextMessage": "placed"},
    )


def our_row(**changes: object) -> dict[str, Any]:
    """Return the row of the bet that the router has sent."""
    fields: dict[str, Any] = {
        "BetPlacementReference": OUR_REFERENCE,
        "ReferenceNumber": "7001",
        "Bookie": "IBC",
        "BetType": "Over",
        "HdpOrGoal": "2.5",
        "Odds": "2.200",
        "Stake": 10,
    }
    return bet_row(**{**fields, **changes})


def account(outstanding: object = 0) -> dict[str, Any]:
    return answered(
        "Result",
        {
            "Credit": 512.4,
            "CreditCurrency": "EUR",
            "Outstanding": outstanding,
            "TodayPnL": -3.2,
            "YesterdayPnL": 7.05,
        },
    )


def in_bytes(value: object) -> bytes:
    return write(value).encode()


class SpoiltVenue(Venue):
    """Answers each method with the bytes in ``bodies``; logins are good."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.clock, self.stores = clock, LocalStores(clock.monotonic)
        self.reference = ""
        self.listed_at: datetime = clock.now()
        self.bodies: dict[str, bytes] = {}
        self.honest()

    def honest(self) -> None:
        """Answer that nothing is listed and nothing is known."""
        self.bodies = {
            "GetBets": NO_BETS,
            "GetBetByReference": UNKNOWN,
            "GetAccountSummary": in_bytes(account()),
            "GetPlacementInfo": in_bytes(quotes()),
            "PlaceBet": in_bytes(placed()),
        }

    def bet_venue(self) -> AsianOddsVenue:
        return AsianOddsVenue(self.client(), self.clock, intended=self._intended)

    def body(self, method: str) -> bytes:
        """Return the answer to ``method``, with the router's reference for OUR_REFERENCE."""
        return self.bodies[method].replace(
            OUR_REFERENCE.encode(), f"WA-{self.reference or 'ref1'}".encode()
        )

    def rows(self, method: str = "GetBets") -> list[Ticket] | None:
        """Return every row of an answer by itself, none joined with another.

        None where the answer is refused as a whole.
        """
        try:
            found = checked(
                Reply(200, self.body(method)),
                -200 if method == "GetBetByReference" else 300,
                lambda: 1.0,
            )
            return [
                read_ticket(row, self.listed_at, self._intended) for row in read_rows(found.data)
            ]
        except VenueError:
            return None

    def money(self) -> AccountSnapshot | None:
        """Return what the account's answer says; None where it is refused."""
        try:
            return read_account(
                checked(Reply(200, self.body("GetAccountSummary")), 0, lambda: 1.0),
                USER,
                self.clock.now(),
            )
        except VenueError:
            return None

    def _intended(self, _reference: str) -> tuple[Market, Outcome] | None:
        return None

    def _answer(self, request: httpx.Request) -> httpx.Response:
        method = request.url.path.rpartition("/")[2]
        if method not in self.bodies:
            return super()._answer(request)
        self.asked.append(request)
        if method == "PlaceBet":
            self.reference = json.loads(request.content)["PlaceBetId"]
        if method == "GetBets":
            self.listed_at = self.clock.now()
        return answer(self.body(method))
