"""deploy/compose.yaml: a Redis that keeps strangers out and never drops anything, and a Keter that
reaches it on loopback.
"""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with schemathesis, without types
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from keter.settings import load_settings
from keter.system.addresses import free_port
from keter.trust import transport_risks
from tests.kit.support import ROOT, eventually

pytestmark = pytest.mark.slow

TEXT = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
PASSWORD = "0123456789abcdef-of-a-test"


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(TEXT)["services"]
    return found


def test_no_password_stands_in_the_file_and_without_one_nothing_starts() -> None:
    assert yaml.safe_load(TEXT)["secrets"] == {"redis_password": {"environment": "REDIS_PASSWORD"}}
    assert services()["redis"]["secrets"] == ["redis_password"]
    assert services()["keter"]["environment"]["REDIS_PASSWORD"].startswith("${REDIS_PASSWORD:?")
    assert "requirepass $$(cat" in services()["redis"]["command"][-1]


def test_both_are_to_be_reached_from_this_machine_only() -> None:
    assert all(port.startswith("127.0.0.1:") for port in services()["redis"]["ports"])
    assert services()["keter"]["network_mode"] == "host"
    assert "ports" not in services()["keter"]


def test_what_keter_is_given_is_known_to_it_and_safe_for_live() -> None:
    given = {**services()["keter"]["environment"], "REDIS_PASSWORD": PASSWORD}
    settings = load_settings(
        None, {"EXECUTION_MODE": "LIVE", "AO_USER": "u", "AO_PASS": "p", **given}
    )
    assert settings.redis.redis_host == "127.0.0.1"
    assert transport_risks(settings) == ()
    assert set(re.findall(r"\$\{([A-Z_]+)", TEXT)) == {"REDIS_PASSWORD"}, (
        "the same .env is Keter's, who knows no others"
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run the very command of the file, with a server of this machine in place of the image's."""
    port = free_port()
    (tmp_path / "data").mkdir()
    (tmp_path / "password").write_text(PASSWORD)
    (tmp_path / "bin").mkdir()
    entry = tmp_path / "bin" / "docker-entrypoint.sh"
    entry.write_text(f'#!/bin/sh\nshift\nexec redis-server "$@" --port {port}\n')
    entry.chmod(0o755)
    shell, option, script = services()["redis"]["command"]
    for inside, outside in {
        "$$": "$",
        "/run/secrets/redis_password": f"{tmp_path}/password",
        "/data": f"{tmp_path}/data",
    }.items():
        script = script.replace(inside, outside)
    environ = {**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    process = subprocess.Popen([shell, option, script], env=environ, stdout=subprocess.DEVNULL)
    yield process, port
    process.send_signal(signal.SIGTERM)
    process.wait(10)


@pytest.mark.redis
async def test_the_server_asks_for_the_password_is_bounded_and_keeps_everything(
    server: tuple[subprocess.Popen[bytes], int],
) -> None:
    process, port = server

    def answers() -> bool:
        try:
            return bool(Redis(port=port, password=PASSWORD).ping())
        except (OSError, RedisConnectionError):
            return False

    await eventually(answers)
    with pytest.raises(AuthenticationError):
        Redis(port=port).ping()
    client = Redis(port=port, password=PASSWORD, decode_responses=True)
    wanted = {
        "maxmemory": str(512 * 1024**2),
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "everysec",
    }
    assert {name: client.config_get(name)[name] for name in wanted} == wanted
    command_line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert PASSWORD.encode() not in command_line
