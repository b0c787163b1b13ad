"""The live stream over a real WebSocket: order, resume, silence, capacity, goodbye."""

import asyncio
import itertools
import json
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from argon2 import PasswordHasher

from keter.bus.state.trading import change_trading
from keter.dashboard.frames import MAX_SOCKETS, VIEWER_SOCKETS
from keter.dashboard.hub import FRAME_EVERY_S, MOST_MISSED
from keter.domain.trading import TradingMode, TradingState
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.kit.console_seed import seed_bus
from tests.kit.support import eventually

CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
OPERATORS, VIEWERS = "seven wet herons walk", "six dry cranes stand still"
LOCKED = {
    "DASH_PASSWORD_HASH": CHEAP.hash(OPERATORS),
    "DASH_VIEWER_PASSWORD_HASH": CHEAP.hash(VIEWERS),
}


async def connected(console: Console, since: str | None = None) -> aiohttp.ClientWebSocketResponse:
    tail = f"?since={since}" if since else ""
    headers = {"Origin": console.base, **console.cookie}
    return await console.http.ws_connect(f"{console.base}/api/v1/live{tail}", headers=headers)


async def as_many_as_there_are(console: Console) -> list[aiohttp.ClientWebSocketResponse]:
    opened = await asyncio.gather(
        *[connected(console) for _ in range(MAX_SOCKETS + 5)], return_exceptions=True
    )
    refused = [one.status for one in opened if isinstance(one, aiohttp.WSServerHandshakeError)]
    assert set(refused) <= {503}
    return [one for one in opened if isinstance(one, aiohttp.ClientWebSocketResponse)]


async def frame(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    async with asyncio.timeout(5):
        found: dict[str, Any] = json.loads(await socket.receive_str())
        return found


async def ready(console: Console) -> str:
    async def position() -> str | None:
        status, found = await console.get("/api/v1/snapshot")
        return found["id"] if status == 200 else None

    found = await eventually(position)
    assert found is not None
    return found


async def pause(console: Console) -> None:
    now = datetime.now(UTC)
    await change_trading(
        console.bus,
        TradingState(TradingMode.PAUSED, "ops", "test", now),
        expected_revision=None,
        now=now,
    )


async def test_a_change_arrives_as_one_frame_that_names_the_section(console: Console) -> None:
    await seed_bus(console.bus)
    socket = await connected(console, await ready(console))
    began = time.monotonic()
    await pause(console)
    while True:
        found = await frame(socket)
        if found["data"].get("trading", {}).get("mode") == "PAUSED":
            break
    assert time.monotonic() - began < 1.5
    assert found["v"] == 1
    assert found["type"] == "state"


async def test_frames_are_numbered_without_a_gap(console: Console) -> None:
    await seed_bus(console.bus)
    socket = await connected(console, await ready(console))
    await pause(console)
    numbers = [int((await frame(socket))["id"].split("-")[1]) for _ in range(4)]
    assert all(later - earlier in {0, 1} for earlier, later in itertools.pairwise(numbers))


async def test_a_page_that_was_away_gets_what_it_missed(console: Console) -> None:
    await seed_bus(console.bus)
    position = await ready(console)
    await pause(console)

    async def moved() -> bool:
        return (await ready(console)) != position

    await eventually(moved)
    found = await frame(await connected(console, position))
    assert (
        int(found["id"].split("-")[1]) == int(position.split("-")[1]) + 1
        or found["type"] == "resync"
    )


@pytest.mark.parametrize("since", ["00000000-5", None])
async def test_a_page_from_another_life_is_told_to_begin_anew(
    console: Console, since: str | None
) -> None:
    await ready(console)
    assert (await frame(await connected(console, since)))["type"] == "resync"


@pytest.mark.slow
async def test_silence_is_broken_every_two_seconds(console: Console) -> None:
    """Nothing changes in an empty system, so what comes is a heartbeat."""
    socket = await connected(console, await ready(console))
    kinds = [(await frame(socket))["type"] for _ in range(2)]
    assert "beat" in kinds


@pytest.mark.slow
async def test_never_more_than_four_frames_a_second(console: Console) -> None:
    await seed_bus(console.bus)
    socket = await connected(console, await ready(console))
    began, count = time.monotonic(), 0
    while time.monotonic() - began < 2:
        await pause(console)
        try:
            async with asyncio.timeout(0.05):
                await socket.receive_str()
            count += 1
        except TimeoutError:
            continue
    assert 1 <= count <= 8


async def test_what_was_missed_comes_no_faster_either(console: Console) -> None:
    await seed_bus(console.bus)
    position = await ready(console)
    for _ in range(6):
        await pause(console)
        await console.context.accounts.first.hub.refresh()
    socket = await connected(console, position)
    frames, began = [await frame(socket)], time.monotonic()
    frames += [await frame(socket) for _ in range(5)]
    assert [one["type"] for one in frames] == ["state"] * 6
    assert time.monotonic() - began > 5 * FRAME_EVERY_S * 0.9


async def test_a_page_that_missed_much_fetches_the_snapshot_instead(console: Console) -> None:
    await seed_bus(console.bus)
    position = await ready(console)
    for _ in range(MOST_MISSED + 1):
        await pause(console)
        await console.context.accounts.first.hub.refresh()
    assert (await frame(await connected(console, position)))["type"] == "resync"


async def test_no_more_than_twenty_pages_get_in_at_once(console: Console) -> None:
    await ready(console)
    found = await asyncio.gather(
        *[connected(console) for _ in range(MAX_SOCKETS + 10)], return_exceptions=True
    )
    refused = [one.status for one in found if isinstance(one, aiohttp.WSServerHandshakeError)]
    assert refused == [503] * 10
    assert console.context.accounts.first.hub.pages == MAX_SOCKETS


async def test_a_page_that_sends_much_is_closed(console: Console) -> None:
    """4 kB at once; the stream goes one way."""
    socket = await connected(console, await ready(console))
    await socket.send_str("x" * 5000)
    async with asyncio.timeout(5):
        while not socket.closed:
            await socket.receive()
    assert socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_viewers_cannot_take_the_operators_places(start_console: StartConsole) -> None:
    """One viewer's login takes five at most, all viewers together ten; the operator's pages still
    get their stream.
    """
    console = await start_console(**LOCKED)
    held = []  # a socket that nobody holds is closed
    for most in (5, 5, 0):
        await console.login("viewer", VIEWERS)
        found = await as_many_as_there_are(console)
        assert len(found) == most
        held += found
    assert console.context.accounts.first.hub.pages == VIEWER_SOCKETS
    await console.login("operator", OPERATORS)
    mine = await as_many_as_there_are(console)
    assert len(mine) == MAX_SOCKETS - VIEWER_SOCKETS
    for socket in mine:
        await socket.close()
    await eventually(lambda: console.context.accounts.first.hub.pages == VIEWER_SOCKETS)
    assert len(await as_many_as_there_are(console)) == MAX_SOCKETS - VIEWER_SOCKETS


async def test_the_twenty_first_page_is_refused_and_a_place_becomes_free_again(
    console: Console,
) -> None:
    await ready(console)
    sockets = [await connected(console) for _ in range(MAX_SOCKETS)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connected(console)
    assert refused.value.status == 503
    await sockets.pop().close()
    await eventually(lambda: console.context.accounts.first.hub.pages < MAX_SOCKETS)
    await connected(console)


async def test_what_a_page_sends_is_ignored(console: Console) -> None:
    socket = await connected(console, await ready(console))
    await socket.send_str('{"action": "halt"}')
    assert (await frame(socket))["type"] in {"beat", "state", "resync"}
    assert not console.settings.router.halt_file.exists()


async def test_leaving_tells_every_page_with_1001(console: Console) -> None:
    await ready(console)
    sockets = [await connected(console) for _ in range(3)]

    async def until_closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
        while not socket.closed:
            await socket.receive()
        return socket.close_code

    async with asyncio.timeout(5):
        _, *codes = await asyncio.gather(
            console.context.accounts.first.hub.close(), *map(until_closed, sockets)
        )
    assert codes == [1001, 1001, 1001]


async def test_pages_that_do_not_say_goodbye_hold_nothing_up(console: Console) -> None:
    await ready(console)
    [await connected(console) for _ in range(5)]
    began = time.monotonic()
    await console.context.accounts.first.hub.close()
    assert time.monotonic() - began < 2
