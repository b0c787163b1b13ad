"""The latest prices of every selection, what each feed last confirmed, and the scores.

A price is written when it changes; between changes the feed as a whole confirms it. Both times are
kept, so that a reader knows when a price was last seen to stand. A feed confirms only what it has
told itself: what an earlier one left behind may have gone from the venue in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice

import msgspec
from redis.typing import EncodableT, FieldT

from keter.bus.codec import decode, encode
from keter.bus.connection import Arg, Bus
from keter.bus.errors import PoisonedPayloadError
from keter.bus.keys import FEED_MS, ODDS_AFTER_KICKOFF_MS, ODDS_LEAST_MS, ODDS_MOST_MS, SCORE_MS
from keter.clock import from_ms, to_ms
from keter.domain.feed import EventScore
from keter.domain.markets import Event, Market, Outcome, Phase, parse_selection
from keter.domain.quotes import MarketUpdate, VenueRef
from keter.domain.verdicts import Number

WRITE_CHUNK = 200  # selections per script: everybody waits while it runs
# Commands per round trip: a snapshot of 2,000 matches must not hold the connection for long
CHUNK = 500


class LatestPrice(msgspec.Struct, frozen=True, gc=False):
    """One book's price of one selection; ``text`` is the venue's spelling."""

    book: str
    odds: float
    text: str
    changed_at: datetime
    confirmed_at: datetime


class LatestOdds(msgspec.Struct, frozen=True):
    """What the books offered on one selection when its market last changed.

    ``feed_confirmed_at`` is when the market's feed last said that everything it did not mention
    still stands; None for prices that this feed has not told.
    """

    account: str
    trace_id: str
    event: Event
    selection_id: str
    phase: Phase
    ref: VenueRef
    active: bool
    received_at: datetime
    prices: tuple[LatestPrice, ...]
    feed_confirmed_at: datetime | None = None
    v: int = 1

    @property
    def market(self) -> Market:
        return parse_selection(self.selection_id)[0]

    @property
    def side(self) -> Outcome:
        return parse_selection(self.selection_id)[1]

    @property
    def confirmed_at(self) -> datetime:
        """When these prices were last seen to stand, by the change itself or by the feed."""
        return (
            max(self.received_at, self.feed_confirmed_at)
            if self.feed_confirmed_at is not None
            else self.received_at
        )


class FeedFacts(msgspec.Struct, frozen=True):
    """What one phase of one account's feed last told.

    ``began_at`` is when the feed began to tell, from everything.

    ``fields`` are further figures, by name.
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


async def write_odds(bus: Bus, updates: Sequence[MarketUpdate]) -> None:
    """Write every selection of these markets; their keys outlive kick-off by
    ODDS_AFTER_KICKOFF_MS.
    """
    selections = ((update, side) for update in updates for side in update.market.sides)
    while chunk := list(islice(selections, WRITE_CHUNK)):
        keys: list[Arg] = []
        args: list[Arg] = []
        for update, side in chunk:
            selection_id = update.market.selection_id(side)
            keys.append(bus.keys.odds(update.event.event_uid, selection_id))
            args += (encode(_latest(update, side, selection_id)), _life_ms(update))
        await bus.redis.run("odds_write", keys, args)


async def remove_odds(bus: Bus, pairs: Iterable[tuple[str, Market]]) -> None:
    """Remove the prices of markets that are gone: (event_uid, market) pairs."""
    keys = (
        bus.keys.odds(uid, market.selection_id(side))
        for uid, market in pairs
        for side in market.sides
    )
    while chunk := list(islice(keys, CHUNK)):
        await bus.redis.execute_command("UNLINK", *chunk)


async def read_odds(bus: Bus, event_uid: str, selection_id: str) -> LatestOdds | None:
    """The latest prices of a selection with the feed's confirmation, None when its market is
    unknown or gone.

    Raises PoisonedPayloadError when what is stored cannot be read.
    """
    payload = await bus.redis.execute_command("GET", bus.keys.odds(event_uid, selection_id))
    if payload is None:
        return None
    latest = decode(LatestOdds, payload)
    facts = await bus.redis.execute_command(
        "HMGET", bus.keys.feed(latest.account, latest.phase.value), *_TIMES
    )
    return _confirmed(latest, facts)


async def read_selections(
    bus: Bus, event_uid: str, selection_ids: Sequence[str]
) -> list[LatestOdds | None]:
    """The same for several selections of an event at once, in their order.

    Raises PoisonedPayloadError.
    """
    payloads = await bus.redis.execute_command(
        "MGET", *[bus.keys.odds(event_uid, one) for one in selection_ids]
    )
    found = [decode(LatestOdds, payload) if payload is not None else None for payload in payloads]
    feeds = {(latest.account, latest.phase) for latest in found if latest is not None}
    if not feeds:
        return found
    async with bus.redis.batch() as batch:
        for account, phase in feeds:
            batch.hmget(bus.keys.feed(account, phase.value), _TIMES)
        facts = dict(zip(feeds, await batch.execute(), strict=True))
    return [
        _confirmed(latest, facts[latest.account, latest.phase]) if latest is not None else None
        for latest in found
    ]


async def write_feed(bus: Bus, account: str, phase: Phase, fields: Mapping[str, object]) -> None:
    """Note what a feed told.

    Names of FeedFacts go to its attributes, others to ``fields``; None is not written.

    Times are aware datetimes. Fields not mentioned keep their value, so that a failed attempt
    leaves ``confirmed_at`` alone.
    """
    own = {name: fields[name] for name in fields if name in _OWN}
    other = {name: fields[name] for name in fields if name not in _OWN}
    mapping: dict[FieldT, EncodableT] = {"account": account, "phase": phase.value}
    mapping |= {f"f:{name}": encode(value) for name, value in other.items()}
    for name, value in own.items():
        if isinstance(value, datetime):
            mapping[name.removesuffix("_at") + "_ms"] = to_ms(value)
        elif value is not None:
            mapping[name] = str(value)
    key = bus.keys.feed(account, phase.value)
    now_ms = await bus.now_ms()
    async with bus.redis.batch(atomic=True) as batch:
        batch.hset(key, mapping=mapping)
        batch.pexpire(key, FEED_MS)
        batch.zadd(bus.keys.feeds, {key: now_ms})
        batch.zremrangebyscore(bus.keys.feeds, "-inf", now_ms - FEED_MS)
        await batch.execute()


async def read_feeds(bus: Bus) -> list[FeedFacts]:
    """Every feed of the last day, by account and phase."""
    keys = await bus.redis.execute_command("ZRANGE", bus.keys.feeds, 0, -1)
    found = [await bus.redis.read_hash(key.decode()) for key in sorted(keys)]
    return [
        _feed({name: value.decode() for name, value in fields.items()})
        for fields in found
        if fields
    ]


async def write_scores(bus: Bus, scores: Sequence[EventScore]) -> None:
    """Write scores; the newest one of an event counts."""
    for start in range(0, len(scores), CHUNK):
        async with bus.redis.batch() as batch:
            for score in scores[start : start + CHUNK]:
                batch.set(bus.keys.score(score.event_uid), encode(score), px=SCORE_MS)
            await batch.execute()


async def read_score(bus: Bus, event_uid: str) -> EventScore | None:
    """The last score seen of an event.

    Raises PoisonedPayloadError when what is stored cannot be read.
    """
    payload = await bus.redis.execute_command("GET", bus.keys.score(event_uid))
    return decode(EventScore, payload) if payload is not None else None


_TIMES = ("confirmed_ms", "began_ms")
_OWN = frozenset(
    {"confirmed_at", "began_at", "requested_at", "known_markets", "body_bytes", "parse_s"}
)


def _confirmed(latest: LatestOdds, facts: Sequence[bytes | None]) -> LatestOdds:
    """``latest`` with the confirmation of its feed, unless it was left behind by an earlier one."""
    confirmed_ms, began_ms = facts
    if confirmed_ms is None or (began_ms is not None and to_ms(latest.received_at) < int(began_ms)):
        return latest
    return msgspec.structs.replace(latest, feed_confirmed_at=from_ms(int(confirmed_ms)))


def _latest(update: MarketUpdate, side: Outcome, selection_id: str) -> LatestOdds:
    place = update.market.sides.index(side)
    prices = tuple(
        LatestPrice(book.book, odds, book.texts[place], book.changed_at, book.confirmed_at)
        for book in update.books
        if (odds := book.odds[place]) is not None
    )
    return LatestOdds(
        account=update.account,
        trace_id=update.trace_id,
        event=update.event,
        selection_id=selection_id,
        phase=update.phase,
        ref=update.ref,
        active=update.active,
        received_at=update.received_at,
        prices=prices,
    )


def _life_ms(update: MarketUpdate) -> int:
    until_kickoff = to_ms(update.event.kickoff) - to_ms(update.received_at)
    return min(max(until_kickoff + ODDS_AFTER_KICKOFF_MS, ODDS_LEAST_MS), ODDS_MOST_MS)


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
