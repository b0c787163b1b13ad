"""A TCP proxy between a client and a server on loopback that can fail in the ways networks fail."""

import asyncio
import contextlib
from enum import StrEnum
from types import TracebackType
from typing import Self


class Fault(StrEnum):
    """NONE passes everything on.

    BLACK_HOLE swallows both directions and leaves connections open.
    """

    NONE = "none"
    BLACK_HOLE = "black hole"


class _Link:
    """One client's connection and ours to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.losing = False

    def cut(self) -> None:
        for writer in (self.client, self.server):
            with contextlib.suppress(RuntimeError):  # its loop may be closing
                writer.transport.abort()


class Proxy:
    """``async with Proxy(port) as proxy``: clients use ``proxy.port``.

    ``injected`` counts the faults that took effect.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._links: set[_Link] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._losing_word: bytes | None = None
        self._mode = Fault.NONE
        self.delay_s = 0.0
        self.injected = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for link in list(self._links):
            link.cut()
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def black_hole(self) -> None:
        """Swallow everything from here on; ``heal`` ends it."""
        self._mode = Fault.BLACK_HOLE

    def heal(self) -> None:
        """Pass everything on again, on new connections."""
        self._mode, self.delay_s = Fault.NONE, 0.0
        for link in list(self._links):
            link.cut()

    def reset(self) -> None:
        """Reset every connection at once."""
        self.injected += len(self._links)
        for link in list(self._links):
            link.cut()

    def lose_reply(self, word: bytes) -> None:
        """Lose the reply to the next request that holds ``word``, with the connection.

        The request reaches the server and runs.
        """
        self._losing_word = word

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, to_server)
        self._links.add(link)
        pumps = {
            asyncio.create_task(self._requests(reader, link)),
            asyncio.create_task(self._replies(from_server, link)),
        }
        self._pumps |= pumps
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            link.cut()
            self._links.discard(link)
            self._pumps -= pumps
            for pump in pumps:
                pump.cancel()

    async def _requests(self, reader: asyncio.StreamReader, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                if self._losing_word is not None and self._losing_word in data:
                    self._losing_word, link.losing = None, True
                if await self._passes():
                    link.server.write(data)

    async def _replies(self, reader: asyncio.StreamReader, link: _Link) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                if link.losing:
                    self.injected += 1
                    return
                if await self._passes():
                    link.client.write(data)

    async def _passes(self) -> bool:
        if self._mode is Fault.BLACK_HOLE:
            self.injected += 1
            return False
        if self.delay_s:
            self.injected += 1
            await asyncio.sleep(self.delay_s)
        return True
