"""Secrets do not get past the redactor, and ordinary words do."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keter.domain.trading import ExecutionMode
from keter.redaction import MASK, Redactor

MD5 = "5f4dcc3b5aa765d61d8327deb882cf99"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"
BOT = "123456789:AAE-canaryCanaryCanaryCanaryCanaryCan"


@pytest.mark.parametrize(
    ("text", "canary"),
    [
        (f"licence {JWT} refused", JWT),
        (f"POST https://api.telegram.org/bot{BOT}/sendMessage failed", BOT),
        ("redis://user:canary-1@10.0.0.1:6379/0 is away", "canary-1"),
        ("redis://:canary-1@10.0.0.1:6379/0 is away", "canary-1"),
        (f"GET /Login?username=x&password={MD5} 500", MD5),
        (f"GET /Login?u=x&p={MD5} 500", MD5),
        ("{'AOToken': 'canary-2', 'n': 1}", "canary-2"),
        ("headers AOKey: canary-3, x: y", "canary-3"),
        ("password=canary-4 was wrong", "canary-4"),
        ("Authorization: Bearer canary-5-long", "canary-5"),
        ("$argon2id$v=19$m=65536$canary-6$hash is no hash", "canary-6"),
        ("-----BEGIN PRIVATE KEY-----\ncanary-7\n-----END PRIVATE KEY-----", "canary-7"),
        ("-----BEGIN PRIVATE KEY-----\ncanary-7", "canary-7"),
    ],
)
def test_a_secret_is_known_by_its_shape(text: str, canary: str) -> None:
    cleaned = Redactor().text(text)
    assert canary not in cleaned
    assert MASK in cleaned


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "AO_PASS",
        "ao_pass",
        "AOToken",
        "aokey",
        "redis_password",
        "dash_password_hash",
        "KETER_LICENSE_KEY",
        "telegram_bot_token",
        "x-api-key",
        "session_id",
        "Set-Cookie",
        "dash_totp_secret",
    ],
)
def test_a_secret_is_known_by_the_name_of_its_field(name: str) -> None:
    assert Redactor().value({name: "canary", "deep": [{name: ["canary", 12345]}]}) == {
        name: MASK,
        "deep": [{name: MASK}],
    }


def test_a_known_secret_is_masked_raw_url_encoded_and_in_base64() -> None:
    secret = "cän ary/+&=1"
    redactor = Redactor([secret])
    for form in (secret, quote(secret), quote(secret, safe="")):
        assert secret not in redactor.text(f"x{form}y")
        assert MASK in redactor.text(f"x{form}y")
    for before in ("", "u:", "user:", "someone:"):
        encoded = base64.b64encode(f"{before}{secret}".encode()).decode()
        assert MASK in redactor.text(f"sent {encoded} on")


@pytest.mark.parametrize(
    "text",
    [
        "bet accepted at 1.95 for fb-20260221-alpha-fc-v-beta-fc ft.ah.-0.75.home",
        "http://127.0.0.1:8080/api/status answered 200 in 12 ms",
        "queue:raw depth 17, oldest 0.2 s, passed 12, compass, tokens used up",
        f"trace {MD5} confirmed",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert Redactor().text(text) == text


def test_values_become_json_types() -> None:
    at = datetime(2026, 2, 21, tzinfo=UTC)
    value = {
        "a": Decimal("1.50"),
        "b": at,
        "c": ExecutionMode.DRY,
        "d": (1, 2.5, None, True),
        "e": {1},
    }
    assert Redactor().value(value) == {
        "a": "1.50",
        "b": "2026-02-21T00:00:00+00:00",
        "c": "DRY",
        "d": [1, 2.5, None, True],
        "e": [1],
    }


@given(
    st.text(),
    st.text(
        st.characters(codec="ascii", min_codepoint=48, max_codepoint=122), min_size=6, max_size=20
    ),
    st.text(),
)
def test_no_known_secret_survives_whatever_stands_around_it(
    before: str, secret: str, after: str
) -> None:
    assert secret not in Redactor([secret]).text(f"{before}{secret}{after}").replace(MASK, "\0")
