"""Puts the console together: an application from its context, and a server that stops quickly."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from keter.dashboard.api import Api
from keter.dashboard.app_context import AppContext
from keter.dashboard.auth import COOKIE
from keter.dashboard.connections import BACKLOG
from keter.dashboard.pages import Pages, document
from keter.dashboard.routes import Principal, Route, register
from keter.dashboard.scraping import Scraping, bearer
from keter.dashboard.screens import Screens
from keter.dashboard.security import MAX_BODY_BYTES, harden
from keter.dashboard.wire import CLOSING_S, Runner, limits_for
from keter.errors import UnavailableError
from keter.system.process import raise_descriptor_limit

# Shorter than the time that the supervisor gives this process. Sockets are closed before.
SHUTDOWN_TIMEOUT_S = 1.0


def all_routes(context: AppContext) -> list[Route]:
    """Return the whole route table."""
    routes = [
        *Pages(context).routes(),
        *Api(context).routes(),
        *Screens(context).routes(),
        *Scraping(context).routes(),
    ]
    return [*routes, *document(routes)]


def make_app(context: AppContext) -> web.Application:
    """Return the application: every route behind the perimeter's checks.

    Open sockets are closed on shutdown.
    """

    def authenticate(request: web.Request) -> Principal | None:
        return context.authenticator.who(
            request.cookies.get(COOKIE), poll="X-Poll" in request.headers
        )

    def local(request: web.Request) -> bool:
        return context.perimeter.local(request) or bearer(
            request, context.settings.dashboard.metrics_token.get_secret_value()
        )

    async def close_pages(_: web.Application) -> None:
        await context.accounts.close()

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    harden(app, context.perimeter)
    register(app, all_routes(context), authenticate, local)
    app.on_shutdown.append(close_pages)
    return app


@asynccontextmanager
async def serving(
    app: web.Application, host: str, port: int, *, proxies: frozenset[str] = frozenset()
) -> AsyncIterator[None]:
    """Serve ``app`` inside the block.

    Raises UnavailableError when the port is taken, TimeoutError when the server does not close in
    time.
    """
    limits = limits_for(raise_descriptor_limit(), proxies)
    runner = Runner(
        app, limits, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S, handle_signals=False
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    except OSError as e:
        await runner.cleanup()
        raise UnavailableError(
            f"the dashboard cannot listen on {host}:{port} ({e.strerror}); set DASH_PORT to a"
            " free one"
        ) from e
    try:
        yield
    finally:
        async with asyncio.timeout(CLOSING_S):
            await asyncio.shield(runner.cleanup())
