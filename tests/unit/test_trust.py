"""Beyond this machine LIVE goes only where nobody listens and nobody else writes."""

import pytest

from keter.clock import SystemClock
from keter.errors import ConfigurationError
from keter.opening.stores import open_settings_bus
from keter.opening.venues import open_account
from keter.redis_server.service import RedisService
from keter.settings import Settings, load_settings
from keter.supervision.launch import warnings
from keter.trust import (
    redis_risk,
    require_safe_redis,
    require_safe_transport,
    transport_risks,
)
from keter.venues.asianodds.factory import Stores
from tests.kit.local_stores import LocalStores

ACCOUNT = {"AO_USER": "u", "AO_PASS": "p"}
SECRET = "s3cret-of-redis"


def settings(mode: str = "LIVE", **environ: str) -> Settings:
    return load_settings(None, {"EXECUTION_MODE": mode, **ACCOUNT, **environ})


def faults(**environ: str) -> str:
    return " ".join(risk.what for risk in transport_risks(settings(**environ)))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8/x",
        "http://localhost/x",
        "http://[::1]:9/x",
        "https://venue.example/x",
        "https://10.0.0.9/x",
    ],
)
def test_a_venue_on_this_machine_or_over_https_is_no_risk(url: str) -> None:
    assert faults(AO_BASE_URL=url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://venue.example/x",
        "http://10.0.0.9/x",
        "HTTP://venue.example",
        "http://localhost.evil.example",
    ],
)
def test_live_refuses_a_venue_in_clear_and_the_setting_names_the_exception(url: str) -> None:
    with pytest.raises(
        ConfigurationError, match="https:// address, or set AO_ALLOW_PLAIN_HTTP=true"
    ):
        require_safe_transport(settings(AO_BASE_URL=url))
    require_safe_transport(settings(AO_BASE_URL=url, AO_ALLOW_PLAIN_HTTP="true"))
    require_safe_transport(settings("DRY", AO_BASE_URL=url))


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"REDIS_HOST": "127.0.0.1"}, ""),
        ({"REDIS_HOST": "::1"}, ""),
        ({"REDIS_HOST": "localhost"}, ""),
        ({"REDIS_URL": "unix:///run/redis.sock"}, ""),
        ({}, ""),
        ({"REDIS_URL": f"rediss://:{SECRET}@redis.example:6380/0"}, ""),
        ({"REDIS_URL": f"rediss://redis.example:6380/0?password={SECRET}"}, ""),
        ({"REDIS_HOST": "redis.example"}, "it has no password and the connection is not encrypted"),
        (
            {"REDIS_HOST": "redis.example", "REDIS_PASSWORD": SECRET},
            "the connection is not encrypted",
        ),
        ({"REDIS_URL": f"redis://:{SECRET}@10.0.0.9"}, "the connection is not encrypted"),
        ({"REDIS_URL": "rediss://redis.example"}, "it has no password"),
        ({"REDIS_URL": "rediss://user@redis.example"}, "it has no password"),
        (
            {"REDIS_URL": f"rediss://:{SECRET}@redis.example?ssl_cert_reqs=none"},
            "its certificate is not verified",
        ),
        (
            {"REDIS_URL": f"rediss://:{SECRET}@redis.example?ssl_check_hostname=false"},
            "the name in its certificate is not verified",
        ),
    ],
)
def test_live_asks_a_redis_beyond_this_machine_for_a_password_and_verified_tls(
    environ: dict[str, str], fault: str
) -> None:
    found = faults(**environ)
    assert found.endswith(fault)
    assert bool(found) == bool(fault)
    if fault:
        with pytest.raises(
            ConfigurationError, match=r"REDIS_URL=rediss://.*or set REDIS_ALLOW_UNSAFE=true"
        ) as refused:
            require_safe_transport(settings(**environ))
        assert SECRET not in str(refused.value)
    require_safe_transport(settings(**environ, REDIS_ALLOW_UNSAFE="true"))
    require_safe_transport(settings("DRY", **environ))


def test_the_address_that_is_really_used_is_held_to_the_same_rule() -> None:
    """A supervisor hands its children an address; the settings that they came with say nothing of
    it.
    """
    conf = settings()
    require_safe_redis(conf, f"redis://:{SECRET}@127.0.0.1:6379/0")
    with pytest.raises(ConfigurationError, match="REDIS_ALLOW_UNSAFE"):
        require_safe_redis(conf, f"redis://:{SECRET}@10.0.0.9:6379/0")
    require_safe_redis(settings("DRY"), f"redis://:{SECRET}@10.0.0.9:6379/0")
    assert redis_risk(conf, "redis://host:not-a-port") is None


async def test_who_connects_asks_again_before_anything_is_sent() -> None:
    """A worker started by hand has seen no preflight.

    Nothing is listening at these addresses: the refusal comes first.
    """
    redis = settings(REDIS_URL=f"redis://:{SECRET}@192.0.2.1:6379/0")
    with pytest.raises(ConfigurationError, match="REDIS_ALLOW_UNSAFE"):
        await open_settings_bus(redis)
    with pytest.raises(ConfigurationError, match="REDIS_ALLOW_UNSAFE"):
        await RedisService(redis).start()
    clock = SystemClock()
    stores = LocalStores(clock.monotonic)
    for owner in (True, False):
        with pytest.raises(ConfigurationError, match="AO_ALLOW_PLAIN_HTTP"):
            unsafe = settings(AO_BASE_URL="http://192.0.2.1/x")
            open_account(
                unsafe,
                unsafe.account,
                Stores(stores, stores, stores),
                clock,
                owner=owner,
            )


def test_dry_warns_of_what_live_would_refuse_and_live_names_what_was_accepted() -> None:
    unsafe = {"AO_BASE_URL": "http://venue.example", "REDIS_HOST": "redis.example"}
    warned = " ".join(warnings(settings("DRY", **unsafe)))
    assert "LIVE will refuse the venue at http://venue.example" in warned
    assert "LIVE will refuse the Redis at redis.example:6379" in warned
    accepted = " ".join(
        warnings(settings(**unsafe, AO_ALLOW_PLAIN_HTTP="true", REDIS_ALLOW_UNSAFE="true"))
    )
    assert "AO_ALLOW_PLAIN_HTTP=true accepts" in accepted
    assert "REDIS_ALLOW_UNSAFE=true accepts" in accepted
