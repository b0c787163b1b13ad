"""What is known of each venue account: its snapshot, its session's contests, its query budget."""

from datetime import datetime
from urllib.parse import unquote

from redis.typing import EncodableT, FieldT

from keter.bus.codec import decode, encode
from keter.bus.connection import Bus
from keter.bus.keys import ACCOUNT_MS, CONTESTED_MS
from keter.clock import to_ms
from keter.domain.tickets import AccountSnapshot


async def write_account(bus: Bus, snapshot: AccountSnapshot) -> None:
    """Replace the snapshot of the account."""
    key = bus.keys.account(snapshot.account)
    fields: dict[FieldT, EncodableT] = {"snapshot": encode(snapshot)}
    await bus.write_record(key, fields, index=bus.keys.accounts, life_ms=ACCOUNT_MS)


async def read_accounts(bus: Bus) -> list[AccountSnapshot]:
    """Return the snapshots of the last two days, ordered by account; ``fetched_at`` dates each.

    Raises PoisonedPayloadError for a snapshot that cannot be decoded.
    """
    keys = await bus.redis.execute_command("ZRANGE", bus.keys.accounts, 0, -1)
    found = [await bus.redis.execute_command("HGET", key, "snapshot") for key in sorted(keys)]
    return [decode(AccountSnapshot, payload) for payload in found if payload is not None]


async def known_accounts(bus: Bus) -> list[str]:
    """Return the keys of the accounts that were asked about within two days, in order."""
    keys = await bus.redis.execute_command("ZRANGE", bus.keys.accounts, 0, -1)
    start = bus.keys.account("")
    return sorted(unquote(key.decode().removeprefix(start)) for key in keys)


async def note_contest(bus: Bus, account: str) -> None:
    """Note that another login has kept taking the session of ``account`` away for minutes.

    The note expires after CONTESTED_MS.
    """
    await bus.redis.execute_command("SET", bus.keys.contested(account), "1", "PX", CONTESTED_MS)


async def contested(bus: Bus, account: str) -> bool:
    """Return whether a contest of the account's session was noted within CONTESTED_MS."""
    return bool(await bus.redis.execute_command("EXISTS", bus.keys.contested(account)))


async def take_queries(
    bus: Bus, account: str, wanted: int, *, per_minute: int, now: datetime
) -> tuple[bool, int]:
    """Take ``wanted`` queries about the account from its budget if so many are left.

    All processes share the budget, which refills at ``per_minute``; see ``lua/budget_take.lua``.
    Returns whether they were taken, and how many are left afterwards.
    """
    args = [to_ms(now), wanted, per_minute]
    taken, left = await bus.redis.run("budget_take", [bus.keys.budget(account)], args)
    return bool(taken), int(float(left))
