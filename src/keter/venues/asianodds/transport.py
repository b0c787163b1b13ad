"""One HTTP call: explicit deadlines, a bounded body, and whether the request may have arrived.

Nothing is retried, no redirect is followed, no proxy is taken from the environment. No error
carries an address or a header: the login's address holds the hash of the password, the headers hold
the token.
"""

import asyncio
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Mapping
from functools import cache

import httpx
import msgspec

from keter.venues.base import VenueTransientError

MAX_BODY_BYTES = 32 * 1024 * 1024
CONNECT_TIMEOUT_S = 5.0
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip"}
# UnicodeError: the venue gave a token or an address that no header and no request line can hold.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
    UnicodeError,
)


class CallFailedError(VenueTransientError):
    """No usable HTTP answer.

    ``may_have_arrived`` is False only if the request surely never reached the venue.
    """

    def __init__(self, kind: str, detail: str, *, may_have_arrived: bool) -> None:
        super().__init__(kind, detail)
        self.may_have_arrived = may_have_arrived


class Reply(msgspec.Struct, frozen=True):
    """Status and decoded body; the body is empty unless the status is 200."""

    status: int
    body: bytes


@cache  # read once a process, not for each client
def _certificates() -> ssl.SSLContext:
    """Return the authorities that a venue's certificate is checked against."""
    return httpx.create_ssl_context(trust_env=False)


class Transport:
    """Sends requests for any number of concurrent callers; close it."""

    def __init__(
        self, client: httpx.AsyncClient | None = None, *, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        # Their INFO lines hold addresses, and their DEBUG lines headers.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._client = client or httpx.AsyncClient(
            verify=_certificates(), trust_env=False, follow_redirects=False
        )
        self._max_body_bytes = max_body_bytes

    async def aclose(self) -> None:
        await self._client.aclose()

    async def send(
        self,
        method: str,
        url: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: bytes | None = None,
    ) -> Reply:
        """Send a request and return the venue's answer, whatever its status.

        All of it takes ``timeout_s`` at most. Raises CallFailedError.
        """
        sent = dict(_HEADERS, **(headers or {}))
        if json is not None:
            sent["Content-Type"] = "application/json"
        first_s = min(CONNECT_TIMEOUT_S, timeout_s)
        limits = httpx.Timeout(timeout_s, connect=first_s, pool=first_s)
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._client.stream(
                    method, url, params=params, headers=sent, content=json, timeout=limits
                ) as response,
            ):
                good = response.status_code == httpx.codes.OK
                return Reply(response.status_code, await self._body(response) if good else b"")
        except (*_NEVER_SENT, TimeoutError, httpx.HTTPError) as e:
            raise _failure(e, timeout_s) from None

    async def _body(self, response: httpx.Response) -> bytes:
        """Return the decoded body.

        Raises CallFailedError for one that is damaged or too large. Reading stops at the bound.
        """
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip", ""}:
            raise _unusable("bad_encoding", f"encoding {encoding[:20]!r} was not asked for")
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and int(announced) > self._max_body_bytes:
            raise _unusable("too_large", f"{announced} bytes announced")
        chunks = response.aiter_raw()
        pieces = self._unzipped(chunks) if encoding == "gzip" else self._plain(chunks)
        return b"".join([piece async for piece in pieces])

    async def _plain(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in chunks:
            size += len(chunk)
            if size > self._max_body_bytes:
                raise _unusable("too_large", f"more than {self._max_body_bytes} bytes")
            yield chunk

    async def _unzipped(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        inflate = zlib.decompressobj(wbits=31)
        left = self._max_body_bytes
        async for chunk in chunks:
            try:
                piece = inflate.decompress(chunk, left + 1)
            except zlib.error:
                raise _unusable("bad_gzip", "the compressed body is damaged") from None
            left -= len(piece)
            if left < 0:
                raise _unusable("too_large", f"more than {self._max_body_bytes} bytes unpacked")
            yield piece
        if not inflate.eof:
            raise _unusable("truncated_gzip", "the compressed body is cut off")


def _failure(error: Exception, timeout_s: float) -> CallFailedError:
    """Return what an exception of the HTTP client means."""
    name = type(error).__name__
    if isinstance(error, _NEVER_SENT):
        return CallFailedError("connect", name, may_have_arrived=False)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        detail = f"no answer in {timeout_s:g} s ({name})"
        return CallFailedError("timeout", detail, may_have_arrived=True)
    return CallFailedError("connection_lost", name, may_have_arrived=True)


def _unusable(kind: str, detail: str) -> CallFailedError:
    return CallFailedError(kind, detail, may_have_arrived=True)
