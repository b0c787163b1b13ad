"""The live stream: builds snapshots and sends what changed to every open page.

While a page is open the snapshot is built twice a second, and what changed goes to all as one
frame. With no page open it is built when somebody asks, and every IDLE_S: alerts and metrics have
readers of their own.

A frame is encoded once for all, and a page gets one every FRAME_EVERY_S at most. A page that cannot
keep up loses its queue and has to fetch the snapshot.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from keter.clock import Clock
from keter.dashboard.errors import ApiError
from keter.dashboard.frames import changes, frame_type, refusal
from keter.dashboard.models import Frame, RedisFacts, Snapshot
from keter.dashboard.routes import Principal
from keter.errors import KeterError
from keter.system.tasks import end_tasks, sleep

log = structlog.get_logger(__name__)
POLL_S = 0.5
# A store that hangs, or a file that is a pipe, must not keep a request waiting for ever.
BUILD_S = 5.0
IDLE_S = 5.0
# A younger snapshot is answered again: who asks more often waits for no other.
FRESH_S = 1.0
BEAT_S = 2.0
FRAME_EVERY_S = 0.25
# For a page to answer the close frame.
CLOSE_TIMEOUT_S = 0.5
QUEUE_FRAMES = 16
RING_FRAMES = 240
# Frames; to send more would take longer than a fresh snapshot.
MOST_MISSED = 8
AUTH_LOST = 4401
Build = Callable[[str], Awaitable[Snapshot]]
Valid = Callable[[], bool]


class Hub:
    """Builds, compares and hands out the snapshots of one account. ``run`` ends when ``stop`` is
    set.

    ``callers`` has one entry for each socket that is open or being opened. The hubs of several
    accounts share it, so that all sockets together are bounded.
    """

    def __init__(
        self, build: Build, clock: Clock, run_id: str, callers: list[Principal] | None = None
    ) -> None:
        self._build = build
        self._clock = clock
        self._run_id = run_id[:8]
        self._number = 0
        self._snapshot: Snapshot | None = None
        self._problem: str | None = "the first snapshot is being built"
        self._ring: deque[tuple[int, str]] = deque(maxlen=RING_FRAMES)
        self._pages: dict[web.WebSocketResponse, asyncio.Queue[str]] = {}
        self._callers = [] if callers is None else callers
        self._tried_at: float | None = None
        self._build_lock = asyncio.Lock()
        self._wanted = asyncio.Event()

    @property
    def position(self) -> str:
        """Return the position in the stream, as the newest snapshot and frame carry it."""
        return f"{self._run_id}-{self._number}"

    @property
    def problem(self) -> str | None:
        """Why the newest snapshot is not of now; None when it is."""
        return self._problem

    @property
    def pages(self) -> int:
        """Return how many sockets are open."""
        return len(self._pages)

    def snapshot(self) -> Snapshot:
        """Return the newest snapshot.

        Raises ApiError 503 with the reason while there is none, or while Redis is away.
        """
        found = self.current()
        if found is None:
            raise ApiError(503, "no_snapshot", self._problem or "no snapshot yet")
        return found

    def current(self) -> Snapshot | None:
        """Return the newest snapshot; None while there is none, or while Redis is away.

        ``problem`` then says why.
        """
        return self._snapshot if self._problem is None else None

    def latest(self) -> Snapshot | None:
        """Return the newest snapshot there ever was, however old."""
        return self._snapshot

    async def run(self, stop: asyncio.Event) -> None:
        """Build snapshots until ``stop``."""
        while not stop.is_set():
            await self._try_build()
            self._wanted.clear()
            await self._wait(stop, POLL_S if self._pages else IDLE_S)

    async def _wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Wait for ``seconds``, until somebody opens a page, or until ``stop``."""
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(self._wanted.wait())]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end_tasks(*waits)

    async def fresh(self) -> Snapshot:
        """Return the snapshot of now; build it where the newest is older than FRESH_S.

        Raises as ``snapshot`` does.
        """
        if self._tried_at is None or self._clock.monotonic() - self._tried_at > FRESH_S:
            await self._try_build(FRESH_S)
        return self.snapshot()

    async def newest(self) -> Snapshot | None:
        """Return the snapshot of now, or the last there was while Redis is away."""
        try:
            return await self.fresh()
        except ApiError:
            return self._snapshot

    async def _try_build(self, young_s: float = 0.0) -> None:
        """Build once, unless another caller has built within ``young_s``.

        What goes wrong becomes the problem.
        """
        async with self._build_lock:
            if (
                young_s
                and self._tried_at is not None
                and self._clock.monotonic() - self._tried_at <= young_s
            ):
                return
            try:
                async with asyncio.timeout(BUILD_S):
                    await self.refresh()
            except TimeoutError:
                self._note_problem(
                    f"what is to be shown could not be gathered within {BUILD_S:g} s"
                )
            except (KeterError, OSError) as e:
                self._note_problem(str(e) or type(e).__name__)
            self._tried_at = self._clock.monotonic()

    async def refresh(self) -> None:
        """Build once and publish what changed."""
        new = await self._build(f"{self._run_id}-{self._number + 1}")
        old, self._problem = self._snapshot, None
        data = changes(old, new) if old is not None else {"resync": True}
        if data:
            self._number += 1
            self._snapshot = new
            self._publish(frame_type(data), data)

    def _note_problem(self, text: str) -> None:
        if self._problem == text:
            return
        log.warning("snapshot_failed", problem=text)
        self._problem = text
        if self._snapshot is not None:
            self._snapshot = self._snapshot.model_copy(
                update={"redis": RedisFacts(ok=False, detail=text)}
            )
            self._number += 1
            self._publish("state", {"redis": self._snapshot.redis.model_dump(mode="json")})

    def _publish(self, kind: str, data: dict[str, Any]) -> None:
        text = self._encode(kind, data)
        self._ring.append((self._number, text))
        for queue in self._pages.values():
            if queue.full():
                _drain(queue)
                frame = self._encode("resync", {})
            else:
                frame = text
            queue.put_nowait(frame)

    def _encode(self, kind: str, data: dict[str, Any]) -> str:
        frame = Frame.model_validate(
            {"id": self.position, "ts": self._clock.now(), "type": kind, "data": data}
        )
        return frame.model_dump_json()

    def _missed(self, since: str | None) -> list[str]:
        """Return the frames after ``since``; a resync where they are not all at hand."""
        if since is None:
            return [self._encode("resync", {})]
        run, _, number = since.partition("-")
        wanted = [text for at, text in self._ring if at > int(number)]
        complete = (
            run == self._run_id
            and int(number) + len(wanted) == self._number
            and len(wanted) <= MOST_MISSED
        )
        return wanted if complete else [self._encode("resync", {})]

    async def serve(
        self, request: web.Request, since: str | None, valid: Valid, caller: Principal
    ) -> web.WebSocketResponse:
        """Send frames to one page until it or we leave.

        ``valid`` says whether its login goes on. Raises ApiError 503 when too many are open, in all
        or for ``caller``.
        """
        if (why := refusal(self._callers, caller)) is not None:
            raise ApiError(503, "too_many_sockets", why)
        self._callers.append(caller)
        try:
            return await self._serve(request, since, valid)
        finally:
            self._callers.remove(caller)

    async def _serve(
        self, request: web.Request, since: str | None, valid: Valid
    ) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            heartbeat=20, timeout=CLOSE_TIMEOUT_S, max_msg_size=4096, compress=False
        )
        await socket.prepare(request)
        queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_FRAMES)
        for text in self._missed(since):
            queue.put_nowait(text)
        self._pages[socket] = queue
        self._wanted.set()
        listener = asyncio.create_task(_ignore_inbound(socket))
        try:
            await self._send_frames(socket, queue, valid)
        finally:
            del self._pages[socket]
            listener.cancel()
        return socket

    async def _send_frames(
        self, socket: web.WebSocketResponse, queue: asyncio.Queue[str], valid: Valid
    ) -> None:
        while not socket.closed:
            try:
                text = await asyncio.wait_for(queue.get(), BEAT_S - FRAME_EVERY_S)
            except TimeoutError:
                text = self._encode("beat", {}) if self._problem is None else ""
            if not valid():
                await socket.close(code=AUTH_LOST, message=b"log in again")
                return
            if text:
                try:
                    await socket.send_str(text)
                except (ConnectionError, RuntimeError):
                    return
                await sleep(FRAME_EVERY_S)

    async def close(self) -> None:
        """Close every page's socket: the dashboard is stopping."""
        goodbyes = [
            page.close(code=WSCloseCode.GOING_AWAY, message=b"the dashboard is stopping")
            for page in self._pages
        ]
        await asyncio.gather(*goodbyes)


def _drain(queue: asyncio.Queue[str]) -> None:
    while not queue.empty():
        queue.get_nowait()


async def _ignore_inbound(socket: web.WebSocketResponse) -> None:
    """Read until the page has left.

    Pages only listen; reading is what notices their end.
    """
    async for message in socket:
        if message.type in {WSMsgType.ERROR, WSMsgType.CLOSE}:
            return
