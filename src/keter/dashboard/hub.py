"""The live stream: the snapshot is built twice a second, what changed goes to every open page as one frame.

A frame is encoded once for all, and a page gets one every FRAME_EVERY_S at most. A page that cannot keep up loses its queue
and is told to fetch the snapshot.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from keter.clock import Clock
from keter.dashboard.errors import ApiError
from keter.dashboard.models import Frame, RedisFacts, Snapshot
from keter.errors import KeterError
from keter.tasks import stopped_within

log = structlog.get_logger(__name__)
POLL_S = 0.5
BEAT_S = 2.0
FRAME_EVERY_S = 0.25
MAX_SOCKETS = 20
CLOSE_TIMEOUT_S = 0.5  # how long a page may take to say goodbye
QUEUE_FRAMES = 16
RING_FRAMES = 240
MOST_MISSED = 8  # frames; handing on more would take longer than a fresh snapshot
AUTH_LOST = 4401
Build = Callable[[str], Awaitable[Snapshot]]
Valid = Callable[[], bool]

_SECTIONS = ("server", "trading", "money", "attention", "workers", "queues", "feeds", "redis", "funnel", "pnl", "problems")
_ROWS = ("orders", "signals", "ticks")
_TYPES = (("trading", "state"), ("attention", "alert"), ("orders", "order"), ("signals", "signal"), ("ticks", "tick"))


def changes(old: Snapshot, new: Snapshot) -> dict[str, Any]:
    """The sections of ``new`` that differ from ``old``; of the row sections, the rows that do."""
    found: dict[str, Any] = {}
    for name in _SECTIONS:
        value = getattr(new, name)
        if value != getattr(old, name):
            found[name] = new.model_dump(mode="json", include={name})[name]
    for name in _ROWS:
        known = set(map(_fingerprint, getattr(old, name)))
        fresh = [row for row in getattr(new, name) if _fingerprint(row) not in known]
        if fresh:
            found[name] = [row.model_dump(mode="json") for row in fresh]
    return found


def _fingerprint(row: Any) -> str:
    text: str = row.model_dump_json()
    return text


def frame_type(data: dict[str, Any]) -> str:
    """What a frame mainly brings."""
    return next((kind for section, kind in _TYPES if section in data), "state")


class Hub:
    """Builds, compares, hands out. One per process; ``run`` ends when ``stop`` is set."""

    def __init__(self, build: Build, clock: Clock, run_id: str) -> None:
        self._build = build
        self._clock = clock
        self._run_id = run_id[:8]
        self._number = 0
        self._snapshot: Snapshot | None = None
        self._problem: str | None = "the first snapshot is being built"
        self._ring: deque[tuple[int, str]] = deque(maxlen=RING_FRAMES)
        self._pages: dict[web.WebSocketResponse, asyncio.Queue[str]] = {}
        self._opening = 0

    @property
    def position(self) -> str:
        return f"{self._run_id}-{self._number}"

    @property
    def problem(self) -> str | None:
        """Why the newest snapshot is not of now; None when it is."""
        return self._problem

    @property
    def pages(self) -> int:
        """How many sockets are open."""
        return len(self._pages)

    def snapshot(self) -> Snapshot:
        """The newest. Raises ApiError 503 with the reason while there is none, or while Redis is away."""
        if self._problem is not None or self._snapshot is None:
            raise ApiError(503, "no_snapshot", self._problem or "no snapshot yet")
        return self._snapshot

    def latest(self) -> Snapshot | None:
        """The newest there ever was, however old."""
        return self._snapshot

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.refresh()
            except (KeterError, OSError, TimeoutError) as e:
                self._trouble(str(e) or type(e).__name__)
            await stopped_within(stop, POLL_S)

    async def refresh(self) -> None:
        """Builds once and publishes what changed."""
        new = await self._build(f"{self._run_id}-{self._number + 1}")
        old, self._problem = self._snapshot, None
        data = changes(old, new) if old is not None else {"resync": True}
        if data:
            self._number += 1
            self._snapshot = new
            self._publish(frame_type(data), data)

    def _trouble(self, text: str) -> None:
        if self._problem == text:
            return
        log.warning("snapshot_failed", problem=text)
        self._problem = text
        if self._snapshot is not None:
            self._snapshot = self._snapshot.model_copy(update={"redis": RedisFacts(ok=False, detail=text)})
            self._number += 1
            self._publish("state", {"redis": self._snapshot.redis.model_dump(mode="json")})

    def _publish(self, kind: str, data: dict[str, Any]) -> None:
        text = self._encode(kind, data)
        self._ring.append((self._number, text))
        for queue in self._pages.values():
            if queue.full():
                _drain(queue)
                text_for_it = self._encode("resync", {})
            else:
                text_for_it = text
            queue.put_nowait(text_for_it)

    def _encode(self, kind: str, data: dict[str, Any]) -> str:
        frame = Frame.model_validate({"id": self.position, "ts": self._clock.now(), "type": kind, "data": data})
        return frame.model_dump_json()

    def _missed(self, since: str | None) -> list[str]:
        """Frames after ``since``; a resync where they are not all at hand."""
        if since is None:
            return [self._encode("resync", {})]
        run, _, number = since.partition("-")
        wanted = [text for at, text in self._ring if at > int(number)]
        complete = run == self._run_id and int(number) + len(wanted) == self._number and len(wanted) <= MOST_MISSED
        return wanted if complete else [self._encode("resync", {})]

    async def serve(self, request: web.Request, since: str | None, valid: Valid) -> web.WebSocketResponse:
        """Feeds one page until it or we leave. Raises ApiError 503 when too many are open."""
        if len(self._pages) + self._opening >= MAX_SOCKETS:
            raise ApiError(503, "too_many_sockets", f"{MAX_SOCKETS} pages are open already; close one")
        socket = web.WebSocketResponse(heartbeat=20, timeout=CLOSE_TIMEOUT_S, max_msg_size=4096, compress=False)
        self._opening += 1
        try:
            await socket.prepare(request)
        finally:
            self._opening -= 1
        queue: asyncio.Queue[str] = asyncio.Queue(QUEUE_FRAMES)
        for text in self._missed(since):
            queue.put_nowait(text)
        self._pages[socket] = queue
        listener = asyncio.create_task(_ignore_inbound(socket))
        try:
            await self._feed(socket, queue, valid)
        finally:
            del self._pages[socket]
            listener.cancel()
        return socket

    async def _feed(self, socket: web.WebSocketResponse, queue: asyncio.Queue[str], valid: Valid) -> None:
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
                await asyncio.sleep(FRAME_EVERY_S)

    async def close(self) -> None:
        """Tells every page that we go away."""
        goodbyes = [page.close(code=WSCloseCode.GOING_AWAY, message=b"the dashboard is stopping") for page in self._pages]
        await asyncio.gather(*goodbyes)


def _drain(queue: asyncio.Queue[str]) -> None:
    while not queue.empty():
        queue.get_nowait()


async def _ignore_inbound(socket: web.WebSocketResponse) -> None:
    """Pages only listen; reading is what notices that one has left."""
    async for message in socket:
        if message.type in {WSMsgType.ERROR, WSMsgType.CLOSE}:
            return
