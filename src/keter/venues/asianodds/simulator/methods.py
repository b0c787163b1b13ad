"""The table of all methods (protocol page, sections 3 to 5), and those about the session."""

from keter.venues.asianodds.simulator import bet_methods, feed_methods
from keter.venues.asianodds.simulator.calls import Answer, Call, Method, data, result
from keter.venues.asianodds.simulator.config import ALL_BOOKS
from keter.venues.asianodds.simulator.house import House
from keter.venues.asianodds.sport_terms import FOLLOWED

_BOOK_NAMES = {"PIN": "PINNACLE", "SIN": "SINGBET", "IBC": "IBCBET"}


def login(house: House, call: Call) -> Answer:
    user = call.query.get("username", "")
    session = house.sessions.login(user, call.query.get("password", ""), call.ip, call.now_ms)
    if session is None:
        failure = {"SuccessfulLogin": False, "Token": "", "Key": None, "Url": "", "Username": user}
        return result(failure | {"TextMessage": "Invalid username or password"}, -1, None)
    found = {
        "SuccessfulLogin": True,
        "Token": session.token,
        "Key": session.key,
        "Url": call.base_url,
    }
    return result(found | {"Username": session.user, "TextMessage": "ok"}, message=None)


def register(house: House, call: Call) -> Answer:
    ok = house.sessions.register(
        call.query.get("username", ""), call.token, call.key, call.ip, call.now_ms
    )
    text = "registered" if ok else "Registration failed; log in again"
    return result({"Success": ok, "TextMessage": text}, 0 if ok else -1, None)


def logout(house: House, call: Call) -> Answer:
    house.sessions.kill(call.session.user)
    return result("Logged out", message=None)


def is_logged_in(house: House, call: Call) -> Answer:
    house.sessions.keep_alive(call.session, call.now_ms)
    return result(
        {"CurrentlyLoggedIn": True, "SuccessfulLogin": True, "TextMessage": ""}, message=None
    )


def get_sports(house: House, call: Call) -> Answer:
    return data(
        [{"Id": number, "Name": sport.name.capitalize()} for number, sport in FOLLOWED.items()]
    )


def get_bookies(house: House, call: Call) -> Answer:
    return data(
        [
            {"Id": book, "Name": _BOOK_NAMES.get(book, book), "IsFeedAvailable": True}
            for book in ALL_BOOKS
        ]
    )


def get_user_information(house: House, call: Call) -> Answer:
    account = house.book.accounts[call.session.user].config
    return result(
        {
            "ActiveBookies": list(account.bookies),
            "BaseCurrency": account.currency,
            "CreationDate": 1_700_000_000_000,
            "DefaultStake": 0,
            "ExpiryDate": 4_102_444_800_000,
            "ExternalIp": call.ip,
            "OddsType": "MY",
            "Status": "Active",
            "UserId": call.session.user,
        }
    )


METHODS = {
    "login": Method("GET", login, needs_session=False),
    "register": Method("GET", register, needs_session=False),
    "logout": Method("GET", logout),
    "isloggedin": Method("GET", is_logged_in),
    "getsports": Method("GET", get_sports),
    "getbookies": Method("GET", get_bookies),
    "getleagues": Method("GET", feed_methods.get_leagues),
    "getmatches": Method("GET", feed_methods.get_matches),
    "getfeeds": Method("GET", feed_methods.get_feeds),
    "getplacementinfo": Method("POST", bet_methods.get_placement_info),
    "placebet": Method("POST", bet_methods.place_bet),
    "getbets": Method("GET", bet_methods.get_bets),
    "getrunningbets": Method("GET", bet_methods.get_running_bets),
    "getnonrunningbets": Method("GET", bet_methods.get_non_running_bets),
    "getbetbyreference": Method("GET", bet_methods.get_bet_by_reference),
    "getaccountsummary": Method("GET", bet_methods.get_account_summary),
    "gethistorystatement": Method("GET", bet_methods.get_history_statement),
    "getbethistorysummary": Method("GET", bet_methods.get_bet_history_summary),
    "getuserinformation": Method("GET", get_user_information),
}
