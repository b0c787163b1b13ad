"""Half a request is not waited for: real sockets, deadlines, and a page that answers meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog

from tests.integration.dashboard.conftest import Console
from tests.kit.support import eventually

pytestmark = pytest.mark.slow

HEAD = b"GET / HTTP/1.1\r\nHost: "
MANY = 300
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def sent(console: Console, data: bytes, count: int) -> AsyncIterator[list[Stream]]:
    """``count`` connections, each with the same beginning of a request."""
    streams: list[Stream] = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", console.port)
            writer.write(data)
            streams.append((reader, writer))
        yield streams
    finally:
        for _, writer in streams:
            writer.close()


async def ended(streams: list[Stream]) -> None:
    """Return when the server has closed every one."""

    async def end(reader: asyncio.StreamReader) -> None:
        try:
            await reader.read()
        except ConnectionError:
            return

    await asyncio.wait_for(asyncio.gather(*(end(reader) for reader, _ in streams)), 30)


def post(console: Console, body: bytes, length: int) -> bytes:
    host = f"127.0.0.1:{console.port}"
    head = (
        f"POST /api/v1/login HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nX-Requested-By:"
        f" keter\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    return head.encode() + body


async def healthy(console: Console) -> bool:
    async with console.http.get(
        console.base + "/healthz", headers={"Connection": "close"}
    ) as answer:
        return answer.status == 200


@pytest.mark.parametrize("what", ["heads", "nothing at all", "bodies"])
async def test_requests_that_never_end_are_cut_off_and_the_page_answers_meanwhile(
    console: Console, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than there may be connections."""
    monkeypatch.setattr("keter.dashboard.wire.HEAD_S", 3.0)
    monkeypatch.setattr("keter.dashboard.routes.BODY_S", 3.0)
    data = {"heads": HEAD, "nothing at all": b"", "bodies": post(console, b'{"us', 100)}[what]
    async with sent(console, data, MANY) as streams:
        begun = time.monotonic()
        for _ in range(20):
            assert await healthy(console)
        await ended(streams)
        assert time.monotonic() - begun < 20
        assert await healthy(console)


async def test_a_head_that_drips_is_cut_off_also_on_a_connection_that_was_used(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keter.dashboard.wire.HEAD_S", 1.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", console.port)
    try:
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{console.port}\r\n\r\n".encode())
        assert b"200" in await reader.readline()
        await reader.readuntil(b"}")

        async def dripped() -> bool:
            writer.write(b"G" if not writer.is_closing() else b"")
            return reader.at_eof() or writer.is_closing()

        await eventually(dripped, timeout_s=10, every_s=0.1)
    finally:
        writer.close()


async def test_a_late_body_is_told_so(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keter.dashboard.routes.BODY_S", 0.3)
    async with sent(console, post(console, b'{"user', 100), 1) as [(reader, _)]:
        answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"body_late" in answer


async def test_a_post_that_is_cut_off_is_no_error_of_ours(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as logs:
        for cut in (b"", b'{"us'):
            async with sent(console, post(console, cut, 100), 5) as streams:
                await asyncio.gather(*(writer.drain() for _, writer in streams))
                assert await healthy(console)
        await eventually(lambda: healthy(console))
    assert [line for line in logs if line["log_level"] in {"error", "critical"}] == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
