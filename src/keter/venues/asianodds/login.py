"""The calls of a login: Login, Register, IsLoggedIn, and what their answers mean."""

import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from keter.clock import Clock
from keter.venues.asianodds.lenient_json import read_fields
from keter.venues.asianodds.session_hosts import SessionHosts, check_host
from keter.venues.asianodds.stores import Session, ThrottleStore
from keter.venues.asianodds.transport import Transport
from keter.venues.asianodds.wire import Answer, read_answer
from keter.venues.base import (
    VenueError,
    VenueRejectedError,
    VenueThrottledError,
    VenueTransientError,
)

# The code of a throttled call, of either sign.
THROTTLED = 810
# The venue wants a minute between two IsLoggedIn.
_KEEP_ALIVE_FLOOR_S = 60.0


class Login:
    """Logs in and registers with one account's name and password."""

    def __init__(
        self,
        account: str,
        password: str,
        base_url: str,
        transport: Transport,
        clock: Clock,
        *,
        hosts: SessionHosts,
        timeout_s: float,
    ) -> None:
        self._account = account
        # The protocol sends the hash instead of the password, so it is as secret as the password.
        self._password_md5 = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
        self._base_url = base_url
        self._transport = transport
        self._clock = clock
        self._hosts = hosts
        self._timeout_s = timeout_s

    async def new_session(self) -> Session:
        """Log in and return a session that is still to be registered.

        Raises VenueRejectedError if the venue refuses the login or LIVE must not use its address,
        VenueTransientError for what may pass.
        """
        query = {"username": self._account, "password": self._password_md5}
        answer = await self._get(f"{self._base_url}/Login", query)
        found = read_fields(answer.result)
        token, key, url = found.text("Token"), found.text("Key"), found.text("Url")
        if answer.code != 0 or not token or not found.flag("SuccessfulLogin"):
            raise _refusal(answer)
        root = _session_root(url, self._base_url)
        check_host(self._hosts, root, VenueRejectedError)
        return Session(token, key, root, self._clock.now())

    async def register(self, session: Session) -> bool:
        """Register a session; return whether the venue accepts it."""
        headers = {"AOToken": session.token, "AOKey": session.key}
        query = {"username": self._account}
        answer = await self._get(f"{session.url}/Register", query, headers)
        return answer.code == 0 and read_fields(answer.result).flag("Success")

    async def _get(
        self, url: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Answer:
        reply = await self._transport.send(
            "GET", url, timeout_s=self._timeout_s, params=query, headers=headers
        )
        if reply.status in {404, 405}:
            raise VenueRejectedError(
                f"http_{reply.status}",
                "there is no such service at this address; check AO_BASE_URL",
            )
        _check_status(reply.status)
        return read_answer(reply.body)


async def may_ask(throttles: ThrottleStore, account: str) -> bool:
    """Return whether IsLoggedIn may be called now; if so, it counts as called."""
    return await throttles.take(account, "is_logged_in", _KEEP_ALIVE_FLOOR_S) == 0


async def is_logged_in(transport: Transport, session: Session, timeout_s: float) -> bool:
    """Ask the venue whether the session lives, which keeps it alive.

    Raises VenueTransientError if it cannot be asked.
    """
    reply = await transport.send(
        "GET", f"{session.url}/IsLoggedIn", timeout_s=timeout_s, headers={"AOToken": session.token}
    )
    if reply.status in {401, 403}:
        return False
    _check_status(reply.status)
    answer = read_answer(reply.body)
    if abs(answer.code) == THROTTLED:
        raise VenueThrottledError(answer.text or f"code {answer.code}", _KEEP_ALIVE_FLOOR_S)
    state = read_fields(answer.result)
    return answer.code >= 0 and (state.flag("CurrentlyLoggedIn") or state.flag("SuccessfulLogin"))


def _refusal(answer: Answer) -> VenueError:
    """Return the error of a login that failed.

    Only a general failure, or a success without a session, is about the credentials. Other codes
    and maintenance pass.
    """
    if "maintenance" in answer.text.lower():
        return VenueTransientError("maintenance", answer.text)
    if answer.code not in {0, -1}:
        return VenueTransientError(
            f"code_{answer.code}", answer.text or "the venue did not log us in"
        )
    return VenueRejectedError(
        "login_refused", f"{answer.text or 'no reason given'}; check AO_USER and AO_PASS"
    )


def _check_status(status: int) -> None:
    if status != 200:
        raise VenueTransientError(f"http_{status}", "the venue did not answer the login")


def _session_root(url: str, base_url: str) -> str:
    """Return the address of the session's calls. Raises VenueTransientError for none.

    After an encrypted login it is encrypted too.
    """
    try:
        parts, base = urlsplit(url), urlsplit(base_url)
    except ValueError:
        # Brackets that are no address, or characters that turn into a slash.
        raise VenueTransientError("bad_session_url", "the login gave no usable address") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise VenueTransientError("bad_session_url", "the login gave no usable address")
    if base.scheme == "https" and parts.scheme == "http":
        parts = parts._replace(scheme="https")
    return urlunsplit(parts._replace(query="", fragment="")).rstrip("/")
