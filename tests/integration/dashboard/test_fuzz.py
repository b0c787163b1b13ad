"""Requests nobody would think of, made from the served OpenAPI document: no bug, nothing
undeclared, no way around a scope.
"""

import asyncio
import contextlib
import multiprocessing
import random
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from argon2 import PasswordHasher
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import CheckNode, ScenarioRecorder
from schemathesis.schemas import BaseSchema

from keter.dashboard.app import all_routes
from keter.dashboard.routes import ALLOWED, Role, Scope
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.integration.dashboard.test_perimeter import sample
from tests.kit.console_seed import live_once, seed_bus, seed_ledger
from tests.kit.support import eventually

SEED = 20240814
# Random requests of each endpoint, beside the boundary cases, of which there are as many as the
# document has bounds.
EXAMPLES: dict[Role | None, int] = {None: 6, Role.VIEWER: 6, Role.OPERATOR: 30}
PASSWORDS = {Role.OPERATOR: "seven wet herons walk", Role.VIEWER: "nine dry storks sleep"}
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
LOCKED = {
    "DASH_PASSWORD_HASH": CHEAP.hash(PASSWORDS[Role.OPERATOR]),
    "DASH_VIEWER_PASSWORD_HASH": CHEAP.hash(PASSWORDS[Role.VIEWER]),
}
LOGOUT = "/api/v1/logout"
# A token that was made up is gone; a role may be too low; a bet that was made up does not exist.
ACCEPTABLE = ("2xx", "401", "403", "404", "409", "410", "429")


@dataclass
class Found:
    """What a run met: complaints, and how often each endpoint answered with each status."""

    complaints: list[str] = field(default_factory=list)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)


@contextlib.asynccontextmanager
async def alive(console: Console) -> AsyncIterator[None]:
    """Let the other processes beat and prices move, so that every endpoint has something to say."""
    stop = asyncio.Event()

    async def live() -> None:
        while not stop.is_set():
            await live_once(console.bus, random.Random(7))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)

    task = asyncio.create_task(live())
    try:
        yield
    finally:
        stop.set()
        await task


def configuration(base: str, token: str | None, role: Role | None) -> SchemathesisConfig:
    values: dict[str, Any] = {
        "seed": SEED,
        "base-url": base,
        "headers": {"Origin": base},
        "continue-on-failure": True,
        "generation": {
            "max-examples": EXAMPLES[role],
            "deterministic": True,
            "database": "none",
            "with-security-parameters": False,
        },
    }
    values["checks"] = {
        "positive_data_acceptance": {"expected-statuses": [*ACCEPTABLE]},
        # A write without Origin and X-Requested-By is 403 before anybody looks at its method; see
        # the test below.
        "unsupported_method": {"enabled": False},
    }
    # 400 to whatever is no upgrade; tests/integration/dashboard/test_stream.py speaks WebSocket to
    # it.
    values["operations"] = [
        {"include-path": "/api/v1/live", "checks": {"positive_data_acceptance": {"enabled": False}}}
    ]
    if token is not None:
        values["auth"] = {"openapi": {"session": {"api_key": token}}}
    return SchemathesisConfig.from_dict(values)


def fuzz(document: dict[str, Any], base: str, token: str | None, role: Role | None) -> Found:
    """Every phase of the generator over every endpoint.

    In a process of its own: it would keep the server waiting.
    """
    schema: BaseSchema = schemathesis.openapi.from_dict(
        document, config=configuration(base, token, role)
    )
    if role is not None:
        # It would end the login that the other requests are made with.
        schema = schema.exclude(path=LOGOUT)
    scopes = scopes_of(document)
    found = Found()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished | events.FuzzScenarioFinished):
            look(event.recorder, role, scopes, found)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            found.complaints.append(f"the generator failed: {event}")
    return found


def scopes_of(document: dict[str, Any]) -> dict[str, Scope]:
    """``GET /path`` to the scope that the document names for it."""
    return {
        f"{method.upper()} {path}": Scope(operation["x-scope"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def look(
    recorder: ScenarioRecorder, role: Role | None, scopes: dict[str, Scope], found: Found
) -> None:
    """Note failed checks and answers that the role must not get."""
    for nodes in recorder.checks.values():
        found.complaints += [complaint(node) for node in nodes if node.status is Status.FAILURE]
    for case_id, interaction in recorder.interactions.items():
        operation, response = recorder.cases[case_id].value.operation.label, interaction.response
        if response is None:
            found.complaints.append(
                f"{operation}: no answer to {interaction.request.method} {interaction.request.uri}"
            )
            continue
        found.answers[operation, response.status_code] += 1
        if response.status_code < 400 and scopes[operation] not in allowed(role):
            found.complaints.append(
                f"{operation}: {role or 'nobody'} got {response.status_code} to"
                f" {interaction.request.uri}"
            )


def complaint(node: CheckNode) -> str:
    if node.failure_info is None:
        return node.name
    failure = node.failure_info.failure
    return (
        f"{node.name}: {failure.title}: {failure.message[:300]}\n  {node.failure_info.code_sample}"
    )


def allowed(role: Role | None) -> frozenset[Scope]:
    return frozenset({Scope.PUBLIC, Scope.LOCAL}) if role is None else ALLOWED[role] | {Scope.LOCAL}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.OPERATOR])
async def test_no_request_finds_a_bug_an_undeclared_answer_or_a_way_around_a_scope(
    start_console: StartConsole, role: Role | None
) -> None:
    console = await start_console(**LOCKED)
    seed = await seed_ledger(console.ledger)
    await seed_bus(console.bus, now=seed.now)
    async with alive(console):
        await eventually(lambda: console.context.accounts.first.hub.latest() is not None)
        document = await served(console, seed.bets[1].intent.intent_id)
        console.token = None
        if role is not None:
            await console.login(role.value, PASSWORDS[role])
        with ProcessPoolExecutor(1, multiprocessing.get_context("forkserver")) as pool:
            job = pool.submit(fuzz, document, console.base, console.token, role)
            found = await asyncio.wrap_future(job)
    assert not found.complaints, "\n".join(found.complaints)
    for operation, scope in scopes_of(document).items():
        if operation in {f"POST {LOGOUT}", "POST /api/v1/login", "GET /api/v1/live"}:
            continue
        statuses = {status for name, status in found.answers if name == operation}
        wanted = 200 if scope in allowed(role) else 401 if role is None else 403
        assert wanted in statuses or "commit" in operation, (operation, statuses)


async def served(console: Console, intent_id: str) -> dict[str, Any]:
    """Return the document as the server gives it, with values for path parameters that exist."""
    await console.login("operator", PASSWORDS[Role.OPERATOR])
    status, document = await console.get("/api/v1/openapi.json")
    assert status == 200
    examples = {
        "/api/v1/orders/{intent_id}": intent_id,
        "/static/{name}": "app.js",
        "/static/vendor/{name}": "ui.js",
        "/static/runbooks/{name}": "feed-stale.md",
    }
    for path, example in examples.items():
        document["paths"][path]["get"]["parameters"][0]["example"] = example
    found: dict[str, Any] = document
    return found


async def test_a_method_that_the_table_does_not_know_is_405_everywhere(console: Console) -> None:
    known = {(route.method, sample(route)) for route in all_routes(console.context)}
    for path in {path for _, path in known}:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            if (method, path) not in known:
                async with console.http.request(
                    method, console.base + path, json={}, headers=console.page_headers
                ) as answer:
                    assert answer.status == 405, (method, path)
                    assert answer.headers["Allow"]


NASTY = (
    b"", b"{", b"null", b"[]", b"1e999", b"\xff\xfe", b"[" * 15_000,
    b'{"action": "halt"} x', b'{"action": "\\ud800"}', b'{"action": "halt", "action": ["halt"]}',
    b'{"action": "pause", "for_s": NaN}', b'{"action": "pause", "for_s": 1e400}',
    b'{"action": "pause", "for_s": ' + b"9" * 5000 + b"}",
    b'{"action": "halt", "target": "a\\u0000b"}', '{"action": "h\u00e4lt"}'.encode("latin-1"),
)  # fmt: skip


@pytest.mark.parametrize("body", NASTY, ids=range(len(NASTY)))
async def test_a_body_that_is_no_declared_json_is_400(console: Console, body: bytes) -> None:
    headers = {**console.page_headers, "Content-Type": "application/json"}
    async with console.http.post(
        console.base + "/api/v1/commands/prepare", data=body, headers=headers
    ) as answer:
        assert answer.status == 400, await answer.text()
        assert (await answer.json())["error"]["code"] == "bad_body"


@pytest.mark.parametrize("charset", ["utf-7", "no-such", "idna", "hex", "utf-16"])
async def test_a_charset_other_than_utf_8_makes_no_bug(console: Console, charset: str) -> None:
    headers = {**console.page_headers, "Content-Type": f"application/json; charset={charset}"}
    async with console.http.post(
        console.base + "/api/v1/commands/prepare", data=b'{"action": "x"}', headers=headers
    ) as answer:
        assert answer.status in {400, 415}


@pytest.mark.parametrize(
    "query",
    [
        "state=AAA",
        "state=won",
        "since=1",
        "since=2026-01-01",
        "since=2026-01-01T00:00:00",
        "since=0001-01-01T00:00:00%2B14:00",
        "until=9999-12-31T23:59:59-14:00",
        "min_ev=nan",
        "min_ev=inf",
        "limit=0",
        "limit=1e3",
        "limit=999999999999999999999",
        "before=%00",
        "book=%0a",
        "limit=1&limit=2",
        "x=1",
        "state=",
    ],
)
async def test_a_filter_outside_its_bounds_is_400(console: Console, query: str) -> None:
    await seed_ledger(console.ledger, count=1, unknown=False)
    status, found = await console.get(f"/api/v1/orders?{query}")
    assert (status, found["error"]["code"]) == (400, "bad_query")
