"""The endpoints that need no login: files of the page, health, the API's description."""

import json
from functools import cache
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from keter.dashboard import apidocs, models
from keter.dashboard.app_context import AppContext
from keter.dashboard.openapi import describe
from keter.dashboard.routes import Call, Route, Scope
from keter.dashboard.static import serve

NAME = r"{name:[a-z0-9][\w-]{0,40}\.(?:js|css|svg|json|txt)}"
RUNBOOK = r"{name:[a-z][a-z-]{0,60}\.md}"


class Pages:
    """Serves what was read once from the package, and whether everything works."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/", Scope.PUBLIC, self.index, "The page", media="text/html"),
            Route("GET", f"/static/{NAME}", Scope.PUBLIC, self.static, "A file of the page",
                  media="text/javascript"),
            Route("GET", f"/static/vendor/{NAME}", Scope.PUBLIC, self.vendor, "A vendored file",
                  media="text/javascript"),
            Route("GET", f"/static/runbooks/{RUNBOOK}", Scope.PUBLIC, self.runbook, "A runbook",
                  media="text/markdown"),
            Route("GET", "/healthz", Scope.PUBLIC, self.healthz, "This process answers",
                  models.Alive),
            Route("GET", "/readyz", Scope.LOCAL, self.readyz, "The whole can do its work",
                  models.Ready, errors=(503,)),
        ]  # fmt: skip

    async def index(self, call: Call) -> web.StreamResponse:
        return serve(self._context.pages, "index.html", call.request)

    async def static(self, call: Call) -> web.StreamResponse:
        return serve(self._context.pages, call.request.match_info["name"], call.request)

    async def runbook(self, call: Call) -> web.StreamResponse:
        return serve(
            self._context.pages, f"runbooks/{call.request.match_info['name']}", call.request
        )

    async def vendor(self, call: Call) -> web.StreamResponse:
        return serve(self._context.pages, f"vendor/{call.request.match_info['name']}", call.request)

    async def healthz(self, call: Call) -> BaseModel:
        return models.Alive()

    async def readyz(self, call: Call) -> web.StreamResponse:
        checks = await self._context.accounts.first.reader.checks()
        ready = all(check.ok for check in checks)
        body = models.Ready(status="ready" if ready else "not_ready", checks=checks)
        return web.Response(
            status=200 if ready else 503,
            body=body.model_dump_json().encode(),
            content_type="application/json",
        )


def document(routes: list[Route]) -> list[Route]:
    """Return the routes that describe the others and themselves."""

    async def openapi(call: Call) -> web.StreamResponse:
        return web.Response(text=json.dumps(described()), content_type="application/json")

    async def readable(call: Call) -> web.StreamResponse:
        page = apidocs.page(described())
        return web.Response(text=page, content_type="text/html", charset="utf-8")

    @cache  # made when somebody first asks, not at each start
    def described() -> dict[str, Any]:
        return describe([*routes, *own])

    own = [
        Route("GET", "/api/v1/openapi.json", Scope.READ, openapi, "This document", models.OpenApi),
        Route(
            "GET", "/api/docs", Scope.READ, readable, "This document as a page", media="text/html"
        ),
    ]
    return own
