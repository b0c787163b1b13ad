"""A licence is believed only when everything about it is right."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey

from keter.errors import ConfigurationError, PermissionDeniedError, UsageError
from keter.license.token import (
    CLAIMS,
    TYPE,
    issue,
    load_private_key,
    load_public_key,
    new_key,
    verify,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEM, PUBLIC = new_key()
PRIVATE = load_private_key(PEM)
KEY = load_public_key(PUBLIC)
YEAR = timedelta(days=365)


def token(**changes: Any) -> str:
    start = int(NOW.timestamp())
    claims = {
        "iss": "keter",
        "aud": "keter",
        "sub": "Ada",
        "jti": "l-1",
        "iat": start,
        "nbf": start,
        "exp": start + 3600,
    }
    claims |= changes
    return jwt.encode(
        {k: v for k, v in claims.items() if v is not None}, PRIVATE, "EdDSA", headers={"typ": TYPE}
    )


def test_an_issued_licence_verifies_and_says_whose_it_is() -> None:
    found = verify(
        issue(PRIVATE, "Ada", now=NOW, valid_for=YEAR, ids=lambda: "l-1"),
        KEY,
        now=NOW + timedelta(days=1),
    )
    assert (found.holder, found.license_id) == ("Ada", "l-1")
    assert found.issued_at == NOW
    assert found.expires_at == NOW + YEAR
    assert found.days_left(NOW + timedelta(days=1)) == 364


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_is_required(claim: str) -> None:
    with pytest.raises(PermissionDeniedError, match="does not verify"):
        verify(token(**{claim: None}), KEY, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "someone"},
        {"aud": "another"},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 10**18},
        {"iat": 1.5e300},
    ],
)
def test_a_wrong_claim_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PermissionDeniedError):
        verify(token(**changes), KEY, now=NOW)


@pytest.mark.parametrize(
    ("moment", "holds"),
    [
        (timedelta(seconds=-29), True),
        (timedelta(seconds=-31), False),
        (timedelta(seconds=3600 + 29), True),
        (timedelta(seconds=3600 + 30), False),
    ],
)
def test_half_a_minute_of_leeway_and_no_more(moment: timedelta, holds: bool) -> None:
    if holds:
        verify(token(), KEY, now=NOW + moment)
    else:
        with pytest.raises(PermissionDeniedError, match=r"ended|starts"):
            verify(token(), KEY, now=NOW + moment)


def test_another_algorithm_is_refused() -> None:
    claims = jwt.decode(token(), options={"verify_signature": False})
    raw = base64.b64decode(PUBLIC)
    confused = jwt.encode(claims, raw, "HS256", headers={"typ": TYPE})
    unsigned = jwt.encode(claims, "", "none", headers={"typ": TYPE})
    other = jwt.encode(claims, Ed448PrivateKey.generate(), "EdDSA", headers={"typ": TYPE})
    for forged in (confused, unsigned, other):
        with pytest.raises(PermissionDeniedError, match="does not verify"):
            verify(forged, KEY, now=NOW)


def test_another_key_or_a_changed_claim_is_refused() -> None:
    stranger = load_private_key(new_key()[0])
    forged = issue(stranger, "Ada", now=NOW, valid_for=YEAR)
    head, body, signature = token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    longer = (
        base64.urlsafe_b64encode(json.dumps(claims | {"exp": claims["exp"] * 2}).encode())
        .rstrip(b"=")
        .decode()
    )
    for bad in (forged, f"{head}.{longer}.{signature}", "", "rubbish", token()[:-4]):
        with pytest.raises(PermissionDeniedError):
            verify(bad, KEY, now=NOW)


def test_a_token_of_another_type_is_refused_though_we_signed_it() -> None:
    claims = jwt.decode(token(), options={"verify_signature": False})
    with pytest.raises(PermissionDeniedError, match="not a Keter licence"):
        verify(jwt.encode(claims, PRIVATE, "EdDSA"), KEY, now=NOW)


def test_a_clock_set_back_by_more_than_a_day_is_not_believed() -> None:
    good = issue(PRIVATE, "Ada", now=NOW - timedelta(days=9), valid_for=YEAR)
    verify(good, KEY, now=NOW, latest_seen=NOW + timedelta(hours=23))
    with pytest.raises(PermissionDeniedError, match="clock"):
        verify(good, KEY, now=NOW, latest_seen=NOW + timedelta(hours=25))


def test_a_clock_set_back_within_the_day_does_not_bring_an_ended_licence_back() -> None:
    with pytest.raises(PermissionDeniedError, match="ended"):
        verify(token(), KEY, now=NOW, latest_seen=NOW + timedelta(hours=2))


def test_two_weeks_before_the_end_it_warns() -> None:
    found = verify(issue(PRIVATE, "Ada", now=NOW, valid_for=timedelta(days=30)), KEY, now=NOW)
    assert found.warning(NOW + timedelta(days=15)) is None
    assert "ends on 2026-03-31" in str(found.warning(NOW + timedelta(days=16)))


def test_keys_of_another_kind_are_named_as_such() -> None:
    other = Ed448PrivateKey.generate()
    pem = other.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for text in (pem.decode(), "AAAA", "not base64!", "-----BEGIN PUBLIC KEY-----"):
        with pytest.raises(ConfigurationError, match="LICENSE_PUBLIC_KEY"):
            load_public_key(text)
    with pytest.raises(UsageError):
        load_private_key(b"rubbish")
    private = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(UsageError, match="Ed25519"):
        load_private_key(private)


def test_a_public_key_in_pem_on_one_line_is_understood() -> None:
    pem = KEY.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    for text in (pem, pem.replace("\n", "\\n")):
        assert load_public_key(text) == KEY


@pytest.mark.parametrize(("holder", "days"), [("", 1), ("  ", 1), ("Ada", 0), ("Ada", -1)])
def test_no_licence_is_issued_for_nobody_or_no_time(holder: str, days: int) -> None:
    with pytest.raises(UsageError):
        issue(PRIVATE, holder, now=NOW, valid_for=timedelta(days=days))
