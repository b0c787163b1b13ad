"""The route table: a handler is served only with a scope, typed inputs and a typed answer.

The OpenAPI document is made from it too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ValidationError

from keter.dashboard.errors import ApiError

M = TypeVar("M", bound=BaseModel)
# A body has 16 kB at most.
BODY_S = 10.0


class Scope(StrEnum):
    """Who may call.

    ``danger`` is ``operate`` plus the proofs that the handler asks for.
    """

    PUBLIC = "public"
    LOCAL = "local"
    READ = "read"
    OPERATE = "operate"
    DANGER = "danger"


class Role(StrEnum):
    """What a login may do; see ALLOWED."""

    VIEWER = "viewer"
    OPERATOR = "operator"


ALLOWED: dict[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset({Scope.PUBLIC, Scope.READ}),
    Role.OPERATOR: frozenset({Scope.PUBLIC, Scope.READ, Scope.OPERATE, Scope.DANGER}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling.

    ``session`` is the key of the login, empty where no password is configured.
    """

    name: str
    role: Role
    session: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One checked request: inputs are already of the declared types."""

    request: web.Request
    principal: Principal | None
    query: BaseModel | None
    body: BaseModel | None

    def query_as(self, model: type[M]) -> M:
        """Return the checked query; ``model`` is the one that the route declares."""
        assert isinstance(self.query, model)  # noqa: S101 - The table parsed it with this model.
        return self.query

    def body_as(self, model: type[M]) -> M:
        """Return the checked body; ``model`` is the one that the route declares."""
        assert isinstance(self.body, model)  # noqa: S101 - The table parsed it with this model.
        return self.body

    def caller(self) -> Principal:
        """Return who is calling. Only for scopes that need a login."""
        assert self.principal is not None  # noqa: S101 - Other scopes than public and local authenticate first.
        return self.principal


Handler = Callable[[Call], Awaitable[BaseModel | web.StreamResponse]]
Authenticate = Callable[[web.Request], Principal | None]
LocalAllowed = Callable[[web.Request], bool]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. ``response`` is None for an answer that is no JSON; ``media`` is its type."""

    method: str
    path: str
    scope: Scope
    handler: Handler
    summary: str
    response: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    media: str = "application/json"
    errors: Sequence[int] = field(default=())

    def __post_init__(self) -> None:
        if self.method == "GET" and self.scope in {Scope.OPERATE, Scope.DANGER}:
            raise ValueError(f"{self.path}: a GET changes nothing and needs no such scope")
        if (self.method != "GET") != (self.body is not None):
            raise ValueError(
                f"{self.method} {self.path}: exactly what is not a GET has a typed body"
            )
        if self.response is None and self.media == "application/json":
            raise ValueError(f"{self.path}: a JSON answer needs a model")


def register(
    app: web.Application, routes: Sequence[Route], authenticate: Authenticate, local: LocalAllowed
) -> None:
    """Add every route, wrapped so that scope and inputs are checked before the handler runs."""
    for route in routes:
        app.router.add_route(route.method, route.path, _guarded(route, authenticate, local))


def _guarded(
    route: Route, authenticate: Authenticate, local: LocalAllowed
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        principal = authenticate(request)
        _authorise(route.scope, principal, request, local)
        query = _parse_query(route.query, request)
        body = await _parse_body(route.body, request)
        answer = await route.handler(Call(request, principal, query, body))
        if isinstance(answer, BaseModel):
            return web.Response(
                body=answer.model_dump_json().encode(), content_type="application/json"
            )
        return answer

    return handle


def _authorise(
    scope: Scope, principal: Principal | None, request: web.Request, local: LocalAllowed
) -> None:
    if scope is Scope.PUBLIC:
        return
    if scope is Scope.LOCAL and (local(request) or principal is not None):
        return
    if principal is None:
        raise ApiError(401, "login_required", "log in first")
    if scope is not Scope.LOCAL and scope not in ALLOWED[principal.role]:
        raise ApiError(403, "forbidden", f"a {principal.role} may not do this")


def _parse_query(model: type[BaseModel] | None, request: web.Request) -> BaseModel | None:
    names = set(model.model_fields) if model is not None else set()
    if len(request.query) != len(set(request.query)) or not set(request.query) <= names:
        raise ApiError(
            400,
            "bad_query",
            f"unknown or repeated query parameter; known are: {', '.join(sorted(names)) or 'none'}",
        )
    return _validated(model, dict(request.query), "query") if model is not None else None


async def _parse_body(model: type[BaseModel] | None, request: web.Request) -> BaseModel | None:
    if model is None:
        return None
    body = await _read_body(request)
    try:
        # Bounded in depth, and UTF-8 whatever charset the caller names.
        raw = orjson.loads(body)
    except orjson.JSONDecodeError as e:
        raise ApiError(400, "bad_body", "the body is not JSON") from e
    return _validated(model, raw, "body")


async def _read_body(request: web.Request) -> bytes:
    """Return the whole body.

    Raises ApiError 408 when it takes longer than BODY_S, 400 when the caller leaves before its end.
    """
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError as e:
        raise ApiError(408, "body_late", f"the body did not arrive within {BODY_S:g} s") from e
    except web.RequestPayloadError as e:
        raise ApiError(400, "body_cut", "the body ended before its end") from e


def _validated(model: type[BaseModel], raw: Any, where: str) -> BaseModel:
    try:
        return model.model_validate(raw)
    except ValidationError as e:
        faults = [
            {"field": ".".join(map(str, item["loc"])), "problem": item["msg"]}
            for item in e.errors(include_input=False, include_url=False)
        ]
        raise ApiError(
            400, f"bad_{where}", f"the {where} is not as declared", details=faults
        ) from None
