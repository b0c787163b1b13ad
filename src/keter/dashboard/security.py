"""What is checked for every request, whatever its route: Host, Origin, headers, sizes."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiohttp import HttpVersion11, web

from keter.dashboard.errors import ApiError
from keter.dashboard.models import Problem, ProblemBody
from keter.errors import RetryLaterError, UnavailableError
from keter.settings import Settings
from keter.system.addresses import is_loopback

log = structlog.get_logger(__name__)
Next = Callable[[web.Request], Awaitable[web.StreamResponse]]

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src"
    " 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
MAX_BODY_BYTES = 16 * 1024
REQUESTED_BY = "keter"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORWARDED = frozenset(
    {
        "forwarded",
        "via",
        "x-real-ip",
        "x-client-ip",
        "x-cluster-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
    }
)


@dataclass(frozen=True, slots=True)
class Perimeter:
    """Under which names the console may be reached, and whose word on the caller is believed.

    ``direct_only``: without a password everybody on this machine is the operator. So nothing is
    served that came through a proxy.
    """

    hosts: frozenset[str]
    origins: frozenset[str]
    proxies: frozenset[str]
    direct_only: bool

    def address(self, request: web.Request) -> str:
        """Return the caller's address: the peer's, or what a configured proxy says."""
        peer = request.remote or ""
        forwarded = _without_port(_last(request, "X-Forwarded-For")) if peer in self.proxies else ""
        return forwarded or peer

    def encrypted(self, request: web.Request) -> bool:
        """Return whether a configured proxy says that it took the request over TLS."""
        return (request.remote or "") in self.proxies and _last(
            request, "X-Forwarded-Proto"
        ).lower() == "https"

    def secure(self, request: web.Request) -> bool:
        """Return whether the browser will keep a Secure cookie.

        It does for loopback names, and for TLS at a configured proxy.
        """
        return self.encrypted(request) or is_loopback(_name(request.headers.get("Host", "")))

    def local(self, request: web.Request) -> bool:
        """Return whether the caller is on this machine and came without a proxy.

        A proxy counts whether it is configured or not.
        """
        peer = request.remote or ""
        names = {name.lower() for name in request.headers}
        forwarded = names & _FORWARDED or any(name.startswith("x-forwarded-") for name in names)
        return is_loopback(peer) and peer not in self.proxies and not forwarded


def perimeter_of(settings: Settings, port: int) -> Perimeter:
    """Return the perimeter from the bound address and DASH_ALLOWED_HOSTS.

    An allowed host without a port means the default ports and ours. Beyond this machine only https
    counts as an origin: whoever can write into plain HTTP could speak for the page.
    """
    ours = {f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}"}
    loopback_origins = {f"http://{host}" for host in ours}
    extra: set[str] = set()
    for host in settings.dashboard.dash_allowed_hosts:
        extra |= {host.lower()} if ":" in host else {host.lower(), f"{host.lower()}:{port}"}
    extra_origins = {f"https://{host}" for host in extra} | {
        f"http://{host}" for host in extra if is_loopback(_name(host))
    }
    proxies = frozenset(settings.dashboard.dash_trusted_proxies)
    return Perimeter(
        hosts=frozenset(ours | extra),
        origins=frozenset(loopback_origins | extra_origins),
        proxies=proxies,
        direct_only=not settings.dashboard.dash_password_hash.get_secret_value(),
    )


def _name(host: str) -> str:
    """Return a Host without its port; of an IPv6 address with its brackets."""
    return host[: host.rfind("]") + 1] if host.startswith("[") else host.rsplit(":", 1)[0]


def _without_port(address: str) -> str:
    """Return the address that a proxy names; some name it with the caller's port."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _last(request: web.Request, header: str) -> str:
    """Return what the nearest proxy added: the last word of the last such header."""
    return ",".join(request.headers.getall(header, [])).rpartition(",")[2].strip()


def add_headers(response: web.StreamResponse, *, secure: bool) -> None:
    """Put our headers on any answer; ``secure`` when it goes over TLS."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    if secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    response.headers.pop("Server", None)


def harden(app: web.Application, perimeter: Perimeter) -> None:
    """Put the checks around everything ``app`` serves, errors and WebSocket upgrades included."""

    @web.middleware
    async def checked(request: web.Request, handler: Next) -> web.StreamResponse:
        try:
            _check_request(request, perimeter)
            return await handler(request)
        except (ApiError, UnavailableError, RetryLaterError, web.HTTPException) as e:
            return _refusal(e)
        except ConnectionError:
            # The caller has left. Nobody is there to answer, and nothing is wrong here.
            raise
        except Exception:
            incident = secrets.token_hex(6)
            where = {"method": request.method, "path": request.path}
            log.exception("request_failed", incident=incident, **where)
            return _bug(incident)

    async def prepared(request: web.Request, response: web.StreamResponse) -> None:
        add_headers(response, secure=perimeter.encrypted(request))

    app.middlewares.append(checked)
    app.on_response_prepare.append(prepared)


def _refusal(
    error: ApiError | UnavailableError | RetryLaterError | web.HTTPException,
) -> web.StreamResponse:
    if isinstance(error, ApiError):
        return problem(
            error.status,
            error.code,
            error.message,
            retry_after_s=error.retry_after_s,
            details=error.details,
        )
    if isinstance(error, web.HTTPException):
        return _http_problem(error)
    if isinstance(error, RetryLaterError):
        return problem(503, "retry_later", str(error), retry_after_s=1)
    return problem(503, "unavailable", str(error))


def _bug(incident: str) -> web.StreamResponse:
    sentence = f"something went wrong; the dashboard's log has it as {incident}"
    return problem(500, "bug", sentence, incident=incident)


def _check_request(request: web.Request, perimeter: Perimeter) -> None:
    if (
        request.headers.getall("Host", [])[1:]
        or request.headers.get("Host", "").lower() not in perimeter.hosts
    ):
        raise ApiError(
            421, "wrong_host", "this server is not known by that name; see DASH_ALLOWED_HOSTS"
        )
    # Browsers speak HTTP/1.1 at least. An nginx by default passes on with 1.0, and does not say
    # for whom.
    if perimeter.direct_only and (not perimeter.local(request) or request.version < HttpVersion11):
        raise ApiError(
            403,
            "proxied",
            "behind a proxy this server needs DASH_PASSWORD_HASH; without one use an SSH tunnel",
        )
    origin = request.headers.get("Origin")
    upgrade = "Upgrade" in request.headers
    if (upgrade or request.method not in _SAFE) and origin is None:
        raise ApiError(403, "origin_missing", "the Origin header is missing")
    if (upgrade or request.method not in _SAFE) and origin not in perimeter.origins:
        raise ApiError(403, "origin_foreign", "requests from that origin are not accepted")
    if request.method not in _SAFE:
        _check_write(request)


def _check_write(request: web.Request) -> None:
    if request.headers.get("X-Requested-By") != REQUESTED_BY:
        raise ApiError(
            403, "header_missing", f"the header X-Requested-By: {REQUESTED_BY} is missing"
        )
    if request.content_type != "application/json":
        raise ApiError(415, "not_json", "send JSON and say so in Content-Type")
    if request.content_length is not None and request.content_length > MAX_BODY_BYTES:
        raise ApiError(413, "too_large", f"at most {MAX_BODY_BYTES} bytes")


def _http_problem(error: web.HTTPException) -> web.StreamResponse:
    """Return aiohttp's own refusal (404, 405, 413) in our words, with headers such as Allow."""
    answer = problem(error.status, error.reason.lower().replace(" ", "_"), error.reason)
    if "Allow" in error.headers:
        answer.headers["Allow"] = error.headers["Allow"]
    return answer


def problem(
    status: int,
    code: str,
    message: str,
    *,
    incident: str | None = None,
    retry_after_s: float | None = None,
    details: object = None,
) -> web.Response:
    """Return an error as JSON: ``{"error": {"code", "message", "incident", "details"}}``."""
    body = Problem(
        error=ProblemBody(code=code, message=message, incident=incident, details=details)
    )
    headers = (
        {"Retry-After": str(max(1, round(retry_after_s)))} if retry_after_s is not None else {}
    )
    return web.Response(
        status=status,
        body=body.model_dump_json().encode(),
        content_type="application/json",
        headers=headers,
    )
