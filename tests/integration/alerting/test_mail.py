"""Apprise against a real HTTP server: it arrives, a refusal is an error, and neither blocks the
loop.
"""

import pytest

from keter.alerting.channels import DeliveryError
from tests.integration.alerting.test_webhook import MESSAGE, POSITION, SECRET, receiver

# apprise itself imports a module that Python 3.13 drops
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.mark.parametrize("status", [200, 500])
async def test_apprise_tells_its_addresses_and_says_when_it_could_not(status: int) -> None:
    """The server runs on this very loop: a call that blocked it would never be answered."""
    from aiohttp import web

    from keter.alerting.mail import AppriseChannel

    bodies: list[str] = []

    async def take(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.text())
        return web.Response(status=status)

    async with receiver(take) as url:
        channel = AppriseChannel(url.replace("http://", "json://"), deadline_s=10)
        if status == 200:
            await channel.send(MESSAGE, POSITION)
        else:
            with pytest.raises(DeliveryError) as caught:
                await channel.send(MESSAGE, POSITION)
            assert SECRET not in str(caught.value)
    assert "PAGE: The feed is stale" in bodies[0]
