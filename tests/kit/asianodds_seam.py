"""A made-up venue behind httpx's MockTransport: scripted answers per method, and what was asked."""

import hashlib
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx

from keter.clock import ManualClock
from keter.venues.asianodds.client import Client
from keter.venues.asianodds.login import Login
from keter.venues.asianodds.session import SessionFollower, SessionOwner, Sessions
from keter.venues.asianodds.session_hosts import SessionHosts
from keter.venues.asianodds.transport import Transport
from tests.kit.asianodds_payloads import NOW, result_body
from tests.kit.local_stores import LocalStores

BASE = "https://venue.test/AsianOddsService"
HOME = "https://session.venue.test/AsianOddsService"
HOSTS = SessionHosts(BASE)
USER, PASSWORD = "DEMOUSER1", "opensesame-7"
PASSWORD_MD5 = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
Script = bytes | int | Exception | httpx.Response | Callable[[httpx.Request], httpx.Response]


def token(number: int) -> str:
    return f"77100422155301988442139{number:05}"


class Venue:
    """Answers Login, Register and IsLoggedIn properly; everything else from ``say``.

    One session at a time.
    """

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.stores = LocalStores(self.clock.monotonic)
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []
        self.logins = 0
        self.register_answers: deque[bool] = deque()
        self.url = HOME
        self.alive: str | None = None
        self._scripts: dict[str, deque[Script]] = defaultdict(deque)
        self.transport = Transport(httpx.AsyncClient(transport=httpx.MockTransport(self._answer)))

    def say(self, method: str, *answers: Script) -> None:
        self._scripts[method].extend(answers)

    def calls(self, method: str) -> list[httpx.Request]:
        return [request for request in self.asked if request.url.path.endswith(f"/{method}")]

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.slept.append(seconds)
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))

    def owner(self, hosts: SessionHosts = HOSTS) -> SessionOwner:
        login = Login(
            USER, PASSWORD, hosts.base_url, self.transport, self.clock, hosts=hosts, timeout_s=15
        )
        return SessionOwner(
            USER,
            login,
            self.transport,
            self.stores,
            self.clock,
            throttles=self.stores,
            hosts=hosts,
            sleep=self.sleep,
        )

    def follower(self, hosts: SessionHosts = HOSTS) -> SessionFollower:
        return SessionFollower(USER, self.stores, self.clock, hosts=hosts, sleep=self.sleep)

    def client(self, sessions: Sessions | None = None) -> Client:
        return Client(
            USER,
            self.transport,
            sessions or self.owner(),
            self.stores,
            self.clock,
            sleep=self.sleep,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        method = request.url.path.rpartition("/")[2]
        if self._scripts[method]:
            return played(self._scripts[method].popleft(), request)
        known: dict[str, Callable[[httpx.Request], dict[str, Any]]] = {
            "Login": self._login,
            "Register": self._register,
            "IsLoggedIn": self._is_logged_in,
        }
        if method not in known:
            return httpx.Response(500)
        result = known[method](request)
        return answer(result_body(result, 0 if True in result.values() else -1, None))

    def _login(self, request: httpx.Request) -> dict[str, Any]:
        if dict(request.url.params) != {"username": USER, "password": PASSWORD_MD5}:
            return {
                "SuccessfulLogin": False,
                "Token": "",
                "Key": None,
                "TextMessage": "Invalid username or password",
            }
        self.logins += 1
        self.alive = token(self.logins)
        return {
            "SuccessfulLogin": True,
            "Token": self.alive,
            "Key": "f" * 32,
            "Url": self.url,
            "Username": USER,
        }

    def _register(self, request: httpx.Request) -> dict[str, Any]:
        proper = (
            request.headers.get("AOToken") == self.alive
            and request.headers.get("AOKey") == "f" * 32
        )
        return {
            "Success": proper
            and (self.register_answers.popleft() if self.register_answers else True)
        }

    def _is_logged_in(self, request: httpx.Request) -> dict[str, Any]:
        return {"CurrentlyLoggedIn": request.headers.get("AOToken") == self.alive}


def answer(body: bytes) -> httpx.Response:
    """Return HTTP 200 with a body that is still to be read, as from a network."""
    return httpx.Response(200, stream=httpx.ByteStream(body))


def played(script: Script, request: httpx.Request) -> httpx.Response:
    if isinstance(script, Exception):
        raise script
    if isinstance(script, httpx.Response):
        return script
    if isinstance(script, int):
        return httpx.Response(script)
    return script(request) if callable(script) else answer(script)
