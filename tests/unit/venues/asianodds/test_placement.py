"""What is sent to quote and place, and what each answer to a placement is taken for."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.market_kinds import Outcome
from keter.domain.markets import parse_market
from keter.domain.order_calls import OrderRequest, PlaceResult, QuoteRequest
from keter.domain.quotes import VenueRef
from keter.venues.asianodds.normalise import Ref
from keter.venues.asianodds.placement import (
    classify,
    classify_failure,
    info_body,
    place_body,
    read_quotes,
)
from keter.venues.asianodds.transport import CallFailedError, Reply
from keter.venues.asianodds.wire import read_answer
from tests.kit.asianodds_payloads import result_body

REF = Ref(1, 0, -55001122, 910022331).venue_ref()
AWAY_075 = parse_market("fb", "ft.ah.-0.75")
OURS = "kt0001"


def order(**changes: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "ref": REF,
        "market": AWAY_075,
        "outcome": Outcome.AWAY,
        "prices": (("PIN", "1.970"), ("SIN", "1.95")),
        "stake_minor": 1050,
        "reference": OURS,
    }
    return OrderRequest(**(fields | changes))


def placed(
    code: int = 0,
    reference: str | None = f"WA-{OURS}",
    books: list[dict[str, Any]] | None = None,
    message: str = "",
) -> Reply:
    data = [book()] if books is None else books
    return Reply(
        200,
        result_body(
            {"BetPlacementReference": reference, "Message": message, "PlacementData": data}, code
        ),
    )


def book(name: str = "PIN", *, placed: bool = True, code: int = 0, **more: Any) -> dict[str, Any]:
    return {"Bookie": name, "PlacedSuccessfully": placed, "ReturnCode": code, "Message": "", **more}


def test_an_order_is_written_as_the_protocol_says() -> None:
    assert json.loads(place_body(order())) == {
        "GameId": 910022331,
        "GameType": "H",
        "IsFullTime": 1,
        "MarketTypeId": 0,
        "SportsType": 1,
        "OddsFormat": "00",
        "OddsName": "AwayOdds",
        "BookieOdds": "PIN:1.970,SIN:1.95",
        "Amount": 10.5,
        "PlaceBetId": OURS,
        "AcceptChangedOdds": 0,
    }


@given(st.integers(1, 10**11))
def test_a_stake_is_written_to_the_cent(stake_minor: int) -> None:
    text = place_body(order(stake_minor=stake_minor)).decode()
    assert f'"Amount":{stake_minor // 100}.{stake_minor % 100:02},' in text


@pytest.mark.parametrize(
    ("market", "outcome", "game_type", "odds_name", "full"),
    [
        ("ft.ah.0.25", Outcome.HOME, "H", "HomeOdds", 1),
        ("ht.ou.1.25", Outcome.OVER, "O", "OverOdds", 0),
        ("ft.ou.2.5", Outcome.UNDER, "O", "UnderOdds", 1),
        ("ft.1x2", Outcome.DRAW, "X", "DrawOdds", 1),
        ("ht.1x2", Outcome.HOME, "X", "HomeOdds", 0),
        ("ft.ml", Outcome.AWAY, "X", "AwayOdds", 1),
        ("te:ft.games-ah.-3.5", Outcome.HOME, "H", "HomeOdds", 1),
        ("te:ft.sets-ou.2.5", Outcome.OVER, "O", "OverOdds", 1),
        ("bb:ot.ml", Outcome.HOME, "X", "HomeOdds", 1),
    ],
)
def test_every_market_has_its_names(
    market: str, outcome: Outcome, game_type: str, odds_name: str, full: int
) -> None:
    sport, _, market_id = market.rpartition(":")
    named = parse_market(sport or "fb", market_id)
    body = json.loads(info_body(QuoteRequest(REF, named, outcome, ("PIN", "SBO")), 15))
    assert (body["GameType"], body["OddsName"], body["IsFullTime"]) == (game_type, odds_name, full)
    assert (body["Bookies"], body["Timeout"], body["OddsFormat"]) == ("PIN,SBO", 15, "00")


@pytest.mark.parametrize(
    "changes",
    [
        {"prices": ()},
        {"prices": (("PIN", ""),)},
        {"prices": (("PIN", "NaN"),)},
        {"prices": (("PIN", "0.97"),)},
        {"stake_minor": 0},
        {"stake_minor": -500},
        {"reference": ""},
        {"reference": "x" * 41},
        {"outcome": Outcome.DRAW},
        {"ref": VenueRef("paper", "1:0:1:1")},
        {"ref": VenueRef("asianodds", "nonsense")},
    ],
)
def test_an_order_that_makes_no_sense_is_never_written(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        place_body(order(**changes))


def test_a_quote_without_books_is_not_asked_for() -> None:
    with pytest.raises(ValueError, match="book"):
        info_body(QuoteRequest(REF, AWAY_075, Outcome.AWAY, ()), 15)


# quotes


def quoted(*items: dict[str, Any], market: str = "ft.ah.-0.75") -> list[Any]:
    answer = read_answer(result_body({"OddsPlacementData": list(items)}))
    return read_quotes(answer, parse_market("fb", market))


def offer(**changes: Any) -> dict[str, Any]:
    fields = {
        "Bookie": "PIN",
        "Code": 0,
        "Odds": 1.97,
        "Price": 1.97,
        "MinimumAmount": 5,
        "MaximumAmount": 820,
        "Rejected": False,
        "Message": None,
        "Currency": "EUR",
        "OddsFormat": "00",
        "GameType": "H",
        "HDPorGoal": "0.5-1",
    }
    return {name: value for name, value in (fields | changes).items() if value != "leave out"}


def test_a_quote_has_price_text_and_limits_in_cents() -> None:
    (quote,) = quoted(offer())
    assert (quote.book, quote.odds, quote.text, quote.rejected) == ("PIN", 1.97, "1.97", False)
    assert (quote.minimum_minor, quote.maximum_minor) == (500, 82_000)


def test_the_price_text_is_kept_to_the_digit() -> None:
    body = result_body({"OddsPlacementData": [offer(Price="leave out")]}).replace(b"1.97", b"1.970")
    (quote,) = read_quotes(read_answer(body), AWAY_075)
    assert quote.text == "1.970"


@pytest.mark.parametrize(
    "changes", [{"Odds": "leave out"}, {"Price": "leave out"}, {"Price": None}, {"Price": "1.97"}]
)
def test_either_name_of_the_price_serves(changes: dict[str, Any]) -> None:
    (quote,) = quoted(offer(**changes))
    assert (quote.odds, quote.rejected) == (1.97, False)


@pytest.mark.parametrize(
    ("changes", "market"),
    [
        ({"Rejected": True}, "ft.ah.-0.75"),
        ({"Price": 0, "Odds": 0}, "ft.ah.-0.75"),
        ({"Price": "NaN"}, "ft.ah.-0.75"),
        ({"Price": -0.98}, "ft.ah.-0.75"),
        ({"Price": 1e9}, "ft.ah.-0.75"),
        ({"OddsFormat": "MY"}, "ft.ah.-0.75"),
        ({"HDPorGoal": "1.0"}, "ft.ah.-0.75"),
        ({"HDPorGoal": "what"}, "ft.ah.-0.75"),
        ({"HDPorGoal": "2.5"}, "ft.ou.2.75"),
    ],
)
def test_a_quote_that_does_not_fit_is_rejected_with_a_reason(
    changes: dict[str, Any], market: str
) -> None:
    (quote,) = quoted(offer(**changes), market=market)
    assert quote.rejected


def test_missing_limits_allow_nothing() -> None:
    (quote,) = quoted(offer(MinimumAmount="leave out", MaximumAmount=None))
    assert (quote.minimum_minor, quote.maximum_minor) == (0, 0)


def test_rows_that_are_no_quotes_are_left_out() -> None:
    answer = read_answer(result_body({"OddsPlacementData": [5, None, "x", {"Price": 2}, offer()]}))
    assert [quote.book for quote in read_quotes(answer, AWAY_075)] == ["PIN"]
    assert read_quotes(read_answer(result_body(None)), AWAY_075) == []


# answers to a placement

S, R, N, U = PlaceResult.ACCEPTED, PlaceResult.REFUSED, PlaceResult.NOT_SENT, PlaceResult.UNKNOWN
FAILED = book(placed=False, code=-1307)
BLANK = {"Bookie": "", "PlacedSuccessfully": False, "ReturnCode": 0, "Message": None}


@pytest.mark.parametrize(
    ("reply", "outcome", "kind"),
    [
        (placed(), S, "sent"),
        (placed(books=[]), S, "sent"),
        (placed(books=[book(), FAILED]), S, "sent"),
        (placed(reference=None, books=[book(BetPlacementReference=f"WA-{OURS}")]), S, "sent"),
        (placed(reference=None, books=[FAILED]), R, "refused_by_books"),
        (placed(books=[FAILED]), U, "reference_differs"),
        (placed(reference="WA-1771200000123"), U, "reference_differs"),
        (placed(reference=None), U, "contradiction"),
        (placed(reference=None, books=[]), U, "contradiction"),
        (Reply(200, result_body(None)), U, "contradiction"),
        (placed(-1307), U, "code_-1307"),
        (placed(-1307, None, [FAILED]), U, "code_-1307"),
        (Reply(200, result_body(None, -1307, "Error occurred")), U, "code_-1307"),
        (Reply(200, result_body(None, -1212)), U, "code_-1212"),
        (Reply(200, result_body(None, -1200)), N, "no_placement_info"),
        (placed(-1200, f"WA-{OURS}"), U, "code_-1200"),
        (
            placed(-1, None, [BLANK], "Placement data is missing, call GetPlacementInfo"),
            N,
            "no_placement_info",
        ),
        (
            Reply(200, result_body(None, -1, "Call GetPlacementInfo before PlaceBet")),
            N,
            "no_placement_info",
        ),
        (Reply(200, result_body("User is not logged in", -1)), N, "session"),
        (placed(-1, f"WA-{OURS}", [book()], "not logged in"), U, "code_-1"),
        (Reply(200, result_body(None, -1, "Amount is below the minimum")), R, "validation"),
        (
            Reply(200, result_body(None, -1, "Amount is above the available credit")),
            R,
            "validation",
        ),
        (Reply(200, result_body(None, -1, "Game is not in the cached list")), R, "validation"),
        (Reply(200, result_body(None, -1, "Error occurred")), U, "code_-1"),
        (placed(-1, None, [BLANK]), U, "code_-1"),
        (placed(-1, None, [FAILED]), R, "refused_by_books"),
        (placed(-1, None, [FAILED, book(placed=False, code=0)]), U, "code_-1"),
        (Reply(200, result_body(None, 810)), N, "throttled"),
        (Reply(200, result_body(None, -810)), N, "throttled"),
        (placed(810), U, "code_810"),
        (Reply(200, result_body(None, 300)), U, "code_300"),
        (Reply(200, result_body(None, -4, "token invalid")), U, "code_-4"),
        (Reply(200, result_body(None, -999)), U, "code_-999"),
        (Reply(200, b""), U, "empty"),
        (Reply(200, b"<html><body>maintenance"), U, "html"),
        (Reply(200, b"<?xml version='1.0'?>"), U, "xml"),
        (Reply(200, b'{"Code":0,"Res'), U, "malformed"),
        (Reply(200, b'{"Result":{}}'), U, "no_code"),
        (Reply(401, b""), N, "session"),
        (Reply(403, b""), N, "session"),
        (Reply(429, b""), N, "throttled"),
        (Reply(404, b""), N, "http_404"),
        (Reply(405, b""), N, "http_405"),
        (Reply(400, b""), U, "http_400"),
        (Reply(302, b""), U, "http_302"),
        (Reply(500, b""), U, "http_500"),
        (Reply(502, b""), U, "http_502"),
        (Reply(503, b""), U, "http_503"),
        (Reply(504, b""), U, "http_504"),
    ],
)
def test_each_answer_to_a_placement_has_its_meaning(
    reply: Reply, outcome: PlaceResult, kind: str
) -> None:
    placement = classify(reply, OURS)
    assert (placement.result, placement.kind) == (outcome, kind)


@pytest.mark.parametrize(("may_have_arrived", "outcome"), [(True, U), (False, N)])
def test_a_call_without_an_answer_is_unknown_unless_it_surely_was_not_made(
    may_have_arrived: bool, outcome: PlaceResult
) -> None:
    failure = CallFailedError("timeout", "no answer", may_have_arrived=may_have_arrived)
    assert classify_failure(failure).result is outcome


@given(
    st.integers(200, 599).filter(lambda status: status not in {401, 403, 404, 405, 429}),
    st.binary(max_size=200),
)
def test_bytes_that_are_no_answer_are_always_unknown(status: int, body: bytes) -> None:
    assert classify(Reply(status, body), OURS).result is PlaceResult.UNKNOWN


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2000, 2000)
    | st.sampled_from([f"WA-{OURS}", "PIN", "not logged in", ""]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=3,
)


@given(st.integers(-1400, 900) | st.sampled_from([0, -1, -1307]), JSON, JSON, st.booleans())
def test_whatever_shows_a_sign_of_a_placed_bet_is_never_called_unplaced(
    code: int, reference: object, entry: object, in_book: bool
) -> None:
    """A reference or a book that placed it: then only SENT or UNKNOWN will do."""
    marked = f"WA-{OURS}" if in_book else reference
    data = [book(placed=not in_book), {"Bookie": "SIN", "Message": entry}]
    reply = Reply(200, result_body({"BetPlacementReference": marked, "PlacementData": data}, code))
    assert classify(reply, OURS).result in {PlaceResult.ACCEPTED, PlaceResult.UNKNOWN}
