"""The licence: a signed token that LIVE betting asks for.

A licence is a JWT signed with Ed25519 (``EdDSA``, nothing else), typed ``keter-licence+jwt``,
carrying exp, iat, nbf, iss, aud, sub and jti. Times are compared with an injected clock, 30 s of
leeway, and a mark of the latest time ever seen: a clock that was set back by more than a day is not
believed, and for the end of a licence time never goes back and never stands still. This stops
accidents, not a determined owner of the machine.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keter.clock import Clock, Ids, random_id
from keter.errors import ConfigurationError, PermissionDeniedError, UsageError
from keter.settings import Settings
from keter.system.private_files import make_folder, write_private
from keter.system.text_files import UnreadableFileError, read_text

ALGORITHM = "EdDSA"
TYPE = "keter-licence+jwt"
ISSUER = "keter"
AUDIENCE = "keter"
CLAIMS = ("exp", "iat", "nbf", "iss", "aud", "sub", "jti")
LEEWAY = timedelta(seconds=30)
ROLLBACK_TOLERANCE = timedelta(hours=24)
MARK_STEP = timedelta(hours=1)  # the mark moves in steps, so that asking often does not write often
WARN_AT_DAYS = (14, 7, 1)
LICENCE_BYTES, MARK_BYTES = 65_536, 256  # what is larger is neither
GUIDE = "docs/licences.md"


@dataclass(frozen=True, slots=True)
class License:
    """A token that held when it was verified."""

    license_id: str
    holder: str
    issued_at: datetime
    expires_at: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends, never negative."""
        return max((self.expires_at - now).days, 0)

    def warning(self, now: datetime) -> str | None:
        """A sentence when it ends within the first of WARN_AT_DAYS."""
        if self.expires_at - now > timedelta(days=max(WARN_AT_DAYS)):
            return None
        return (
            f"the licence of {self.holder} ends on {self.expires_at:%Y-%m-%d %H:%M} UTC; after that"
            " no new LIVE bets"
        )


class LicenseEndedError(PermissionDeniedError):
    """A licence of ours that held until ``ended_at``; the clock may say an earlier time by now."""

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
    """There is a licence and nothing to verify it with: another licence would not help."""


class ClockMark(Protocol):
    """Remembers the latest time ever seen."""

    def read(self) -> datetime | None: ...

    def write(self, moment: datetime) -> None: ...


class FileClockMark:
    """A clock mark in a file; one that cannot be read counts as absent, since deleting it is as
    easy.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> datetime | None:
        try:
            moment = datetime.fromisoformat((read_text(self._path, most=MARK_BYTES) or "").strip())
        except (ConfigurationError, ValueError):
            return None
        return moment if moment.tzinfo else None

    def write(self, moment: datetime) -> None:
        """Best effort: a folder that cannot be written is reported by ``keter doctor``, not here.

        Makes no folder: who only looks at a licence may stand anywhere.
        """
        if not self._path.parent.is_dir() or (self._path.exists() and not self._path.is_file()):
            return
        try:
            make_folder(self._path.parent)
            write_private(self._path, moment.isoformat())
            write_private(self._path, moment.isoformat())
        except OSError:
            return


class LicenseKeeper:
    """Answers whether betting is licensed, as often as it is asked."""

    def __init__(self, settings: Settings, clock: Clock, mark: ClockMark | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._mark = mark or FileClockMark(settings.mode.data_dir / ".clock_mark")
        # The latest time seen, and the monotonic clock then.
        self._last: tuple[datetime, float] | None = None

    @property
    def required(self) -> bool:
        """LIVE always needs a licence; DRY only with LICENSE_REQUIRED_FOR=all."""
        return self._settings.live or self._settings.license.license_required_for == "all"

    def require(self) -> License | None:
        """The licence, or None where none is needed.

        Raises PermissionDeniedError that says where to get one.
        """
        if not self.required:
            return None
        try:
            return self.check()
        except PermissionDeniedError as e:
            mode = self._settings.mode.execution_mode
            raise PermissionDeniedError(
                f"{mode} needs a valid licence: {e}; {remedy(self._settings, e)}."
            ) from e

    def check(self) -> License:
        """Verify the licence at hand.

        Raises PermissionDeniedError with the reason it does not hold.
        """
        token = read_token(self._settings)
        if token is None:
            raise PermissionDeniedError("there is no licence")
        key = self._settings.license.license_public_key
        if not key:
            raise PublicKeyMissingError("there is a licence, and no public key to verify it with")
        now, mark = self._clock.now(), self._mark.read()
        seen = self._latest(now, mark)
        try:
            found = verify(token, load_public_key(key), now=now, latest_seen=seen)
        except LicenseEndedError as e:
            # Not later than the end: a clock that was wrong by years must not spoil the next
            # licence.
            self._remember(min(seen, e.ended_at + LEEWAY), mark, step=timedelta(0))
            raise
        self._remember(seen, mark, step=MARK_STEP)
        return found

    def _latest(self, now: datetime, mark: datetime | None) -> datetime:
        """The latest time seen: it goes on with the monotonic clock while the wall clock stands
        behind it.
        """
        known = [now] if mark is None else [now, mark]
        if self._last is not None:
            moment, at_s = self._last
            known.append(moment + timedelta(seconds=self._clock.monotonic() - at_s))
        return max(known)

    def _remember(self, moment: datetime, mark: datetime | None, *, step: timedelta) -> None:
        self._last = moment, self._clock.monotonic()
        if mark is None or moment - mark > step:
            self._mark.write(moment)


def license_file(settings: Settings) -> Path:
    """Where a licence may lie when it is not in KETER_LICENSE_KEY."""
    return settings.mode.data_dir / ".keter_license"


def remedy(settings: Settings, error: PermissionDeniedError) -> str:
    """What to do about a licence that does not hold, as the end of a sentence."""
    url = settings.license.license_obtain_url
    if isinstance(error, PublicKeyMissingError):
        return f"set LICENSE_PUBLIC_KEY to the key that its issuer gave with it ({url or GUIDE})"
    new = "a new one" if isinstance(error, LicenseEndedError) else "one"
    place = f"at {url}" if url else f"as {GUIDE} tells"
    return f"get {new} {place}, and set KETER_LICENSE_KEY or put it into {license_file(settings)}"


def read_token(settings: Settings) -> str | None:
    """The token from KETER_LICENSE_KEY, else from the licence file, else None.

    Raises PermissionDeniedError for a file that cannot be read: no licence holds then.
    """
    token = settings.license.keter_license_key.get_secret_value().strip()
    if token:
        return token
    try:
        return (read_text(license_file(settings), most=LICENCE_BYTES) or "").strip() or None
    except UnreadableFileError as e:
        raise PermissionDeniedError(f"the licence file {e}") from e


def verify(
    token: str, key: Ed25519PublicKey, *, now: datetime, latest_seen: datetime | None = None
) -> License:
    """The licence in ``token``. Raises PermissionDeniedError with one reason.

    Its end is judged by the later of ``now`` and ``latest_seen``.
    """
    try:
        if jwt.get_unverified_header(token).get("typ") != TYPE:
            raise PermissionDeniedError("the token is not a Keter licence")
        claims = jwt.decode(
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
        # From below: no text, or brackets in brackets without end.
        raise PermissionDeniedError("the licence does not verify (it is no token)") from e
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
    """An Ed25519 public key from PEM or from 32 bytes in base64. Raises ConfigurationError."""
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
    """An Ed25519 private key from unencrypted PEM. Raises UsageError."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as e:
        raise UsageError("the key file holds no unencrypted private key in PEM") from e
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError("the key file holds another kind of key than Ed25519")
    return key


def new_key() -> tuple[bytes, str]:
    """A fresh pair: the private key as PEM, the public key as base64 for LICENSE_PUBLIC_KEY."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem, public_text(private)


def public_text(private: Ed25519PrivateKey) -> str:
    """The public half as base64."""
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
    """A licence for ``holder`` from ``now`` on.

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
