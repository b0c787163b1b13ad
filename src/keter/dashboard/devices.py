"""Browsers that have logged in before.

A signed cookie marks them. It opens nothing; it only keeps failures of others from counting against
this browser.

The key is a file that only Keter's user may read. A changed password makes every such cookie
worthless.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import structlog

from keter.clock import Clock
from keter.errors import UnavailableError
from keter.system.private_files import make_folder, replace_private

log = structlog.get_logger(__name__)
DEVICE_COOKIE = "__Host-device"
LASTS = timedelta(days=180)
LINK_LASTS = timedelta(minutes=10)
FILE_NAME = "device-key"
KEY_BYTES = 32
FIELDS = 4


class Devices:
    """Signs and checks the cookies. ``hashes`` are the password hashes by account."""

    def __init__(self, folder: Path | None, hashes: Mapping[str, str], clock: Clock) -> None:
        key = _key(folder)
        self._keys = {
            account: hmac.digest(key, hashed.encode(), "sha256")
            for account, hashed in hashes.items()
            if hashed
        }
        self._clock = clock

    def sign(self, account: str, lasts: timedelta = LASTS) -> str:
        """Return a cookie for a browser of ``account``."""
        ends = int((self._clock.now() + lasts).timestamp())
        text = f"{account}.{secrets.token_hex(8)}.{ends}"
        return f"{text}.{self._signature(account, text)}"

    def known(self, cookie: str | None, account: str) -> str:
        """Return the name of the browser.

        It is empty for a cookie that is unknown, too old or another account's.
        """
        parts = (cookie or "").split(".")
        if len(parts) != FIELDS or parts[0] != account or account not in self._keys:
            return ""
        _, device, ends, signature = parts
        text = f"{account}.{device}.{ends}"
        if not hmac.compare_digest(self._signature(account, text).encode(), signature.encode()):
            return ""
        return device if int(ends) > self._clock.now().timestamp() else ""

    def _signature(self, account: str, text: str) -> str:
        digest = hmac.digest(self._keys[account], text.encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def device_link(folder: Path, account: str, hashed: str, page: str, clock: Clock) -> str:
    """Return an address of ``page`` that makes the browser known which opens it.

    The browser has to log in within LINK_LASTS. Raises UnavailableError where no console has made
    its key, OSError where this user may not read it.
    """
    path = folder / FILE_NAME
    if not path.exists():
        raise UnavailableError(
            f"no console has run here with a password yet ({path} is missing); start `keter up`"
        )
    # A user who may not read the key would sign with another one.
    path.read_bytes()
    return f"{page}/#device={Devices(folder, {account: hashed}, clock).sign(account, LINK_LASTS)}"


def _key(folder: Path | None) -> bytes:
    """Return the key from its file, else a new one that is written there.

    Where the file cannot be written the key lives in memory only.
    """
    if folder is None:
        return secrets.token_bytes(KEY_BYTES)
    path = folder / FILE_NAME
    try:
        found = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        found = b""
    except (OSError, ValueError) as e:
        log.warning("device_key_unreadable", error=type(e).__name__)
        found = b""
    if len(found) >= KEY_BYTES:
        return found
    made = secrets.token_bytes(KEY_BYTES)
    try:
        make_folder(folder)
        replace_private(path, made.hex())
    except OSError as e:
        log.warning("device_key_not_kept", error=e.strerror or type(e).__name__)
    return made
