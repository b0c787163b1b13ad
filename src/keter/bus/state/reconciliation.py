"""How the router learns that a reconciliation pass finished after it took over.

* A router that starts asks for a pass under a new token; the tracker notes the token when done.
* A pass counts for as long as the caller says, by the server's clock.
* So no bet is placed before ledger and venue were compared, nor after the tracker has stopped.

The tracker finds two more things here after a restart. One is how often it has queried the venue
for a bet of unknown outcome, the other is the closing prices that it has seen.
"""

from datetime import datetime

import msgspec

from keter.bus.connection import Bus
from keter.bus.keys import CLOSING_MS, DOUBT_MS, RECONCILED_MS
from keter.clock import from_ms
from keter.domain.runs import RunMark

# The router stops placing after so many reconciliation intervals without a pass.
PASSES_MISSED = 4
LEAST_PASS_AGE_S = 60.0
# A pass noted further in the future was noted before the server's clock was set back.
FUTURE_MS = 5_000


async def ask_for_pass(bus: Bus, account: str, token: str) -> None:
    """Ask the tracker to compare the account's bets with the venue.

    A newer request replaces an older one.
    """
    key = bus.keys.reconciled(account)
    async with bus.redis.batch(atomic=True) as batch:
        batch.hset(key, "wanted", token)
        batch.pexpire(key, RECONCILED_MS)
        await batch.execute()


async def wanted_pass(bus: Bus, account: str) -> str | None:
    """Return the token of the newest request, None if there is none."""
    fields = await bus.redis.read_hash(bus.keys.reconciled(account))
    return fields["wanted"].decode() if "wanted" in fields else None


async def note_pass(bus: Bus, account: str, token: str | None, run: RunMark) -> None:
    """Note that a tracker of ``run`` has completed a pass.

    ``token`` is the request that the tracker had read before the pass began, None if there was
    none.
    """
    key, now_ms = bus.keys.reconciled(account), await bus.now_ms()
    async with bus.redis.batch(atomic=True) as batch:
        batch.hset(key, mapping={"done": token or "", "at_ms": now_ms, "run": run.text})
        batch.pexpire(key, RECONCILED_MS)
        await batch.execute()


def pass_counts_for_s(interval_s: float) -> float:
    """Return for how many seconds a pass counts where one is made every ``interval_s``."""
    return max(PASSES_MISSED * interval_s, LEAST_PASS_AGE_S)


async def last_pass(bus: Bus, account: str) -> datetime | None:
    """Return when the last complete pass was noted, for any request; None if there was none."""
    at_ms = (await bus.redis.read_hash(bus.keys.reconciled(account))).get("at_ms")
    return from_ms(int(at_ms)) if at_ms is not None else None


async def pass_done(bus: Bus, account: str, token: str, run: RunMark, *, within_s: float) -> bool:
    """Return whether the pass requested with ``token`` is complete and at most ``within_s`` old.

    A pass of another run, mode or configuration does not count. For example, a tracker in DRY
    compares with the paper account, which proves nothing for a router in LIVE.
    """
    fields = await bus.redis.read_hash(bus.keys.reconciled(account))
    if (
        fields.get("done") != token.encode()
        or fields.get("run") != run.text.encode()
        or "at_ms" not in fields
    ):
        return False
    age_ms = await bus.now_ms() - int(fields["at_ms"])
    return -FUTURE_MS <= age_ms <= within_s * 1000


class Doubt(msgspec.Struct, frozen=True):
    """How often the venue was queried for a bet of unknown outcome, and when last."""

    asked: int
    last_at: datetime | None


async def note_query(bus: Bus, intent_id: str) -> None:
    """Note that the venue is about to be queried for a bet of unknown outcome."""
    key, now_ms = bus.keys.doubt(intent_id), await bus.now_ms()
    async with bus.redis.batch(atomic=True) as batch:
        batch.hincrby(key, "asked", 1)
        batch.hset(key, "at_ms", now_ms)
        batch.pexpire(key, DOUBT_MS)
        await batch.execute()


async def read_doubt(bus: Bus, intent_id: str) -> Doubt:
    """Return the queries noted for a bet; 0 and None if there were none."""
    fields = await bus.redis.read_hash(bus.keys.doubt(intent_id))
    at_ms = fields.get("at_ms")
    return Doubt(int(fields.get("asked", 0)), from_ms(int(at_ms)) if at_ms is not None else None)


class ClosingLook(msgspec.Struct, frozen=True):
    """A fair price of a bet's selection before kick-off, and when it was seen."""

    fair_odds: float
    seen_at: datetime


async def note_closing(bus: Bus, intent_id: str, look: ClosingLook) -> None:
    """Replace the closing price seen for a bet so far."""
    await bus.redis.execute_command(
        "SET", bus.keys.closing(intent_id), msgspec.json.encode(look), "PX", CLOSING_MS
    )


async def read_closing(bus: Bus, intent_id: str) -> ClosingLook | None:
    """Return the newest closing price seen for a bet, None if there is none.

    Raises msgspec.MsgspecError for a value that Keter did not write.
    """
    found = await bus.redis.execute_command("GET", bus.keys.closing(intent_id))
    return None if found is None else msgspec.json.decode(found, type=ClosingLook)
