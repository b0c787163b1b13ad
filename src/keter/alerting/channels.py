"""What every channel promises, and the one that is always there: the log."""

from typing import Protocol

import structlog

from keter.alerting.texts import Message, StatusLine, body, subject
from keter.errors import UnavailableError

log = structlog.get_logger(__name__)


class DeliveryError(UnavailableError):
    """A channel did not take a message. The text carries no address: addresses hold secrets."""


class Channel(Protocol):
    """A way out for alerts. ``name`` also names its memory."""

    @property
    def name(self) -> str: ...

    async def send(self, message: Message, status: StatusLine | None) -> None:
        """Deliver within a deadline of its own. Raises DeliveryError."""
        ...

    async def aclose(self) -> None: ...


class LogChannel:
    """Writes each message into the log of this process."""

    name = "log"

    async def send(self, message: Message, status: StatusLine | None) -> None:
        write = log.warning if message.level == "page" else log.info
        write(
            "alert_told",
            kind=message.kind.value,
            alert=message.alert_id,
            subject=subject(message),
            body=body(message, status),
        )

    async def aclose(self) -> None:
        return
