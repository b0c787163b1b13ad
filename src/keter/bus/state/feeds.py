"""What each feed last reported: one record per account and phase."""

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec
from redis.typing import EncodableT, FieldT

from keter.bus.codec import encode
from keter.bus.connection import Bus
from keter.bus.errors import PoisonedPayloadError
from keter.bus.keys import FEED_MS
from keter.clock import from_ms, to_ms
from keter.domain.markets import Phase
from keter.domain.verdicts import Number


class FeedFacts(msgspec.Struct, frozen=True):
    """What one phase of one account's feed last reported.

    * ``confirmed_at``: when everything that the feed did not mention was last known unchanged.
    * ``began_at``: when the feed began, with a snapshot of everything.
    * ``fields``: further figures, by name.
    """

    account: str
    phase: Phase
    confirmed_at: datetime | None = None
    began_at: datetime | None = None
    requested_at: datetime | None = None
    known_markets: int | None = None
    body_bytes: int | None = None
    parse_s: float | None = None
    fields: dict[str, Number] = {}
    v: int = 1

    def is_stale(self, after_s: float, now: datetime) -> bool:
        """Return whether it was never confirmed, or not within ``after_s``."""
        return self.confirmed_at is None or (now - self.confirmed_at).total_seconds() > after_s


_ATTRIBUTES = frozenset(
    {"confirmed_at", "began_at", "requested_at", "known_markets", "body_bytes", "parse_s"}
)


async def write_feed(bus: Bus, account: str, phase: Phase, fields: Mapping[str, object]) -> None:
    """Write what a feed reported; fields that are not mentioned keep their value.

    Names of FeedFacts go to its attributes, others to ``fields``. Times are aware datetimes.
    An attribute that is None is not written: a failed attempt leaves ``confirmed_at`` as it is.
    """
    own = {name: fields[name] for name in fields if name in _ATTRIBUTES}
    other = {name: fields[name] for name in fields if name not in _ATTRIBUTES}
    mapping: dict[FieldT, EncodableT] = {"account": account, "phase": phase.value}
    mapping |= {f"f:{name}": encode(value) for name, value in other.items()}
    for name, value in own.items():
        if isinstance(value, datetime):
            mapping[name.removesuffix("_at") + "_ms"] = to_ms(value)
        elif value is not None:
            mapping[name] = str(value)
    key = bus.keys.feed(account, phase.value)
    await bus.write_record(key, mapping, index=bus.keys.feeds, life_ms=FEED_MS)


async def read_feeds(bus: Bus, accounts: Collection[str]) -> list[FeedFacts]:
    """Return every feed of these accounts in the last day, ordered by account and phase.

    Raises PoisonedPayloadError for a record that cannot be read.
    """
    keys = await bus.redis.execute_command("ZRANGE", bus.keys.feeds, 0, -1)
    hashes = [await bus.redis.read_hash(key.decode()) for key in keys]
    found = [
        _feed({name: value.decode() for name, value in fields.items()})
        for fields in hashes
        if fields
    ]
    own = [feed for feed in found if feed.account in accounts]
    return sorted(own, key=lambda feed: (feed.account, feed.phase.value))


def _feed(fields: dict[str, str]) -> FeedFacts:
    def time(name: str) -> datetime | None:
        return from_ms(int(fields[name])) if name in fields else None

    try:
        return FeedFacts(
            account=fields["account"],
            phase=Phase(fields["phase"]),
            confirmed_at=time("confirmed_ms"),
            began_at=time("began_ms"),
            requested_at=time("requested_ms"),
            known_markets=int(fields["known_markets"]) if "known_markets" in fields else None,
            body_bytes=int(fields["body_bytes"]) if "body_bytes" in fields else None,
            parse_s=float(fields["parse_s"]) if "parse_s" in fields else None,
            fields={
                name[2:]: msgspec.json.decode(value)
                for name, value in fields.items()
                if name.startswith("f:")
            },
        )
    except (KeyError, ValueError, msgspec.DecodeError) as e:
        raise PoisonedPayloadError(f"a feed's facts cannot be read: {e}") from e
