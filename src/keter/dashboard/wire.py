"""The server below the application: connections with deadlines and limits, and our own errors."""

import asyncio
from typing import Any, cast

import structlog
from aiohttp import web

from keter.dashboard.connections import BACKLOG, Bounds, ConnectionLimits, Phase
from keter.dashboard.security import add_headers, problem

log = structlog.get_logger(__name__)
# For the head of a request, from its first byte or from the connection on.
HEAD_S = 10.0
# Between two requests: longer than a proxy keeps a connection that it may use again.
IDLE_S = 75.0
# For the rest of a body that was refused.
LINGER_S = 2.0
# For a caller to take some part of an answer.
STALLED_S = 30.0
CLOSING_S = 5.0


class _Bare(web.Response):
    """An answer without the Server header that aiohttp adds to what no application prepares."""

    async def _prepare_headers(self) -> None:
        await super()._prepare_headers()
        self.headers.pop("Server", None)


class _Connection(web.RequestHandler):
    """One connection, with deadlines that aiohttp does not have.

    aiohttp has a time-out for idle connections only. One for heads, and one for answers that nobody
    takes, are added. It would also quote what it could not read, in its answer and in the log; that
    may be a cookie.
    """

    def __init__(self, limits: ConnectionLimits, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits = limits
        self._peer = ""
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        return self._peer

    @property
    def phase(self) -> Phase:
        if self._current_request is None:
            return Phase.ANSWER if self._messages else Phase.HEAD
        return Phase.ANSWER if self._current_request.content.is_eof() else Phase.BODY

    @property
    def counts(self) -> bool:
        """False for a WebSocket: the stream counts its own."""
        return self._payload_parser is None

    def abort(self) -> None:
        """End at once, so that the descriptor is free."""
        self._limits.leave(self)
        if self.transport is not None:
            self.transport.abort()
        self.force_close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        if not self._limits.admit(self):
            log.debug("connection_refused", address=self._peer)
            self.abort()
            return
        self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._limits.leave(self)
        for timer in (self._head_timer, self._stall_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._forget_head()
        elif self._head_timer is None and self._waiter is not None and self.counts:
            self._await_head()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self._loop.call_later(STALLED_S, self.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _await_head(self) -> None:
        self._head_timer = self._loop.call_later(HEAD_S, self._head_is_late)

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self.phase is Phase.HEAD and self.counts:
            self.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, ConnectionError):
            # The caller has left: nothing is wrong here.
            raise exc
        if status >= 500:
            log.error("connection_failed", exc_info=exc)
        else:
            log.info("request_unreadable", kind=type(exc).__name__, address=request.remote)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer had begun already")
        code, text = (
            ("bug", "something went wrong")
            if status >= 500
            else ("unreadable", "that is no HTTP that can be read")
        )
        answer_body = problem(status, code, text)
        answer = _Bare(status=status, body=answer_body.body, content_type="application/json")
        add_headers(answer, secure=False)
        answer.force_close()
        return answer


class _Server(web.Server):
    limits: ConnectionLimits

    def __call__(self) -> web.RequestHandler:
        return _Connection(self.limits, self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on connections of ours."""

    def __init__(self, app: web.Application, limits: ConnectionLimits, **options: Any) -> None:
        super().__init__(app, keepalive_timeout=IDLE_S, lingering_time=LINGER_S, **options)
        self._limits = limits

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server
        cast(_Server, server).limits = self._limits
        return server


def limits_for(descriptors: int | None, proxies: frozenset[str]) -> ConnectionLimits:
    """Return the limits of a process that may open so many ``descriptors``."""
    return ConnectionLimits(Bounds.of(descriptors), proxies)


__all__ = ["BACKLOG", "CLOSING_S", "Runner", "limits_for"]
