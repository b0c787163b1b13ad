"""E-mail and others through apprise (the optional extra ``notify``).

Apprise blocks and therefore runs in a thread.
"""

import asyncio

from apprise import Apprise

from keter.alerting.channels import DeliveryError
from keter.alerting.texts import Message, StatusLine, body, subject

DEADLINE_S = 30.0


class AppriseChannel:
    """All configured addresses at once: apprise says only whether every one of them took it."""

    name = "apprise"

    def __init__(self, urls: str, *, deadline_s: float = DEADLINE_S) -> None:
        self._apprise = Apprise()
        self._deadline_s = deadline_s
        self.unusable = sum(
            not self._apprise.add(url.strip()) for url in urls.split(",") if url.strip()
        )

    async def send(self, message: Message, status: StatusLine | None) -> None:
        call = asyncio.to_thread(
            self._apprise.notify, title=subject(message), body=body(message, status)
        )
        try:
            taken = await asyncio.wait_for(call, self._deadline_s)
        except TimeoutError:
            raise DeliveryError(f"apprise did not answer within {self._deadline_s:g} s") from None
        if not taken:
            raise DeliveryError("apprise could not tell every address")

    async def aclose(self) -> None:
        return
