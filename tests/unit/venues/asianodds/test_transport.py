"""One call: its deadline, the cap on its body, and whether it may have arrived."""

import asyncio
import gzip
import logging
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import httpx
import pytest

from keter.venues.asianodds.transport import CallFailedError, Reply, Transport
from tests.kit.asianodds_seam import answer

URL = (
    "https://venue.test/AsianOddsService/Login?username=u&password=5f4dcc3b5aa765d61d8327deb882cf99"
)


class Pieces(httpx.AsyncByteStream):
    """A body in pieces that counts how many were asked for."""

    def __init__(self, piece: bytes, number: int) -> None:
        self.piece, self.number, self.given = piece, number, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.given < self.number:
            self.given += 1
            yield self.piece


def transport_of(reply: httpx.Response | Exception, *, cap: int = 1_000_000) -> Transport:
    def handler(request: httpx.Request) -> httpx.Response:
        if isinstance(reply, Exception):
            raise reply
        return reply

    return Transport(httpx.AsyncClient(transport=httpx.MockTransport(handler)), max_body_bytes=cap)


async def sent(reply: httpx.Response | Exception, *, cap: int = 1_000_000) -> Reply:
    return await transport_of(reply, cap=cap).send("GET", URL, timeout_s=5)


async def failed(reply: httpx.Response | Exception, *, cap: int = 1_000_000) -> CallFailedError:
    with pytest.raises(CallFailedError) as caught:
        await sent(reply, cap=cap)
    return caught.value


async def test_plain_and_compressed_bodies_arrive() -> None:
    assert await sent(answer(b"{}")) == Reply(200, b"{}")
    packed = httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=Pieces(gzip.compress(b"{}" * 500), 1)
    )
    assert (await sent(packed)).body == b"{}" * 500


async def test_the_body_of_a_failure_is_not_read() -> None:
    stream = Pieces(b"x" * 1_000, 1_000)
    assert await sent(httpx.Response(503, stream=stream)) == Reply(503, b"")
    assert stream.given == 0


@pytest.mark.parametrize(
    ("error", "kind", "may_have_arrived"),
    [
        (httpx.ConnectError("x"), "connect", False),
        (httpx.ConnectTimeout("x"), "connect", False),
        (httpx.PoolTimeout("x"), "connect", False),
        (httpx.ReadTimeout("x"), "timeout", True),
        (httpx.WriteTimeout("x"), "timeout", True),
        (httpx.ReadError("x"), "connection_lost", True),
        (httpx.WriteError("x"), "connection_lost", True),
        (httpx.RemoteProtocolError("x"), "connection_lost", True),
    ],
)
async def test_only_a_connection_that_was_never_made_surely_sent_nothing(
    error: Exception, kind: str, may_have_arrived: bool
) -> None:
    caught = await failed(error)
    assert (caught.kind, caught.may_have_arrived) == (kind, may_have_arrived)


async def test_an_answer_that_is_announced_as_too_large_is_not_read() -> None:
    stream = Pieces(b"x" * 65_536, 800)
    caught = await failed(
        httpx.Response(200, headers={"Content-Length": str(52_428_800)}, stream=stream)
    )
    assert caught.kind == "too_large"
    assert stream.given == 0


async def test_reading_stops_at_the_cap() -> None:
    stream = Pieces(b"x" * 65_536, 800)
    caught = await failed(httpx.Response(200, stream=stream))
    assert caught.kind == "too_large"
    assert stream.given <= 1_000_000 // 65_536 + 1


class Drips(httpx.AsyncByteStream):
    """A body that comes byte by byte and is not at its end for long: no single wait is long."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(1_000):
            await asyncio.sleep(0.01)
            yield b" "


async def test_a_call_ends_in_time_however_slowly_the_answer_drips() -> None:
    with pytest.raises(CallFailedError) as caught:
        await transport_of(httpx.Response(200, stream=Drips())).send("GET", URL, timeout_s=0.1)
    assert (caught.value.kind, caught.value.may_have_arrived) == ("timeout", True)


async def test_a_bomb_is_not_unpacked_beyond_the_cap() -> None:
    """50 MB that compress to 50 kB cost no more memory than the cap."""
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        caught = await failed(
            httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Pieces(bomb, 1))
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.kind == "too_large"
    assert peak < 5_000_000


async def test_a_compressed_body_that_is_cut_off_or_damaged_is_named() -> None:
    packed = gzip.compress(b'{"Code":0}' * 300)
    headers = {"Content-Encoding": "gzip"}
    cut = await failed(
        httpx.Response(200, headers=headers, stream=Pieces(packed[: len(packed) // 2], 1))
    )
    assert cut.kind == "truncated_gzip"
    damaged = await failed(
        httpx.Response(200, headers=headers, stream=Pieces(b"\x1f\x8bnonsense", 1))
    )
    assert damaged.kind == "bad_gzip"


async def test_an_encoding_nobody_asked_for_is_refused() -> None:
    stream = Pieces(zlib.compress(b"{}"), 1)
    assert (
        await failed(httpx.Response(200, headers={"Content-Encoding": "deflate"}, stream=stream))
    ).kind == "bad_encoding"


async def test_json_is_asked_for_and_sent_as_such() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(b"{}")

    transport = Transport(httpx.AsyncClient(transport=httpx.MockTransport(handler)))
    await transport.send(
        "POST",
        "https://venue.test/PlaceBet",
        timeout_s=5,
        headers={"AOToken": "t"},
        json=b'{"a":1}',
    )
    (request,) = seen
    wanted = {
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "Content-Type": "application/json",
        "AOToken": "t",
    }
    assert {name: request.headers[name] for name in wanted} == wanted
    assert request.content == b'{"a":1}'
    await transport.aclose()


@pytest.mark.parametrize(
    "error", [httpx.ReadTimeout(URL), httpx.ConnectError(f"failed {URL}"), httpx.ReadError(URL)]
)
async def test_no_error_carries_the_address(error: Exception) -> None:
    caught = await failed(error)
    assert "5f4dcc3b5aa765d61d8327deb882cf99" not in f"{caught!r} {caught} {caught.__cause__!r}"
    assert caught.__suppress_context__


async def test_httpx_never_logs_the_address(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await sent(answer(b"{}"))
    assert "5f4dcc3b5aa765d61d8327deb882cf99" not in caplog.text


def test_proxies_and_redirects_are_not_taken() -> None:
    client = Transport()._client
    assert not client.follow_redirects
    assert not client.trust_env
