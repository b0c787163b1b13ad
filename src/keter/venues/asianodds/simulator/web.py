"""HTTP around the methods: routes, sessions, faults, and how an answer is written on the wire."""

import gzip
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from keter.venues.asianodds.simulator import spoil
from keter.venues.asianodds.simulator.calls import Answer, Call, result
from keter.venues.asianodds.simulator.config import SERVICE
from keter.venues.asianodds.simulator.faults import FaultKind, Rule
from keter.venues.asianodds.simulator.house import House
from keter.venues.asianodds.simulator.methods import METHODS
from keter.venues.asianodds.simulator.requests import FAILED, Refused
from keter.venues.asianodds.simulator.sessions import SessionGoneError, ThrottledError

_GZIP_FROM = 2000
_CHUNK = b" " * 65_536
_NOT_LOGGED_IN = "Not logged in or session expired"
BaseUrl = Callable[[], str]
Serves = Callable[[web.Request, str], bool]


class Service:
    """One handler for every method of the service; names of methods may be in any case.

    ``base_url`` returns what Login gives out. ``serves`` returns whether the address that a request
    came to serves the method.
    """

    def __init__(self, house: House, base_url: BaseUrl, serves: Serves) -> None:
        self._house, self._base_url, self._serves = house, base_url, serves

    async def handle(self, request: web.Request) -> web.StreamResponse:
        route = request.match_info["method"].lower().strip("/")
        known = request.match_info["service"].lower() == SERVICE.lower() and route in METHODS
        if not known or not self._serves(request, route):
            return web.Response(status=404, body=spoil.HTML, content_type="text/html")
        if request.method != METHODS[route].verb:
            return web.Response(status=405, text="Method not allowed")
        self._house.calls[route] = self._house.calls.get(route, 0) + 1
        spoiled = await self._instead(request, route)
        return spoiled if spoiled is not None else await self._answer(request, route)

    async def _instead(self, request: web.Request, route: str) -> web.StreamResponse | None:
        """Return the answer of a fault that keeps the call from having any effect; else None."""
        take = self._house.faults.take
        if take(FaultKind.LOST_BEFORE, route):
            return _cut(request)
        if rule := take(FaultKind.HTTP_ERROR, route):
            return web.Response(
                status=int(rule.number("status")), body=spoil.HTML, content_type="text/html"
            )
        if rule := take(FaultKind.THROTTLED, route):
            return self._throttled(request, rule.text("answer"))
        if rule := take(FaultKind.CODE, route):
            return self._write(request, _failure(rule))
        return self._session_ended(request, route)

    def _session_ended(self, request: web.Request, route: str) -> web.Response | None:
        """Apply the faults that end an open session; return their answer where they have one."""
        house, user = self._house, self._house.sessions.user_of(request.headers.get("AOToken", ""))
        if not user:
            return None
        if house.faults.take(FaultKind.SESSION_KILLED, route):
            house.sessions.kill(user)
        elif house.faults.take(FaultKind.EXPIRED_401, route):
            house.sessions.kill(user)
            return self._expired(request, route, "401")
        elif house.faults.take(FaultKind.EXPIRED_CODE, route):
            house.sessions.kill(user)
            return self._expired(request, route, "-1")
        return None

    async def _answer(self, request: web.Request, route: str) -> web.StreamResponse:
        house = self._house
        if rule := house.faults.take(FaultKind.LATE, route):
            body = await request.read()
            await house.pause(rule.number("delay_s"))
        else:
            body = await request.read()
        try:
            answer = self._run(request, route, body)
        except SessionGoneError:
            return self._expired(request, route, house.config.protocol.expired_answer)
        except ThrottledError:
            return self._throttled(request, house.config.protocol.throttle_answer)
        except Refused as e:
            answer = _refusal(route, e)
        await house.pause(answer.wait_s)
        if rule := house.faults.take(FaultKind.CODE_PLACED, route):
            answer = _failure(rule)
        if rule := house.faults.take(FaultKind.SLOW, route):
            await house.pause(rule.number("delay_s"))
        if house.faults.take(FaultKind.LOST_AFTER, route):
            return _cut(request)
        return await self._spoiled(request, route, answer)

    def _run(self, request: web.Request, route: str, body: bytes) -> Answer:
        house, method = self._house, METHODS[route]
        call = Call(
            route=route,
            query={name.lower(): value for name, value in request.query.items()},
            body=_body(body) if method.verb == "POST" else {},
            token=request.headers.get("AOToken", ""),
            key=request.headers.get("AOKey", ""),
            ip=request.remote or "",
            base_url=self._base_url(),
            now_ms=house.now(),
        )
        if method.needs_session:
            call.opened = house.sessions.use(call.token, call.ip, call.now_ms)
        return method.run(house, call)

    async def _spoiled(
        self, request: web.Request, route: str, answer: Answer
    ) -> web.StreamResponse:
        """Write the answer with the faults of its bytes that are due."""
        take = self._house.faults.take
        body = orjson.dumps(answer.envelope)
        if route == "getfeeds":
            body = spoil.spoil_feed(self._house.faults, route, body)
        if take(FaultKind.XML, route):
            return web.Response(
                text=spoil.as_xml(orjson.loads(body)), content_type="application/xml"
            )
        if rule := take(FaultKind.HTML, route):
            return web.Response(
                status=int(rule.number("status")), body=spoil.HTML, content_type="text/html"
            )
        if take(FaultKind.TRUNCATED_GZIP, route):
            headers = {"Content-Encoding": "gzip"}
            return web.Response(
                body=spoil.truncated_gzip(body), headers=headers, content_type="application/json"
            )
        if rule := take(FaultKind.HUGE, route):
            return await _padded(request, body, int(rule.number("megabytes") * 2**20))
        if take(FaultKind.BOM, route):
            body = spoil.BOM + body
        return self._send(request, body)

    def _write(self, request: web.Request, answer: Answer) -> web.Response:
        return self._send(request, orjson.dumps(answer.envelope))

    def _send(self, request: web.Request, body: bytes) -> web.Response:
        protocol = self._house.config.protocol
        if protocol.xml_without_json and "json" not in request.headers.get("Accept", ""):
            return web.Response(
                text=spoil.as_xml(orjson.loads(body)), content_type="application/xml"
            )
        if protocol.bom and not body.startswith(spoil.BOM):
            body = spoil.BOM + body
        headers = {}
        if len(body) > _GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
            body, headers = gzip.compress(body, 1), {"Content-Encoding": "gzip"}
        return web.Response(
            body=body, headers=headers, content_type="application/json", charset="utf-8"
        )

    def _throttled(self, request: web.Request, how: str) -> web.Response:
        if how == "429":
            return web.Response(status=429, text="Too many requests")
        return self._write(
            request,
            result(None, int(how), "Too many requests. Please respect the interval of this feed."),
        )

    def _expired(self, request: web.Request, route: str, how: str) -> web.Response:
        if route == "isloggedin":
            flags = {
                "CurrentlyLoggedIn": False,
                "SuccessfulLogin": False,
                "TextMessage": _NOT_LOGGED_IN,
            }
            return self._write(request, result(flags, -1, None))
        if route == "logout":
            return self._write(request, result(_NOT_LOGGED_IN, -1, None))
        if how == "401":
            return web.Response(status=401, text=_NOT_LOGGED_IN)
        return self._write(request, result({"TextMessage": _NOT_LOGGED_IN}, -1, None))


def _body(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as e:
        raise Refused(FAILED, "The body is not JSON") from e
    if not isinstance(value, dict):
        raise Refused(FAILED, "The body is not an object")
    return value


def _failure(rule: Rule) -> Answer:
    return result(None, int(rule.number("code")), rule.text("message"))


def _refusal(route: str, refused: Refused) -> Answer:
    if route == "placebet":
        blank = {
            "Bookie": "",
            "PlacedSuccessfully": False,
            "ReturnCode": refused.code,
            "Message": refused.text,
        }
        value: object = {
            "BetPlacementReference": None,
            "Message": refused.text,
            "PlacementData": [blank],
        }
        return result(value, refused.code, refused.text)
    return result(None, refused.code, refused.text)


def _cut(request: web.Request) -> web.Response:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _padded(request: web.Request, body: bytes, size: int) -> web.StreamResponse:
    """Write a valid answer with blanks behind it, up to ``size`` bytes, in pieces."""
    response = web.StreamResponse(headers={"Content-Type": "application/json; charset=utf-8"})
    await response.prepare(request)
    try:
        await response.write(body)
        left = size - len(body)
        while left > 0:
            await response.write(_CHUNK[:left])
            left -= len(_CHUNK)
        await response.write_eof()
    except ConnectionError:
        return response  # The client has closed the connection.
    return response
