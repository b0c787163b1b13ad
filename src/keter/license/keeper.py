"""Whether betting is licensed on this machine, asked as often as needed.

A mark in DATA_DIR holds the latest time ever seen.
For the end of a licence time never goes back and never stops.
This prevents accidents, not abuse by the owner of the machine.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from keter.clock import Clock
from keter.errors import ConfigurationError, PermissionDeniedError
from keter.license.token import (
    LEEWAY,
    License,
    LicenseEndedError,
    PublicKeyMissingError,
    load_public_key,
    verify,
)
from keter.settings import Settings
from keter.system.private_files import write_private
from keter.system.text_files import UnreadableFileError, read_text

MARK_STEP = timedelta(hours=1)  # the mark moves in steps, so that asking often does not write often
LICENCE_BYTES, MARK_BYTES = 65_536, 256  # a larger file is neither
GUIDE = "docs/licences.md"


class ClockMark(Protocol):
    """Remembers the latest time ever seen."""

    def read(self) -> datetime | None: ...

    def write(self, moment: datetime) -> None: ...


class FileClockMark:
    """A clock mark in a file. One that cannot be read counts as absent."""

    # Refusing a spoilt mark would protect nothing: deleting the file is as easy.

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> datetime | None:
        try:
            moment = datetime.fromisoformat((read_text(self._path, most=MARK_BYTES) or "").strip())
        except (ConfigurationError, ValueError):
            return None
        return moment if moment.tzinfo else None

    def write(self, moment: datetime) -> None:
        """Write the mark where that is possible. Makes no folder and raises nothing.

        A folder that cannot be written is reported by ``keter doctor``.
        """
        # A command that only looks at a licence may run in any folder.
        if not self._path.parent.is_dir() or (self._path.exists() and not self._path.is_file()):
            return
        try:
            write_private(self._path, moment.isoformat())
        except OSError:
            return


class LicenseKeeper:
    """Answers whether betting is licensed."""

    def __init__(self, settings: Settings, clock: Clock, mark: ClockMark | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._mark = mark or FileClockMark(settings.mode.data_dir / ".clock_mark")
        # The latest time seen, and the monotonic clock then.
        self._last: tuple[datetime, float] | None = None

    @property
    def required(self) -> bool:
        """True in LIVE, in DRY only with LICENSE_REQUIRED_FOR=all."""
        return self._settings.live or self._settings.license.license_required_for == "all"

    def require(self) -> License | None:
        """Return the licence, or None where none is needed.

        Raises PermissionDeniedError that says where to get one.
        """
        if not self.required:
            return None
        try:
            return self.check()
        except PermissionDeniedError as e:
            mode = "LIVE" if self._settings.live else "DRY"
            raise PermissionDeniedError(
                f"{mode} needs a valid licence: {e}; {remedy(self._settings, e)}."
            ) from e

    def check(self) -> License:
        """Verify the licence in the settings or in its file, and return it.

        Raises PermissionDeniedError with the reason why it is not valid.
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
        """Return the latest time seen.

        It goes on with the monotonic clock while the wall clock is behind it.
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
    """Return the file of a licence that is not in KETER_LICENSE_KEY."""
    return settings.mode.data_dir / ".keter_license"


def remedy(settings: Settings, error: PermissionDeniedError) -> str:
    """Return what to do about a licence that is not valid, as the end of a sentence."""
    url = settings.license.license_obtain_url
    if isinstance(error, PublicKeyMissingError):
        return f"set LICENSE_PUBLIC_KEY to the key that its issuer gave with it ({url or GUIDE})"
    new = "a new one" if isinstance(error, LicenseEndedError) else "one"
    place = f"at {url}" if url else f"as {GUIDE} tells"
    return f"get {new} {place}, and set KETER_LICENSE_KEY or put it into {license_file(settings)}"


def read_token(settings: Settings) -> str | None:
    """Return the token from KETER_LICENSE_KEY, else from the licence file, else None.

    Raises PermissionDeniedError for a file that cannot be read.
    """
    token = settings.license.keter_license_key.get_secret_value().strip()
    if token:
        return token
    try:
        return (read_text(license_file(settings), most=LICENCE_BYTES) or "").strip() or None
    except UnreadableFileError as e:
        raise PermissionDeniedError(f"the licence file {e}") from e
