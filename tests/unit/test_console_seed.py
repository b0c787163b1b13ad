"""The day that the console's tests look at can be put into a ledger at any time of any day."""

from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keter.clock import ManualClock
from keter.domain.trading import ExecutionMode
from keter.ledger import open_ledger
from tests.kit.console_seed import intent_of, moments, seed_ledger, update_of

MIDNIGHT = datetime(2026, 3, 28, tzinfo=UTC)
QUARTERS = [MIDNIGHT + timedelta(minutes=15 * number) for number in range(96)]


@pytest.mark.parametrize("count", [9, 40, 250])
def test_no_two_seeded_bets_are_on_one_selection_at_any_time_of_day(count: int) -> None:
    """What the ledger's unique index on open bets looks at, whatever the hour."""
    for now in QUARTERS:
        made = moments(count, now, unknown=True)
        intents = [
            intent_of(number, moment, 1, ExecutionMode.DRY) for number, moment in enumerate(made)
        ]
        assert len({(intent.event_uid, intent.selection_id) for intent in intents}) == count + 1, (
            now
        )


def test_no_two_seeded_markets_have_one_key_at_any_time_of_day() -> None:
    for now in QUARTERS:
        assert len({update_of(number, now).queue_key for number in range(40)}) == 40, now


@pytest.mark.parametrize("hour", [0, 5, 12, 23])
async def test_a_ledger_takes_the_seeded_day(tmp_path: Path, hour: int) -> None:
    now = MIDNIGHT + timedelta(hours=hour, minutes=50)
    async with aclosing(
        await open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=ManualClock(now))
    ) as ledger:
        seed = await seed_ledger(ledger, now=now)
    assert len(seed.bets) == 41
