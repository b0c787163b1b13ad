"""The HALT file: while anything has its name no bet is placed, whatever Redis says."""

import asyncio
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from keter.errors import UnavailableError
from keter.system.private_files import write_private
from keter.system.process import acting_as
from keter.system.text_files import is_present


@dataclass(frozen=True, slots=True)
class HaltFile:
    """The HALT file at ``path``.

    ``owner`` is the id of the user whose Keter it is, if root commands another user's; else None.
    """

    path: Path
    owner: int | None = None

    @property
    def present(self) -> bool:
        return is_present(self.path)

    def write(self, at: datetime, who: str, reason: str) -> tuple[str, ...]:
        """Stop the router by the file alone; return what went wrong, empty if nothing did."""
        try:
            with acting_as(self.owner):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_private(self.path, f"{at.isoformat()} {who}: {reason}\n")
        except OSError as e:
            # Whatever has this name stops the router, so one that exists and cannot be written is
            # no problem. lexists is False too if this user may not look: then others may see none.
            if not os.path.lexists(self.path):
                return (f"the HALT file could not be written: {self.path}: {e.strerror}",)
        return ()

    async def remove(self) -> None:
        """Remove the file. Raises UnavailableError if that fails: bets are still stopped then."""
        try:
            with acting_as(self.owner):
                await asyncio.to_thread(self.path.unlink, missing_ok=True)
        except OSError as e:
            why = e.strerror or type(e).__name__
            raise UnavailableError(
                f"still stopped: the HALT file {self.path} cannot be removed ({why})"
            ) from e
