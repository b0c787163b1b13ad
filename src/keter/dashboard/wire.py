"""The server below the application: what is no HTTP at all reaches no middleware and is answered here in our own words."""

import structlog
from aiohttp import web

from keter.dashboard.security import dress, problem

log = structlog.get_logger(__name__)


class _Bare(web.Response):
    """aiohttp names itself in every answer that no application prepares."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.pop("Server", None)


class _Connection(web.RequestHandler):
    """One connection. aiohttp would quote what it could not read, in its answer and in the log; that may be a cookie."""

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if status >= 500:
            log.error("connection_failed", exc_info=exc)
        else:
            log.info("request_unreadable", kind=type(exc).__name__, address=request.remote)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer had begun already")
        code, text = ("bug", "something went wrong") if status >= 500 else ("unreadable", "that is no HTTP that can be read")
        told = problem(status, code, text)
        answer = _Bare(status=status, body=told.body, content_type="application/json")
        dress(answer, secure=False)
        answer.force_close()
        return answer


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on connections of ours."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server
        return server
