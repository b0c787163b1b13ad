"""The bargain between router and tracker: no bet is placed before ledger and venue were compared,
nor when they no longer are.

A router that starts asks for a pass under a token of its own; the tracker that completes one begun
after the asking notes the token. A pass counts for as long as the caller says, by the server's
clock: a tracker that died closes the router.
"""

from datetime import datetime

import msgspec

from keter.bus.connection import Bus
from keter.bus.keys import DOUBT_MS, RECONCILED_MS
from keter.clock import from_ms
from keter.domain.runs import RunMark

PASSES_MISSED = 4  # so many reconciliation intervals without a pass close the router
LEAST_PASS_AGE_S = 60.0

FUTURE_MS = 5_000


async def ask_for_pass(bus: Bus, account: str, token: str) -> None:
    """Asks the tracker to compare the account's bets with the venue; a newer asking replaces an
    older one.
    """
    key = bus.keys.reconciled(account)
    async with bus.redis.batch(atomic=True) as batch:
        batch.hset(key, "wanted", token)
        batch.pexpire(key, RECONCILED_MS)
        await batch.execute()


async def wanted_pass(bus: Bus, account: str) -> str | None:
    """The token that is asked for, None when nobody has asked."""
    fields = await bus.redis.read_hash(bus.keys.reconciled(account))
    return fields["wanted"].decode() if "wanted" in fields else None


async def note_pass(bus: Bus, account: str, token: str | None, run: RunMark) -> None:
    """A pass that began when ``token`` was asked for is complete, by a tracker of ``run``."""
    key, now_ms = bus.keys.reconciled(account), await bus.now_ms()
    async with bus.redis.batch(atomic=True) as batch:
        batch.hset(key, mapping={"done": token or "", "at_ms": now_ms, "run": run.text})
        batch.pexpire(key, RECONCILED_MS)
        await batch.execute()


def pass_counts_for_s(interval_s: float) -> float:
    """How long after it a pass still counts where they are made every ``interval_s``."""
    return max(PASSES_MISSED * interval_s, LEAST_PASS_AGE_S)


async def last_pass(bus: Bus, account: str) -> datetime | None:
    """When the last complete pass was noted, whoever asked for it; None when none is known."""
    at_ms = (await bus.redis.read_hash(bus.keys.reconciled(account))).get("at_ms")
    return from_ms(int(at_ms)) if at_ms is not None else None


async def pass_done(bus: Bus, account: str, token: str, run: RunMark, *, within_s: float) -> bool:
    """Whether a pass asked for with ``token`` is complete, of the same run, mode and settings, and
    at most ``within_s`` old.

    A tracker in DRY compares with the paper account: what it found says nothing to a router in
    LIVE.
    """
    fields = await bus.redis.read_hash(bus.keys.reconciled(account))
    if (
        fields.get("done") != token.encode()
        or fields.get("run") != run.text.encode()
        or "at_ms" not in fields
    ):
        return False
    age_ms = await bus.now_ms() - int(fields["at_ms"])
    # One from the future: the server's clock was set back since.
    return -FUTURE_MS <= age_ms <= within_s * 1000


class Doubt(msgspec.Struct, frozen=True):
    """How often the venue was asked for a bet whose outcome is unknown, and when last."""

    asked: int
    last_at: datetime | None


async def note_question(bus: Bus, intent_id: str) -> None:
    """The venue is about to be asked for a bet whose outcome is unknown."""
    key, now_ms = bus.keys.doubt(intent_id), await bus.now_ms()
    async with bus.redis.batch(atomic=True) as batch:
        batch.hincrby(key, "asked", 1)
        batch.hset(key, "at_ms", now_ms)
        batch.pexpire(key, DOUBT_MS)
        await batch.execute()


async def read_doubt(bus: Bus, intent_id: str) -> Doubt:
    fields = await bus.redis.read_hash(bus.keys.doubt(intent_id))
    at_ms = fields.get("at_ms")
    return Doubt(int(fields.get("asked", 0)), from_ms(int(at_ms)) if at_ms is not None else None)
