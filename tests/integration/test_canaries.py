"""Secrets of every kind go in, errors are provoked, and nothing that Keter writes, says or serves
contains one.
"""

import asyncio
import base64
import hashlib
import json
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_plus, urlsplit

import aiohttp
import pytest
import redis
from aiohttp import web
from argon2 import PasswordHasher

from keter.dashboard.second_factor import TOTP_STEP_S, totp
from keter.system.addresses import free_port
from keter.venues.asianodds.simulator.config import AccountConfig, SandboxConfig
from keter.venues.asianodds.simulator.server import Sandbox
from tests.kit.keter_up import KeterUp
from tests.kit.support import RedisServer, eventually

VENUE_PASSWORD = "canary venue/+4711"
REDIS_PASSWORD = "canary-redis-4711"
CONSOLE_PASSWORD = "canary herons walk 4711"
CANARIES = {
    "AO_PASS": VENUE_PASSWORD,
    "REDIS_PASSWORD": REDIS_PASSWORD,
    "TELEGRAM_BOT_TOKEN": "1234567890:" + "canary" * 6,
    "ALERT_WEBHOOK_URL": "http://127.0.0.1:9/canary-webhook-4711",
    "APPRISE_URLS": "json://u:canary-apprise-4711@127.0.0.1:9/",
    "KETER_LICENSE_KEY": "eyJhbGciOiJFZERTQSJ9.eyJjYW5hcnkiOjQ3MTF9.Y2FuYXJ5LTQ3MTE",
    "DASH_PASSWORD_HASH": PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(
        CONSOLE_PASSWORD
    ),
    "DASH_TOTP_SECRET": "CANARYCANARY2345",
    "METRICS_TOKEN": "canary-metrics-token-4711",
}
TYPED = {"the console's password": CONSOLE_PASSWORD, "a wrong password": "canary storks sleep 4711"}
ERRORS = ({"kind": "expired_401", "count": 2}, {"kind": "http_error", "status": 500, "count": 1},
          {"kind": "html", "route": "getfeeds", "count": 1}, {"kind": "session_killed", "count": 1},
          {"kind": "lost_before", "route": "getfeeds", "count": 1})  # fmt: skip
FAULTS = 6
READS = {
    b"string": ("GET",),
    b"hash": ("HGETALL",),
    b"zset": ("ZRANGE", 0, -1),
    b"list": ("LRANGE", 0, -1),
    b"set": ("SMEMBERS",),
}


def forms(secret: str) -> Iterator[str]:
    """Return the ways in which a secret could be spelled."""
    yield from (secret, quote(secret), quote_plus(secret), json.dumps(secret)[1:-1])
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest()


def leaks(place: str, text: str) -> list[str]:
    lower = text.lower()
    spelled = [
        (name, form) for name, secret in (CANARIES | TYPED).items() for form in forms(secret)
    ]
    return [f"{name} in {place}" for name, form in spelled if form.lower() in lower]


def redis_texts(url: str) -> Iterator[tuple[str, str]]:
    """Every key with its value, apart from the venue's session, whose place Redis is (and which is
    no password).
    """
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter():
            name = key.decode()
            yield name, name
            read = READS.get(client.type(key))
            yield name, repr(client.execute_command(read[0], key, *read[1:])) if read else ""


@asynccontextmanager
async def outside() -> AsyncIterator[tuple[str, list[str]]]:
    """Whoever receives what Keter sends: a webhook and Telegram's servers.

    The bodies are what people get to read.
    """
    bodies: list[str] = []

    async def take(request: web.Request) -> web.StreamResponse:
        asks = request.path.endswith("/getUpdates")
        bodies.append("getUpdates " * asks + unquote_plus(await request.text()))
        if asks:
            await asyncio.sleep(0.5)  # Telegram keeps the question open too
            return web.json_response({"ok": True, "result": []})
        message = {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}}
        return web.json_response({"ok": True, "result": message})

    app = web.Application()
    app.router.add_route("POST", "/{tail:.*}", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}", bodies
    await runner.cleanup()


async def served(one: KeterUp) -> AsyncIterator[tuple[str, str]]:
    """Every answer that the console gives to its operator, to strangers and to nonsense, by what
    was asked.
    """
    base = f"http://127.0.0.1:{one.port}"
    headers = {"Origin": base, "X-Requested-By": "keter"}
    async with aiohttp.ClientSession(base) as http:

        async def ask(method: str, path: str, body: object = None) -> tuple[str, str]:
            async with http.request(method, path, json=body, headers=headers) as answer:
                return f"{method} {path} {answer.status}", f"{answer.headers} {await answer.text()}"

        code = totp(CANARIES["DASH_TOTP_SECRET"], int(time.time()) // TOTP_STEP_S)
        login = {"user": "operator", "password": CONSOLE_PASSWORD, "code": code}
        async with http.post("/api/v1/login", json=login, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            headers["Cookie"] = f"__Host-sid={answer.cookies['__Host-sid'].value}"
        async with http.get("/api/v1/openapi.json", headers=headers) as answer:
            paths = (await answer.json())["paths"]
        readable = [path for path, methods in paths.items() if "get" in methods and "{" not in path]
        for path in readable:
            yield await ask("GET", path)
        yield await ask("GET", "/api/v1/orders/nothing")
        yield await ask("GET", "/api/v1/logs?level=debug&limit=1000")
        yield await ask("POST", "/api/v1/alerts/test", {})
        yield await ask("POST", "/api/v1/commands/prepare", {"action": CONSOLE_PASSWORD})
        yield await ask(
            "POST", "/api/v1/login", {"user": "operator", "password": TYPED["a wrong password"]}
        )


@pytest.mark.redis
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_canary_gets_out(tmp_path: Path) -> None:
    server = RedisServer()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", REDIS_PASSWORD)
    config = SandboxConfig(
        accounts=(AccountConfig("PUNTER", VENUE_PASSWORD),), feed_interval_scale=0.2
    )
    async with Sandbox(config, faults=ERRORS) as sandbox, outside() as (address, bodies):
        CANARIES["ALERT_WEBHOOK_URL"] = f"{address}/canary-webhook-4711"
        environ = {
            **CANARIES,
            "AO_USER": "PUNTER",
            "AO_BASE_URL": sandbox.url,
            "LOG_LEVEL": "DEBUG",
            "TELEGRAM_USER_IDS": "1",
            "TELEGRAM_API_URL": address,
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(urlsplit(server.url).port),
        }
        one = KeterUp(tmp_path, **environ)
        try:
            await one.ready()
            injected = sandbox.faults.injected.total
            await eventually(
                lambda: injected() == FAULTS, timeout_s=90, every_s=0.2, progress=injected
            )
            await eventually(
                lambda: any(body.startswith("getUpdates") for body in bodies),
                timeout_s=120,
                every_s=0.2,
            )
            answers = [answer async for answer in served(one)]
            found = [leak for place, text in answers for leak in leaks(place, text)]
            for arguments in (
                ["config"],
                ["status"],
                ["license", "show"],
                ["doctor", "--bundle", "bundle.zip"],
                ["arm"],
                ["logs"],
            ):
                result = await asyncio.to_thread(one.keter, *arguments)
                found += leaks(" ".join(arguments), result.stdout + result.stderr)
            url = server.url.replace("redis://", f"redis://:{REDIS_PASSWORD}@")
            found += [
                leak for name, text in redis_texts(url) for leak in leaks(f"Redis {name}", text)
            ]
            await asyncio.to_thread(one.interrupt)
        finally:
            one.close()
            server.close()
    assert sum("A test alert" in body for body in bodies) == 2, "webhook and Telegram were told"
    found += [leak for body in bodies for leak in leaks("what was sent out", body)]
    found += leaks("console", one.text)
    found += [
        leak
        for file in (tmp_path / "local" / "logs").iterdir()
        for leak in leaks(file.name, file.read_text())
    ]
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        found += [
            leak for name in archive.namelist() for leak in leaks(name, archive.read(name).decode())
        ]
    assert found == []
    assert {place.split()[-1] for place, _ in answers} == {"200", "400", "401", "404"}


def test_the_search_would_find_one() -> None:
    for secret in (CANARIES | TYPED).values():
        for form in forms(secret):
            assert leaks("here", f"x{form}y")
