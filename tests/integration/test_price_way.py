"""The files and shapes of one price are counted in a run that ends with a bet."""

import pytest
from scripts.price_way import follow

pytestmark = [pytest.mark.redis, pytest.mark.slow]


async def test_one_price_is_followed_through_every_worker_to_the_bet() -> None:
    busy, idle = await follow()
    processes = {
        f"processes/{name}.py" for name in ("ingest", "validator", "edge", "guard", "router")
    }
    assert processes <= busy.files
    assert {"domain/quotes.py", "strategies/value/edge.py"} <= busy.files - idle.files
    assert {
        "keter.domain.quotes.MarketUpdate",
        "keter.domain.signals.ApprovedSignal",
        "keter.domain.orders.Intent",
    } <= busy.shapes - idle.shapes
    assert not any("simulat" in name for name in busy.files), "the bookmaker is not of the house"
