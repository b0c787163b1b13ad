"""The endpoints of login, snapshot, stream and commands, and the original system's three calls."""

from aiohttp import web
from pydantic import BaseModel

from keter import __version__
from keter.dashboard import models
from keter.dashboard.accounts import AccountConsole
from keter.dashboard.app_context import AppContext
from keter.dashboard.auth import COOKIE
from keter.dashboard.devices import DEVICE_COOKIE, LASTS
from keter.dashboard.errors import ApiError
from keter.dashboard.routes import Call, Route, Scope
from keter.dashboard.sessions import ABSOLUTE
from keter.dashboard.views import status_answer
from keter.domain.trading import ExecutionMode
from keter.settings import Settings


class Api:
    """The handlers. See `routes` for what each does."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    def routes(self) -> list[Route]:
        return [
            *self._session_routes(),
            *self._live_routes(),
            *self._original_routes(),
        ]

    def _session_routes(self) -> list[Route]:
        return [
            Route("GET", "/api/v1/session", Scope.PUBLIC, self.session, "Who the caller is",
                  models.SessionAnswer),
            Route("POST", "/api/v1/login", Scope.PUBLIC, self.login, "Log in", models.Done,
                  body=models.LoginBody, errors=(401,)),
            Route("POST", "/api/v1/logout", Scope.READ, self.logout, "Log out", models.Done,
                  body=models.LogoutBody),
        ]  # fmt: skip

    def _live_routes(self) -> list[Route]:
        return [
            Route("GET", "/api/v1/snapshot", Scope.READ, self.snapshot,
                  "Everything the overview shows", models.Snapshot, query=models.AccountQuery),
            Route("GET", "/api/v1/live", Scope.READ, self.live,
                  "The stream (WebSocket): frames as in the schema Frame", query=models.LiveQuery,
                  media="application/octet-stream"),
            Route("POST", "/api/v1/commands/prepare", Scope.OPERATE, self.prepare,
                  "Say what a command would do; one token", models.Prepared,
                  body=models.PrepareBody, errors=(409,)),
            Route("POST", "/api/v1/commands/commit", Scope.DANGER, self.commit, "Do it, once",
                  models.CommandResult, body=models.CommitBody, errors=(409, 410)),
        ]  # fmt: skip

    def _original_routes(self) -> list[Route]:
        return [
            Route("GET", "/api/status", Scope.READ, self.status,
                  "Mode, money, counts and heartbeats", models.StatusAnswer,
                  query=models.AccountQuery),
            Route("GET", "/api/history", Scope.READ, self.history, "Settled bets, newest first",
                  models.History, query=models.AccountQuery),
            Route("GET", "/api/alerts", Scope.READ, self.alerts, "Alerts that stand",
                  models.LegacyAlerts),
        ]  # fmt: skip

    def _of(self, call: Call) -> AccountConsole:
        """Return the console of the account that the call is about. Raises ApiError 404."""
        return self._context.accounts.of(call.query_as(models.AccountQuery).account)

    async def session(self, call: Call) -> BaseModel:
        context, authenticator, caller = self._context, self._context.authenticator, call.principal
        ends_at, last_at = (authenticator.sessions.ends_at(caller.session) if caller else None) or (
            None,
            None,
        )
        return models.SessionAnswer(
            login_required=authenticator.has_password and caller is None,
            name=caller.name if caller else None,
            role=caller.role.value if caller else None,
            mode=_worst_mode(context.settings).value,
            host=context.host,
            version=__version__,
            password_set=authenticator.has_password,
            viewer=authenticator.has_viewer,
            totp=authenticator.has_totp,
            secure=context.perimeter.secure(call.request),
            ends_at=ends_at,
            last_at=last_at,
        )

    async def login(self, call: Call) -> web.StreamResponse:
        context, body = self._context, call.body_as(models.LoginBody)
        if not context.authenticator.has_password:
            raise ApiError(
                409,
                "no_password",
                "no password is configured; everybody on this machine is the operator",
            )
        if not context.perimeter.secure(call.request):
            message = (
                "a browser keeps no login over plain HTTP on an address; use an SSH tunnel to"
                " localhost, or TLS"
            )
            raise ApiError(409, "not_secure", message)
        address, device = (
            context.perimeter.address(call.request),
            body.device or call.request.cookies.get(DEVICE_COOKIE),
        )
        token = await context.authenticator.login(
            body.user, body.password, body.code, address, device
        )
        answer = web.json_response(text=models.Done().model_dump_json())
        seconds = int(ABSOLUTE.total_seconds())
        answer.set_cookie(
            COOKIE, token, max_age=seconds, path="/", secure=True, httponly=True, samesite="Strict"
        )
        _remember_device(answer, context.authenticator.devices.sign(body.user))
        return answer

    async def logout(self, call: Call) -> web.StreamResponse:
        self._context.authenticator.logout(call.caller())
        answer = web.json_response(text=models.Done().model_dump_json())
        answer.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
        return answer

    async def snapshot(self, call: Call) -> BaseModel:
        return await self._of(call).hub.fresh()

    async def live(self, call: Call) -> web.StreamResponse:
        if call.request.headers.get("Upgrade", "").lower() != "websocket":
            raise ApiError(400, "not_websocket", "this address speaks WebSocket only")
        caller = call.caller()
        since = call.query_as(models.LiveQuery).since
        return await self._of(call).hub.serve(
            call.request, since, lambda: self._context.authenticator.alive(caller), caller
        )

    async def prepare(self, call: Call) -> BaseModel:
        return await self._context.commands.prepare(call.caller(), call.body_as(models.PrepareBody))

    async def commit(self, call: Call) -> BaseModel:
        address = self._context.perimeter.address(call.request)
        return await self._context.commands.commit(
            call.caller(), call.body_as(models.CommitBody), address
        )

    async def status(self, call: Call) -> BaseModel:
        """Return the short form for scripts.

        It answers while Redis or the ledger is away too. Every field is there then, and null where
        nobody knows.
        """
        console = self._of(call)
        hub, settings = console.hub, console.settings
        await hub.newest()
        return status_answer(
            settings.account.mode,
            hub.current(),
            hub.problem,
            halted=settings.router.halt_file.exists(),
        )

    async def history(self, call: Call) -> BaseModel:
        return models.History(items=await self._of(call).records.settled(limit=200))

    async def alerts(self, call: Call) -> BaseModel:
        return models.LegacyAlerts(items=(await self._context.accounts.first.hub.fresh()).attention)


def _worst_mode(settings: Settings) -> ExecutionMode:
    """Return LIVE if one of the accounts is LIVE, else the mode of the first."""
    return ExecutionMode.LIVE if settings.live else settings.account.mode


def _remember_device(answer: web.StreamResponse, cookie: str) -> None:
    """Set the cookie that marks the browser as known at its next login.

    Logging out does not take it away.
    """
    seconds = int(LASTS.total_seconds())
    answer.set_cookie(
        DEVICE_COOKIE,
        cookie,
        max_age=seconds,
        path="/",
        secure=True,
        httponly=True,
        samesite="Strict",
    )
