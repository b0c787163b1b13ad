"""Alerts as JSON to an address of the operator's choice.

The same message may arrive twice when an answer is lost. Its ``id``, also the header
Idempotency-Key, is then the same.
"""

import asyncio
from typing import Any

import httpx
import stamina

from keter.alerting.channels import DeliveryError
from keter.alerting.texts import Message, StatusLine, body, subject

DEADLINE_S = 15.0
CALL_S = 4.0
TRIES = 3
WAIT_S = 0.5


class WebhookChannel:
    """One address. Redirects are not followed, and the environment's proxies are not used."""

    name = "webhook"

    def __init__(
        self,
        url: str,
        *,
        deadline_s: float = DEADLINE_S,
        call_s: float = CALL_S,
        wait_s: float = WAIT_S,
    ) -> None:
        self._url = url
        self._deadline_s = deadline_s
        self._wait_s = wait_s
        self._client = httpx.AsyncClient(timeout=call_s, trust_env=False, follow_redirects=False)

    async def send(self, message: Message, status: StatusLine | None) -> None:
        try:
            async with asyncio.timeout(self._deadline_s):
                await self._post(payload(message, status), message.message_id)
        except TimeoutError:
            raise DeliveryError(
                f"the webhook did not take it within {self._deadline_s:g} s"
            ) from None

    async def _post(self, content: dict[str, Any], message_id: str) -> None:
        headers = {"Idempotency-Key": message_id.encode("ascii", "replace").decode()}
        try:
            async for attempt in stamina.retry_context(
                on=_may_pass, attempts=TRIES, timeout=None, wait_initial=self._wait_s, wait_jitter=0
            ):
                with attempt:
                    await self._once(content, headers)
        except _RefusedError as e:
            raise DeliveryError(f"the webhook answered {e.status}") from None
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            # Neither the text nor the chain is passed on: both hold the address.
            raise DeliveryError(f"the webhook could not be reached ({type(e).__name__})") from None

    async def _once(self, content: dict[str, Any], headers: dict[str, str]) -> None:
        answer = await self._client.post(self._url, json=content, headers=headers)
        if not answer.is_success:
            raise _RefusedError(answer.status_code)

    async def aclose(self) -> None:
        await self._client.aclose()


class _RefusedError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _may_pass(error: Exception) -> bool:
    if isinstance(error, _RefusedError):
        return error.status >= 500 or error.status == 429
    return isinstance(error, httpx.TransportError) and not isinstance(
        error, httpx.UnsupportedProtocol
    )


def payload(message: Message, status: StatusLine | None) -> dict[str, Any]:
    """Return the JSON to post. Times are ISO, UTC.

    ``v`` is its version, ``text`` is what people read, the rest is for programs.
    """
    return {
        "v": 1,
        "id": message.message_id,
        "kind": message.kind.value,
        "level": message.level,
        "alert": message.alert_id,
        "title": message.title,
        "detail": message.detail,
        "at": message.at.isoformat(),
        "since": message.since.isoformat() if message.since is not None else None,
        "action": message.action,
        "runbook": message.runbook,
        "text": f"{subject(message)}\n{body(message, status)}",
    }
