"""Host, Origin, headers, scopes: what holds for every request, tried over real HTTP."""

import asyncio
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from argon2 import PasswordHasher
from multidict import CIMultiDict
from yarl import URL

from keter.dashboard.app import all_routes, make_app
from keter.dashboard.routes import Role, Route, Scope
from keter.dashboard.security import CSP, perimeter_of
from keter.dashboard.sessions import IDLE
from keter.errors import ConfigurationError
from keter.settings import load_settings
from keter.supervision.preflight import check_bind
from keter.supervision.up import up
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.kit.support import eventually

PASSWORDS = {Role.OPERATOR: "seven wet herons walk", Role.VIEWER: "nine dry storks sleep"}
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
LOCKED = {
    "DASH_PASSWORD_HASH": CHEAP.hash(PASSWORDS[Role.OPERATOR]),
    "DASH_VIEWER_PASSWORD_HASH": CHEAP.hash(PASSWORDS[Role.VIEWER]),
}


async def raw(
    console: Console, method: str, path: str, **headers: str
) -> tuple[int, aiohttp.ClientResponse]:
    body: dict[str, str] | None = {} if method != "GET" else None
    async with console.http.request(
        method, URL(console.base + path, encoded=True), headers=headers, json=body
    ) as answer:
        await answer.read()
        return answer.status, answer


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "localhost.evil.example:1", "127.0.0.1:1", ""]
)
async def test_a_foreign_host_is_misdirected_whatever_it_asks_for(
    console: Console, host: str
) -> None:
    """DNS rebinding: the name in the request is compared exactly, upgrades and unknown paths
    included.
    """
    for path in ("/", "/healthz", "/api/v1/snapshot", "/api/v1/live", "/nothing", "/static/app.js"):
        status, _ = await raw(console, "GET", path, Host=host)
        assert status == 421, path


async def test_an_upgrade_needs_our_host_and_our_origin(console: Console) -> None:
    for origin in (
        None,
        "http://evil.example",
        "http://127.0.0.1",
        "null",
        f"https://127.0.0.1:{console.port}",
    ):
        headers = {"Origin": origin} if origin is not None else {}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await console.http.ws_connect(console.base + "/api/v1/live", headers=headers)
        assert refused.value.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        headers = {
            "Origin": f"http://evil.example:{console.port}",
            "Host": f"evil.example:{console.port}",
        }
        await console.http.ws_connect(console.base + "/api/v1/live", headers=headers)
    assert refused.value.status == 421


@pytest.mark.parametrize(
    ("left_out", "status"), [("Origin", 403), ("X-Requested-By", 403), (None, 200)]
)  # fmt: skip
async def test_a_write_needs_origin_and_its_own_header(
    console: Console, left_out: str | None, status: int
) -> None:
    headers = {name: value for name, value in console.page_headers.items() if name != left_out}
    found, _ = await console.post("/api/v1/commands/prepare", {"action": "halt"}, headers)
    assert found == status


async def test_a_write_is_json_and_small(console: Console) -> None:
    address = console.base + "/api/v1/commands/prepare"
    async with console.http.post(
        address, data="action=halt", headers=console.page_headers
    ) as answer:
        assert answer.status == 415
    body = {"action": "halt", "reason": "x" * 20_000}
    assert (await console.post("/api/v1/commands/prepare", body))[0] == 413


async def test_every_answer_carries_the_headers_errors_and_files_included(console: Console) -> None:
    for method, path in (
        ("GET", "/"), ("GET", "/static/app.js"), ("GET", "/nothing"), ("GET", "/healthz"),
        ("GET", "/api/v1/orders?x=1"), ("POST", "/api/v1/login"), ("DELETE", "/"),
    ):  # fmt: skip
        _, answer = await raw(console, method, path)
        assert answer.headers["Content-Security-Policy"] == CSP, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert (
            answer.headers["Cross-Origin-Opener-Policy"]
            == answer.headers["Cross-Origin-Resource-Policy"]
            == "same-origin"
        )
        assert answer.headers["Cache-Control"] in {"no-store", "no-cache"}
        assert "Server" not in answer.headers
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


CANARY = "canary-cookie-4711"
UNREADABLE = (
    b"garbage\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nCookie: __Host-sid=" + CANARY.encode() * 600 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n__Host-sid=" + CANARY.encode() + b"\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
)


@pytest.mark.parametrize("sent", UNREADABLE, ids=range(len(UNREADABLE)))
async def test_what_is_no_http_is_answered_like_everything_else_and_quoted_nowhere(
    console: Console, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as logs:
        reader, writer = await asyncio.open_connection("127.0.0.1", console.port)
        writer.write(sent)
        async with asyncio.timeout(5):
            answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    assert head.split()[1] == "400"
    assert headers["Content-Security-Policy"] == CSP
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in headers
    assert json.loads(body)["error"]["code"] == "unreadable"
    assert "request_unreadable" in {line["event"] for line in logs}
    assert CANARY not in f"{answer} {logs} {caplog.text}"


OUTSIDE = (
    "/static/../app.py",
    "/static/%2e%2e/app.py",
    "/static/vendor/../../app.py",
    "/static/",
    "/static/vendor/",
    "/static/..%2f..%2fsettings.py",
    "/static/app.py",
    "/static//etc/passwd",
)


@pytest.mark.parametrize("path", OUTSIDE)
async def test_files_outside_the_pages_do_not_exist(console: Console, path: str) -> None:
    status, _ = await raw(console, "GET", path)
    assert status == 404


async def test_a_page_that_the_browser_has_is_not_sent_again(console: Console) -> None:
    _, first = await raw(console, "GET", "/static/app.js")
    status, again = await raw(
        console, "GET", "/static/app.js", **{"If-None-Match": first.headers["ETag"]}
    )
    assert status == 304
    assert again.headers["ETag"] == first.headers["ETag"]


def sample(route: Route) -> str:
    """Return an address that the route serves."""
    name = (
        "ui.js"
        if "vendor" in route.path
        else "feed-stale.md"
        if "runbooks" in route.path
        else "app.js"
    )
    path = re.sub(r"\{name:[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", name, route.path)
    return re.sub(r"\{intent_id:[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "0" * 32, path)


SCOPES: dict[Role | None, set[Scope]] = {
    None: {Scope.PUBLIC, Scope.LOCAL},
    Role.VIEWER: {Scope.PUBLIC, Scope.LOCAL, Scope.READ},
    Role.OPERATOR: set(Scope),
}


@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.OPERATOR])
async def test_every_route_is_open_to_exactly_those_its_scope_names(
    start_console: StartConsole, role: Role | None
) -> None:
    """The route table is the only list: each route with each role, and none of them a bug."""
    console = await start_console(**LOCKED)
    await eventually(lambda: console.context.accounts.first.hub.latest() is not None)
    if role is not None:
        await console.login(role.value, PASSWORDS[role])
    for route in all_routes(console.context):
        if route.path.endswith(("logout", "login")):
            continue
        status, _ = await raw(console, route.method, sample(route), **console.page_headers)
        what = (route.method, route.path, status)
        if route.scope in SCOPES[role]:
            assert status not in {401, 403, 500}, what
        else:
            assert status == (401 if role is None else 403), what


async def test_nothing_is_served_that_is_not_in_the_table(console: Console) -> None:
    """Each row of the table names a scope; aiohttp's own list must have no other row."""
    table = {
        (route.method, re.sub(r":[^{}]*(?:\{[^{}]*\}[^{}]*)*", "", route.path))
        for route in all_routes(console.context)
    }
    served = {
        (one.method, one.resource.canonical)
        for one in make_app(console.context).router.routes()
        if one.resource
    }
    assert served == table


async def test_a_login_cookie_is_a_host_cookie_that_scripts_cannot_read(
    start_console: StartConsole,
) -> None:
    console = await start_console(**LOCKED)
    body = {"user": "operator", "password": PASSWORDS[Role.OPERATOR]}
    async with console.http.post(
        console.base + "/api/v1/login", json=body, headers=console.page_headers
    ) as answer:
        cookies = answer.headers.getall("Set-Cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["__Host-sid", "__Host-device"]
    for cookie in cookies:
        for attribute in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
            assert attribute in cookie
        assert "Domain" not in cookie


async def test_a_browser_that_was_here_before_gets_in_while_somebody_else_guesses_at_its_address(
    start_console: StartConsole,
) -> None:
    console = await start_console(**LOCKED)
    url, headers = console.base + "/api/v1/login", console.page_headers
    body = {"user": "operator", "password": PASSWORDS[Role.OPERATOR]}
    async with console.http.post(url, json=body, headers=headers) as answer:
        device = answer.cookies["__Host-device"].value
    for _ in range(5):
        await console.post("/api/v1/login", {"user": "operator", "password": "wrong"})
    assert (await console.post("/api/v1/login", body))[0] == 429
    known = {**headers, "Cookie": f"__Host-device={device}"}
    assert (await console.post("/api/v1/login", body, known))[0] == 200
    forged = {**headers, "Cookie": f"__Host-device={device[:-1]}"}
    assert (await console.post("/api/v1/login", body, forged))[0] == 429


async def test_a_new_browser_gets_in_by_a_link_from_the_machine_itself(
    start_console: StartConsole,
) -> None:
    console = await start_console(**LOCKED)
    for _ in range(5):
        await console.post("/api/v1/login", {"user": "operator", "password": "wrong"})
    body = {"user": "operator", "password": PASSWORDS[Role.OPERATOR]}
    assert (await console.post("/api/v1/login", {**body, "device": "operator.x.1.y"}))[0] == 429
    environ = {
        **os.environ,
        "DATA_DIR": str(console.settings.mode.data_dir),
        "DASH_PORT": str(console.port),
        **LOCKED,
    }
    command = (sys.executable, "-m", "keter", "config", "device")
    done = await asyncio.to_thread(
        subprocess.run, command, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    page, _, device = done.stdout.strip().partition("/#device=")
    assert page == console.base
    assert (await console.post("/api/v1/login", {**body, "device": device}))[0] == 200


@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.OPERATOR])
async def test_the_stream_is_for_whoever_has_logged_in(
    start_console: StartConsole, role: Role | None
) -> None:
    console = await start_console(**LOCKED)
    if role is not None:
        await console.login(role.value, PASSWORDS[role])
    opening = console.http.ws_connect(console.base + "/api/v1/live", headers=console.page_headers)
    if role is None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await opening
        assert refused.value.status == 401
    else:
        assert not (await opening).closed


async def test_a_session_that_has_idled_away_closes_its_stream(start_console: StartConsole) -> None:
    console = await start_console(**LOCKED)
    await console.login("operator", PASSWORDS[Role.OPERATOR])
    socket = await console.http.ws_connect(
        console.base + "/api/v1/live", headers=console.page_headers
    )
    authenticator = console.context.authenticator
    authenticator.sessions._sessions = {
        key: replace(one, seen_at=one.seen_at - IDLE)
        for key, one in authenticator.sessions._sessions.items()
    }
    async with asyncio.timeout(5):
        while not socket.closed:
            await socket.receive()
    assert socket.close_code == 4401


async def test_logging_out_closes_the_open_stream(start_console: StartConsole) -> None:
    console = await start_console(**LOCKED)
    await console.login("operator", PASSWORDS[Role.OPERATOR])
    socket = await console.http.ws_connect(
        console.base + "/api/v1/live", headers=console.page_headers
    )
    assert (await console.post("/api/v1/logout", {}))[0] == 200
    async with asyncio.timeout(5):
        while not socket.closed:
            await socket.receive()
    assert socket.close_code == 4401


async def test_an_error_shows_an_incident_number_and_nothing_else(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("secret detail 4711")

    monkeypatch.setattr(console.context.accounts.first.records, "orders", broken)
    status, found = await console.get("/api/v1/orders")
    assert status == 500
    assert "4711" not in str(found)
    assert re.fullmatch(r"[0-9a-f]{12}", found["error"]["incident"])


@pytest.mark.parametrize(
    "missing", ["DASH_PASSWORD_HASH", "DASH_ALLOWED_HOSTS", "DASH_ALLOW_REMOTE"]
)
def test_listening_beyond_this_machine_needs_all_three(missing: str) -> None:
    """Password, host names and the explicit flag; without any one of them the process ends with
    code 78.
    """
    full = {
        "DASH_PASSWORD_HASH": LOCKED["DASH_PASSWORD_HASH"],
        "DASH_ALLOWED_HOSTS": "bets.example",
        "DASH_ALLOW_REMOTE": "true",
    }
    check_bind(load_settings(None, {**full, "DASH_HOST": "0.0.0.0"}))  # noqa: S104 - the address under test
    short = {name: value for name, value in full.items() if name != missing}
    with pytest.raises(ConfigurationError, match=missing) as refused:
        check_bind(load_settings(None, {**short, "DASH_HOST": "0.0.0.0"}))  # noqa: S104 - the address under test
    assert refused.value.exit_code == 78


def test_keter_up_starts_nothing_at_all_for_an_unsafe_address(tmp_path: Path) -> None:
    """A second in which the workers bet before the dashboard refuses would be too long."""
    said: list[str] = []
    settings = load_settings(None, {"DATA_DIR": str(tmp_path), "DASH_HOST": "0.0.0.0"})  # noqa: S104 - the address under test
    with pytest.raises(ConfigurationError, match="DASH_ALLOW_REMOTE"):
        up(settings, say=said.append)
    assert said == []
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize("name", ["DASH_TRUSTED_PROXIES", "DASH_ALLOWED_HOSTS"])
def test_letting_others_in_through_a_proxy_needs_a_password(name: str) -> None:
    with pytest.raises(ConfigurationError, match="DASH_PASSWORD_HASH"):
        check_bind(load_settings(None, {name: "10.0.0.7"}))
    check_bind(
        load_settings(None, {name: "10.0.0.7", "DASH_PASSWORD_HASH": LOCKED["DASH_PASSWORD_HASH"]})
    )


async def test_a_proxy_that_says_nothing_of_itself_is_known_by_its_http_1_0(
    console: Console,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", console.port)
    writer.write(
        f"GET /api/v1/session HTTP/1.0\r\nHost: 127.0.0.1:{console.port}\r\nConnection:"
        " close\r\n\r\n".encode()
    )
    async with asyncio.timeout(5):
        answer = (await reader.read()).decode()
    writer.close()
    assert answer.split()[1] == "403"
    assert '"proxied"' in answer


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "x-forwarded-proto", "Via", "CF-Connecting-IP"]
)
async def test_a_forgotten_proxy_makes_nobody_the_operator(
    start_console: StartConsole, header: str
) -> None:
    """Without a password the console serves this machine only, not what a proxy on it hands on."""
    console = await start_console()
    async with console.http.get(
        console.base + "/healthz", headers={header: "203.0.113.9"}
    ) as answer:
        assert answer.status == 403
    async with console.http.get(console.base + "/healthz") as answer:
        assert answer.status == 200


async def test_forwarded_headers_are_believed_of_configured_proxies_only(
    start_console: StartConsole,
) -> None:
    """Back-off counts the address that a trusted proxy names; a stranger cannot choose his own."""
    console = await start_console(**LOCKED)
    headers = {**console.page_headers, "X-Forwarded-For": "10.9.8.7"}
    await console.post("/api/v1/login", {"user": "operator", "password": "wrong"}, headers)
    assert console.context.authenticator.backoff.wait_s("operator", "127.0.0.1") > 0
    assert console.context.authenticator.backoff.wait_s("operator", "10.9.8.7") == 0


async def test_of_several_forwarded_addresses_the_nearest_proxys_counts(
    start_console: StartConsole,
) -> None:
    """Some proxies add to the header, some add a header: what the stranger sent himself stands
    before it either way.
    """
    console = await start_console(**LOCKED, DASH_TRUSTED_PROXIES="127.0.0.1")
    wait_s = console.context.authenticator.backoff.wait_s
    for forwarded, counted in (
        (["6.6.6.6, 10.9.8.7"], "10.9.8.7"), (["6.6.6.6", "10.9.8.8"], "10.9.8.8"),
        (["6.6.6.6, 10.9.8.6:4711"], "10.9.8.6"),
        (["[2001:db8::1]:4711"], "2001:db8::1"), (["2001:db8:1::1"], "2001:db8:1::1"),
    ):  # fmt: skip
        headers = CIMultiDict(console.page_headers)
        for line in forwarded:
            headers.add("X-Forwarded-For", line)
        body = {"user": "operator", "password": "wrong"}
        async with console.http.post(
            console.base + "/api/v1/login", json=body, headers=headers
        ) as answer:
            assert answer.status == 401
        assert wait_s("operator", "6.6.6.6") == 0
        assert wait_s("operator", counted) > 0


async def test_only_what_went_over_tls_asks_to_be_asked_over_tls(
    start_console: StartConsole,
) -> None:
    console = await start_console(**LOCKED, DASH_TRUSTED_PROXIES="127.0.0.1")
    for proto, there in (("https", True), ("http", False), (None, False), ("https, http", False)):
        headers = {"X-Forwarded-For": "10.9.8.7"} | (
            {"X-Forwarded-Proto": proto} if proto is not None else {}
        )
        _, answer = await raw(console, "GET", "/healthz", **headers)
        assert ("Strict-Transport-Security" in answer.headers) == there


@pytest.mark.parametrize(
    ("host", "origins"), [("bets.example", {"https"}), ("localhost:9000", {"https", "http"})]
)
def test_a_page_from_elsewhere_is_ours_over_https_only(host: str, origins: set[str]) -> None:
    found = perimeter_of(load_settings(None, {**LOCKED, "DASH_ALLOWED_HOSTS": host}), 8080).origins
    assert {scheme for scheme in ("https", "http") if f"{scheme}://{host}" in found} == origins
