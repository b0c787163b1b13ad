"""Secrets of every kind go in, errors are provoked, and nothing that Keter writes, says or serves contains one."""

import asyncio
import base64
import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

import pytest
import redis

from keter.sandbox.config import AccountConfig, SandboxConfig
from keter.sandbox.server import Sandbox
from tests.keter_up import KeterUp
from tests.support import RedisServer, eventually

VENUE_PASSWORD = "canary venue/+4711"
REDIS_PASSWORD = "canary-redis-4711"
CANARIES = {
    "AO_PASS": VENUE_PASSWORD,
    "REDIS_PASSWORD": REDIS_PASSWORD,
    "TELEGRAM_BOT_TOKEN": "1234567890:" + "canary" * 6,
    "ALERT_WEBHOOK_URL": "http://127.0.0.1:9/canary-webhook-4711",
    "APPRISE_URLS": "json://u:canary-apprise-4711@127.0.0.1:9/",
    "KETER_LICENSE_KEY": "eyJhbGciOiJFZERTQSJ9.eyJjYW5hcnkiOjQ3MTF9.Y2FuYXJ5LTQ3MTE",
    "DASH_TOTP_SECRET": "CANARYCANARY2345",
    "METRICS_TOKEN": "canary-metrics-token-4711",
}
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
PATHS = ("/", "/healthz", "/readyz", "/metrics", "/api/status", "/api/v1/snapshot", "/api/v1/config", "/api/nothing")


def forms(secret: str) -> Iterator[str]:
    """The ways in which a secret could be spelled."""
    yield from (secret, quote(secret), quote_plus(secret), json.dumps(secret)[1:-1])
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
    yield hashlib.md5(secret.encode(), usedforsecurity=False).hexdigest()


def leaks(place: str, text: str) -> list[str]:
    lower = text.lower()
    return [f"{name} in {place}" for name, secret in CANARIES.items() for form in forms(secret) if form.lower() in lower]


def redis_texts(url: str) -> Iterator[tuple[str, str]]:
    """Every key with its value, apart from the venue's session, whose place Redis is (and which is no password)."""
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter():
            name = key.decode()
            yield name, name
            read = READS.get(client.type(key))
            yield name, repr(client.execute_command(read[0], key, *read[1:])) if read else ""


@pytest.mark.redis
async def test_no_canary_gets_out(tmp_path: Path) -> None:
    server = RedisServer()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", REDIS_PASSWORD)
    config = SandboxConfig(accounts=(AccountConfig("PUNTER", VENUE_PASSWORD),), feed_interval_scale=0.2)
    async with Sandbox(config, faults=ERRORS) as sandbox:
        environ = {**CANARIES, "AO_USER": "PUNTER", "AO_BASE_URL": sandbox.url, "LOG_LEVEL": "DEBUG", "TELEGRAM_USER_IDS": "1",
                   "TELEGRAM_API_URL": "http://127.0.0.1:9",
                   "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(urlsplit(server.url).port)}  # fmt: skip
        one = KeterUp(tmp_path, **environ)
        try:
            await one.ready()
            await eventually(lambda: sum(sandbox.faults.injected.values()) == FAULTS, timeout_s=90, every_s=0.2)
            found = [leak for path in PATHS for leak in leaks(path, await asyncio.to_thread(_page, one, path))]
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
            found += [leak for name, text in redis_texts(url) for leak in leaks(f"Redis {name}", text)]
            await asyncio.to_thread(one.interrupt)
        finally:
            one.close()
            server.close()
    found += leaks("console", one.text)
    found += [leak for file in (tmp_path / "local" / "logs").iterdir() for leak in leaks(file.name, file.read_text())]
    with zipfile.ZipFile(tmp_path / "bundle.zip") as archive:
        found += [leak for name in archive.namelist() for leak in leaks(name, archive.read(name).decode())]
    assert found == []


def _page(one: KeterUp, path: str) -> str:
    return one.fetch(path)[1]


def test_the_search_would_find_one() -> None:
    for secret in CANARIES.values():
        for form in forms(secret):
            assert leaks("here", f"x{form}y")
