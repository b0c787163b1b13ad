"""The second factor: six digits of RFC 6238, each good once, also over a restart."""

import hmac
from pathlib import Path

import msgspec
import pyotp
import structlog

from keter.clock import Clock
from keter.errors import ConfigurationError
from keter.system.private_files import make_folder, replace_private

log = structlog.get_logger(__name__)
TOTP_STEP_S = 30
SHORTEST_TOTP_BYTES = 10
# A code is good for three steps at most. Sixteen used ones outlast that, also after the clock was
# corrected.
MOST_REMEMBERED = 16
FILE_NAME = "used-codes.json"


class _Codes(pyotp.TOTP):
    """Codes for secrets of any length: `totp` checks how short one may be."""

    min_secret_length_bits = 0


def totp(secret: str, counter: int) -> str:
    """Return the six digits of RFC 6238 (SHA-1) for a time step.

    Raises ConfigurationError for a bad ``secret``.
    """
    try:
        codes = _Codes(secret, interval=TOTP_STEP_S)
        key = codes.byte_secret()
    except ValueError as e:
        raise ConfigurationError("DASH_TOTP_SECRET (or the viewer's) is not base32") from e
    if len(key) < SHORTEST_TOTP_BYTES:
        least = SHORTEST_TOTP_BYTES * 8 // 5
        raise ConfigurationError(
            f"DASH_TOTP_SECRET (or the viewer's) needs at least {least} characters of base32"
        )
    return codes.generate_otp(counter)


class UsedCodes:
    """Which steps each account has spent.

    The file outlives the process; without one they are kept in memory only.
    """

    def __init__(self, folder: Path | None, step: int) -> None:
        """Read the file.

        ``step`` is the present one. While the file cannot be read, every step up to the next counts
        as spent.
        """
        self._path = folder / FILE_NAME if folder is not None else None
        self._steps: dict[str, list[int]] = {}
        self._spent_up_to = -1
        self._read(step)

    def spent(self, account: str, step: int) -> bool:
        """Return whether the account has used the code of ``step``."""
        return step <= self._spent_up_to or step in self._steps.get(account, ())

    def spend(self, account: str, step: int) -> None:
        """Write the step down, before its code opens anything."""
        self._steps[account] = [*self._steps.get(account, ()), step][-MOST_REMEMBERED:]
        if self._path is None:
            return
        try:
            make_folder(self._path.parent)
            replace_private(self._path, msgspec.json.encode(self._steps).decode())
        except OSError as e:
            log.warning("used_codes_not_kept", error=e.strerror or type(e).__name__)

    def _read(self, step: int) -> None:
        if self._path is None:
            return
        try:
            self._steps = msgspec.json.decode(self._path.read_bytes(), type=dict[str, list[int]])
        except FileNotFoundError:
            return
        except (OSError, ValueError) as e:
            # Nobody knows which codes were used: only those of later steps are surely unused.
            self._spent_up_to = step + 1
            log.warning("used_codes_unreadable", error=type(e).__name__)


class SecondFactor:
    """The codes of one account."""

    def __init__(self, account: str, secret: str, used: UsedCodes, clock: Clock) -> None:
        """Check the secret. Raises ConfigurationError for one that is bad or could be guessed."""
        totp(secret, 0)
        self._account, self._secret, self._used, self._clock = account, secret, used, clock

    def take(self, code: str) -> bool:
        """Return whether ``code`` is good now, which spends it.

        The clocks may differ by a step either way.
        """
        step = step_of(self._clock)
        for candidate in (step, step - 1, step + 1):
            good = hmac.compare_digest(totp(self._secret, candidate).encode(), code.encode())
            if good and not self._used.spent(self._account, candidate):
                self._used.spend(self._account, candidate)
                return True
        return False


def step_of(clock: Clock) -> int:
    """Return the time step of now."""
    return int(clock.now().timestamp()) // TOTP_STEP_S
