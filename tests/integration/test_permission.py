"""LIVE bets only with a licence, limits set by hand and an arming: each of them, not most of
them.
"""

from pathlib import Path

import pytest

from keter.bus.connection import connect
from keter.bus.state.permissions import arm
from keter.clock import SystemClock
from keter.risk.permission import Permission
from keter.supervision.run import single
from tests.kit.execution import ACCOUNT, licence, settings_for

pytestmark = pytest.mark.redis
LIMITS = {
    "MAX_STAKE": 50,
    "MAX_EXPOSURE_EVENT": 100,
    "MAX_EXPOSURE_LEAGUE": 500,
    "MAX_EXPOSURE_DAY": 1000,
    "MAX_EXPOSURE_TOTAL": 1000,
    "DAILY_LOSS_LIMIT_UNITS": 14,
}


@pytest.mark.parametrize("mode", ["LIVE", "DRY"])
@pytest.mark.parametrize("lacking", ["licence", "limits", "arming", None])
async def test_each_of_the_three_is_needed_in_live_and_none_in_dry(
    redis_url: str, tmp_path: Path, mode: str, lacking: str | None
) -> None:
    clock, bus = SystemClock(), await connect(redis_url)
    named: dict[str, object] = {"EXECUTION_MODE": mode}
    named |= licence() if lacking != "licence" else {}
    named |= LIMITS if lacking != "limits" else {}
    settings = settings_for(tmp_path, **named)
    if lacking != "arming":
        await arm(bus, ACCOUNT, "test", clock.now(), single(settings).mark)
    missing = await Permission(bus, settings, clock, ACCOUNT, single(settings).mark).missing()
    assert missing == (lacking if mode == "LIVE" else None)
    await bus.aclose()
