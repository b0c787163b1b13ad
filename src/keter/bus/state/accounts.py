"""What the venue last said about each account."""

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.keys import ACCOUNT_MS
from keter.domain.tickets import AccountSnapshot


async def write_account(bus: Bus, snapshot: AccountSnapshot) -> None:
    """Replace what is known of the account."""
    key = bus.keys.account(snapshot.account)
    now_ms = await bus.now_ms()
    async with bus.redis.batch(atomic=True) as batch:
        batch.hset(key, "snapshot", encode(snapshot))
        batch.pexpire(key, ACCOUNT_MS)
        batch.zadd(bus.keys.accounts, {key: now_ms})
        batch.zremrangebyscore(bus.keys.accounts, "-inf", now_ms - ACCOUNT_MS)
        await batch.execute()


async def read_accounts(bus: Bus) -> list[AccountSnapshot]:
    """Every account heard of within two days, by name; look at ``fetched_at``.

    Raises PoisonedPayloadError.
    """
    keys = await bus.redis.execute_command("ZRANGE", bus.keys.accounts, 0, -1)
    found = [await bus.redis.execute_command("HGET", key, "snapshot") for key in sorted(keys)]
    return [decode(AccountSnapshot, payload) for payload in found if payload is not None]
