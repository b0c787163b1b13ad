"""The licence itself: a signed token, how it is verified and issued.

A licence is a JWT signed with Ed25519 (``EdDSA``, nothing else), typed ``keter-licence+jwt``.
It carries the claims exp, iat, nbf, iss, aud, sub and jti (RFC 7519).
Times are compared with 30 s of leeway.
A clock that was set back by more than a day is not believed.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keter.clock import Ids, random_id
from keter.errors import ConfigurationError, PermissionDeniedError, UsageError

ALGORITHM = "EdDSA"
TYPE = "keter-licence+jwt"
ISSUER = "keter"
AUDIENCE = "keter"
CLAIMS = ("exp", "iat", "nbf", "iss", "aud", "sub", "jti")
LEEWAY = timedelta(seconds=30)
ROLLBACK_TOLERANCE = timedelta(hours=24)
WARN_AT_DAYS = (14, 7, 1)


@dataclass(frozen=True, slots=True)
class License:
    """A licence that was valid when it was verified."""

    license_id: str
    holder: str
    issued_at: datetime
    expires_at: datetime

    def days_left(self, now: datetime) -> int:
        """Return the whole days until it ends, never negative."""
        return max((self.expires_at - now).days, 0)

    def warning(self, now: datetime) -> str | None:
        """Return a sentence if it ends within the longest of WARN_AT_DAYS, else None."""
        if self.expires_at - now > timedelta(days=max(WARN_AT_DAYS)):
            return None
        return (
            f"the licence of {self.holder} ends on {self.expires_at:%Y-%m-%d %H:%M} UTC; after that"
            " no new LIVE bets"
        )


class LicenseEndedError(PermissionDeniedError):
    """A licence that was valid until ``ended_at``. The clock may show an earlier time."""

    def __init__(self, ended_at: datetime, now: datetime) -> None:
        seen = (
            ", a time that this machine has seen (DATA_DIR/.clock_mark) though its clock stands"
            " before it"
        )
        super().__init__(
            f"the licence ended on {ended_at:%Y-%m-%d %H:%M} UTC{seen if now < ended_at else ''}"
        )
        self.ended_at = ended_at


class PublicKeyMissingError(PermissionDeniedError):
    """A licence without a key to verify it with: another licence would not help."""


def verify(
    token: str, key: Ed25519PublicKey, *, now: datetime, latest_seen: datetime | None = None
) -> License:
    """Return the licence in ``token``.

    Its end is compared with the later of ``now`` and ``latest_seen``.

    Raises PermissionDeniedError with one reason.
    """
    claims = _claims(token, key)
    issued, starts, ends = (_time(claims, name) for name in ("iat", "nbf", "exp"))
    if latest_seen is not None and now < latest_seen - ROLLBACK_TOLERANCE:
        raise PermissionDeniedError(
            f"this machine's clock stands before {latest_seen:%Y-%m-%d %H:%M} UTC, a time it has"
            " seen"
        )
    if now + LEEWAY < max(issued, starts):
        raise PermissionDeniedError(
            f"the licence starts on {max(issued, starts):%Y-%m-%d %H:%M} UTC; check this machine's"
            " clock"
        )
    if max(now, latest_seen or now) - LEEWAY >= ends:
        raise LicenseEndedError(ends, now)
    return License(str(claims["jti"]), str(claims["sub"]), issued, ends)


def _claims(token: str, key: Ed25519PublicKey) -> dict[str, Any]:
    """Return the claims of a token that ``key`` signed. Times are not compared here."""
    try:
        if jwt.get_unverified_header(token).get("typ") != TYPE:
            raise PermissionDeniedError("the token is not a Keter licence")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={
                "require": list(CLAIMS),
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
    except jwt.InvalidTokenError as e:
        raise PermissionDeniedError(f"the licence does not verify ({e})") from e
    except (UnicodeError, RecursionError) as e:
        # From the JSON below: no text, or brackets in brackets without end.
        raise PermissionDeniedError("the licence does not verify (it is no token)") from e
    return claims


def _time(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims[name]
    problem = PermissionDeniedError(f"the licence does not verify ({name} is not a time)")
    if isinstance(value, bool) or not isinstance(value, int):
        raise problem
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as e:
        raise problem from e


def load_public_key(text: str) -> Ed25519PublicKey:
    """Return an Ed25519 public key from PEM or from 32 bytes in base64.

    Raises ConfigurationError.
    """
    problem = ConfigurationError("LICENSE_PUBLIC_KEY is not an Ed25519 public key in PEM or base64")
    try:
        if "BEGIN" not in text:
            return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
        key = serialization.load_pem_public_key(text.replace("\\n", "\n").encode())
    except (ValueError, binascii.Error, UnsupportedAlgorithm) as e:
        raise problem from e
    if not isinstance(key, Ed25519PublicKey):
        raise problem
    return key


def load_private_key(pem: bytes) -> Ed25519PrivateKey:
    """Return an Ed25519 private key from unencrypted PEM. Raises UsageError."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise UsageError("the key file holds no unencrypted private key in PEM") from e
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError("the key file holds another kind of key than Ed25519")
    return key


def new_key() -> tuple[bytes, str]:
    """Make a pair of keys.

    Return the private one as PEM and the public one as base64 for LICENSE_PUBLIC_KEY.
    """
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, public_text(private)


def public_text(private: Ed25519PrivateKey) -> str:
    """Return the public half as base64."""
    raw = private.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    return base64.b64encode(raw).decode()


def issue(
    private: Ed25519PrivateKey,
    holder: str,
    *,
    now: datetime,
    valid_for: timedelta,
    ids: Ids = random_id,
) -> str:
    """Return a licence for ``holder`` from ``now`` on.

    Raises UsageError for an empty holder or a span that is not positive.
    """
    if not holder.strip() or valid_for <= timedelta(0):
        raise UsageError("a licence needs a holder and a positive number of days")
    start = int(now.timestamp())
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": holder, "jti": ids(),
        "iat": start, "nbf": start, "exp": start + int(valid_for.total_seconds()),
    }  # fmt: skip
    return jwt.encode(claims, private, algorithm=ALGORITHM, headers={"typ": TYPE})
