"""The service's methods about prices: GetFeeds, GetLeagues, GetMatches."""

from keter.venues.asianodds.simulator.board import MarketType, Row, rows_json
from keter.venues.asianodds.simulator.calls import Answer, Call, integer, result, words
from keter.venues.asianodds.simulator.config import ALL_BOOKS
from keter.venues.asianodds.simulator.house import House
from keter.venues.asianodds.simulator.requests import FAILED, Refused


def _market_type(call: Call) -> MarketType:
    try:
        return MarketType(int(call.query.get("markettypeid") or 0))
    except ValueError as e:
        raise Refused(FAILED, "marketTypeId must be 0, 1 or 2") from e


def _books(house: House, call: Call) -> frozenset[str] | None:
    active = frozenset(house.book.accounts[call.session.user].config.bookies)
    asked = words(call, "bookies")
    wanted = active if asked is None else active & asked
    return None if wanted >= frozenset(ALL_BOOKS) else wanted


def get_feeds(house: House, call: Call) -> Answer:
    market_type, sport = _market_type(call), integer(call, "sportstype") or 0
    user = call.session.user
    asked_since, leagues = integer(call, "since"), words(call, "leagues")
    odds_format = call.query.get("oddsformat") or "MY"
    house.sessions.throttle(user, int(market_type), call.now_ms)
    since = house.sessions.since(user, sport, int(market_type), asked_since, call.now_ms)
    rows = [
        row
        for row in house.board.changed(market_type, since)
        if (not sport or row.fixture.sport == sport)
        and (leagues is None or str(row.fixture.league_id) in leagues)
    ]
    try:
        sports = rows_json(rows, odds_format, _books(house, call))
    except ValueError as e:
        raise Refused(FAILED, str(e)) from e
    stamp = house.board.cursor()
    house.sessions.note_sent(call.session, sport, int(market_type), stamp, call.now_ms)
    return result({"Since": stamp, "Sports": sports})


def _listed(house: House, call: Call) -> list[Row]:
    market_type, sport = _market_type(call), integer(call, "sportstype")
    since = integer(call, "since") or -1
    rows = house.board.changed(market_type, since)
    return [row for row in rows if not row.closing and (not sport or row.fixture.sport == sport)]


def get_leagues(house: House, call: Call) -> Answer:
    sports: dict[int, dict[int, dict[str, object]]] = {}
    for row in _listed(house, call):
        books = sorted({book for offer in row.offers.values() for book in offer.prices})
        fixture = row.fixture
        sports.setdefault(fixture.sport, {})[fixture.league_id] = {
            "Bookies": books, "LeagueId": fixture.league_id, "LeagueName": fixture.league,
            "MarketTypeId": int(row.market_type), "Since": row.updated_ms,
        }  # fmt: skip
    leagues = [
        {"SportsType": sport, "League": list(found.values())} for sport, found in sports.items()
    ]
    return result({"Sports": leagues})


def get_matches(house: House, call: Call) -> Answer:
    sports: dict[int, dict[int, dict[str, object]]] = {}
    for row in _listed(house, call):
        fixture = row.fixture
        sports.setdefault(fixture.sport, {})[fixture.match_id] = {
            "MatchId": fixture.match_id,
            "Home": fixture.home,
            "Away": fixture.away,
            "LeagueName": fixture.league,
            "LeagueId": fixture.league_id,
            "MarketTypeId": int(row.market_type),
            "Since": row.updated_ms,
        }
    events = [
        {"SportsType": sport, "Events": list(found.values())} for sport, found in sports.items()
    ]
    return result({"EventSportsTypes": events})
