"""An address of Redis is judged where it is read; what is wrong is told without any part of it."""

import pytest

from keter.errors import ConfigurationError
from keter.redis_address import problem_of_url
from keter.settings import load_settings


@pytest.mark.parametrize(
    "url",
    [
        "redis://host",
        "redis://host:6379/0",
        "redis://host/",
        "rediss://user:p%40ss%2F@host:6380/15",
        "redis://[::1]:6379/0",
        "redis://:Sum@mer@host/0",
        "unix:///run/redis.sock?db=1",
        "redis://10.0.0.1/0?db=2",
        "redis://re_dis.svc.local:1/0",
        "rediss://host/0?ssl_ca_certs=/etc/ca.pem&ssl_cert_reqs=required&ssl_check_hostname=true",
    ],
)
def test_what_can_be_an_address_is_taken(url: str) -> None:
    assert problem_of_url(url) is None
    assert load_settings(None, {"REDIS_URL": url}).redis.redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "redis://:Sum@mer/26@host/0",
        "redis://:Sum/mer@host/0",
        "redis://:Sum?mer@host/0",
        "redis://u:Sum?mer=1@host/0",
        "redis://u:12?Sum=mer@host/0",
        "redis://:Sum#mer@host/0",
        "redis://:Summer:x@ho st/0",
        "redis://:Sum[mer@host/0",
        "redis://host/Summer",
        "redis://host:Summer/0",
        "redis://host/0?Summer-26=1",
        "unix://Summer",
        "http://Summer",
        "redis://:Summer",
        "redis://host/0#Summer",
        "redis://Summer@",
        "redis://hos%Summer/0",
        "redis://host/0?db=Summer",
    ],
)
def test_what_looks_like_a_piece_of_a_password_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL") as caught:
        load_settings(None, {"REDIS_URL": url})
    assert "Sum" not in str(caught.value)
    assert "mer" not in str(caught.value).replace("numeric", "")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("foo=bar", "the option foo, which Keter does not know; it knows client_name, db"),
        ("socket_timeout=1", "the option socket_timeout"),
        ("retry_on_timeout=true", "the option retry_on_timeout"),
        (
            "ssl_ca_certs=/ca.pem",
            r"the option ssl_ca_certs, which Keter does not know without TLS \(rediss://\)",
        ),
        ("db=", "a value of the option db that it cannot have"),
        ("db=x", "a value of the option db that it cannot have"),
        ("FOO=1", "has an option, which"),
    ],
)
def test_an_unknown_option_is_named(query: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        load_settings(None, {"REDIS_URL": f"redis://host/0?{query}"})


@pytest.mark.parametrize(
    "host", ["redis://host", "host:6379", "host/0", "user@host", "a b", "-x", "[::1]"]
)
def test_a_host_is_a_host_alone(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"REDIS_HOST .*host name or address alone"):
        load_settings(None, {"REDIS_HOST": host})


@pytest.mark.parametrize("host", ["host", "127.0.0.1", "::1", "redis.example.com", "my_redis"])
def test_names_and_addresses_are_hosts(host: str) -> None:
    assert load_settings(None, {"REDIS_HOST": host}).redis.redis_host == host
