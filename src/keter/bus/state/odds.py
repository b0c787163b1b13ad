"""The latest prices of every selection.

A price is written when it changes. Between changes the feed as a whole confirms it. Both times are
kept, so that a reader knows when a price was last known to be offered.

A feed confirms only prices that it has reported itself: what an earlier feed left in Redis may have
gone from the venue in between.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice

import msgspec

from keter.bus.codec import decode, encode
from keter.bus.connection import Arg, Bus
from keter.bus.keys import ODDS_AFTER_KICKOFF_MS, ODDS_LEAST_MS, ODDS_MOST_MS
from keter.clock import from_ms, to_ms
from keter.domain.market_kinds import Outcome
from keter.domain.markets import Event, Market, Phase, parse_selection
from keter.domain.quotes import MarketUpdate, VenueRef

WRITE_CHUNK = 200  # selections per script: Redis serves nobody else while it runs
REMOVE_CHUNK = 500  # keys per command, for the same reason
_FEED_TIMES = ("confirmed_ms", "began_ms")


class LatestPrice(msgspec.Struct, frozen=True, gc=False):
    """One book's price of one selection; ``text`` is the venue's spelling."""

    book: str
    odds: float
    text: str
    changed_at: datetime
    confirmed_at: datetime


class LatestOdds(msgspec.Struct, frozen=True):
    """What the books offered on one selection when its market last changed.

    ``feed_confirmed_at`` is when the market's feed last confirmed everything it did not mention.
    It is None for prices that the present feed has not reported.
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
        return parse_selection(self.event.sport, self.selection_id)[0]

    @property
    def outcome(self) -> Outcome:
        return parse_selection(self.event.sport, self.selection_id)[1]

    @property
    def confirmed_at(self) -> datetime:
        """When these prices were last known to be offered: by the change itself or by the feed."""
        return (
            max(self.received_at, self.feed_confirmed_at)
            if self.feed_confirmed_at is not None
            else self.received_at
        )


async def write_odds(bus: Bus, updates: Sequence[MarketUpdate]) -> None:
    """Write every selection of these markets.

    Their keys expire ODDS_AFTER_KICKOFF_MS after kick-off.
    """
    selections = ((update, outcome) for update in updates for outcome in update.market.outcomes)
    while chunk := list(islice(selections, WRITE_CHUNK)):
        keys: list[Arg] = []
        args: list[Arg] = []
        for update, outcome in chunk:
            selection_id = update.market.selection_id(outcome)
            keys.append(bus.keys.odds(update.event.event_uid, selection_id, update.account))
            args += (encode(_latest(update, outcome, selection_id)), _life_ms(update))
        await bus.redis.run("odds_write", keys, args)


async def remove_odds(bus: Bus, account: str, pairs: Iterable[tuple[str, Market]]) -> None:
    """Remove the prices of markets that are gone from the account's feed.

    They are given as (event_uid, market) pairs.
    """
    keys = (
        bus.keys.odds(uid, market.selection_id(outcome), account)
        for uid, market in pairs
        for outcome in market.outcomes
    )
    while chunk := list(islice(keys, REMOVE_CHUNK)):
        await bus.redis.execute_command("UNLINK", *chunk)


async def read_odds(bus: Bus, account: str, event_uid: str, selection_id: str) -> LatestOdds | None:
    """Return the latest prices of a selection on the account's feed, with its confirmation.

    Return None if its market is unknown or gone. Raises PoisonedPayloadError for a value that
    cannot be decoded.
    """
    payload = await bus.redis.execute_command(
        "GET", bus.keys.odds(event_uid, selection_id, account)
    )
    if payload is None:
        return None
    latest = decode(LatestOdds, payload)
    facts = await bus.redis.execute_command(
        "HMGET", bus.keys.feed(latest.account, latest.phase.value), *_FEED_TIMES
    )
    return _confirmed(latest, facts)


async def read_selections(
    bus: Bus, account: str, event_uid: str, selection_ids: Sequence[str]
) -> list[LatestOdds | None]:
    """Return the latest prices of several selections of an event, in their order.

    An item is None if its market is unknown or gone. Raises PoisonedPayloadError.
    """
    payloads = await bus.redis.execute_command(
        "MGET", *[bus.keys.odds(event_uid, one, account) for one in selection_ids]
    )
    found = [decode(LatestOdds, payload) if payload is not None else None for payload in payloads]
    phases = {latest.phase for latest in found if latest is not None}
    if not phases:
        return found
    async with bus.redis.batch() as batch:
        for phase in phases:
            batch.hmget(bus.keys.feed(account, phase.value), _FEED_TIMES)
        facts = dict(zip(phases, await batch.execute(), strict=True))
    return [
        _confirmed(latest, facts[latest.phase]) if latest is not None else None for latest in found
    ]


def _confirmed(latest: LatestOdds, facts: Sequence[bytes | None]) -> LatestOdds:
    """Return ``latest`` with the time of its feed's confirmation.

    Return it unchanged if the present feed began after it was received.
    """
    confirmed_ms, began_ms = facts
    if confirmed_ms is None or (began_ms is not None and to_ms(latest.received_at) < int(began_ms)):
        return latest
    return msgspec.structs.replace(latest, feed_confirmed_at=from_ms(int(confirmed_ms)))


def _latest(update: MarketUpdate, outcome: Outcome, selection_id: str) -> LatestOdds:
    place = update.market.outcomes.index(outcome)
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
