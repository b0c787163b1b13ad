"""Markets as Redis holds them now, put together from the keys of their selections."""

from collections.abc import Sequence
from datetime import datetime

from keter.bus.connection import Bus
from keter.bus.state.events import read_score
from keter.bus.state.odds import LatestOdds, LatestPrice, read_selections
from keter.domain.markets import Market, Phase
from keter.domain.quotes import BookPrices, MarketUpdate, Score

# The selections are separate keys, written one by one. Read again if they are of different answers.
TRIES = 3


async def read_market(
    bus: Bus, account: str, event_uid: str, market: Market
) -> MarketUpdate | None:
    """Return the market of the account's feed, each price confirmed by its last good answer.

    Return None if it is not on offer. Raises PoisonedPayloadError.
    """
    for _ in range(TRIES):
        found = await read_selections(
            bus, account, event_uid, [market.selection_id(outcome) for outcome in market.outcomes]
        )
        outcomes = [latest for latest in found if latest is not None]
        if len(outcomes) < len(found):
            return None
        if len({outcome.trace_id for outcome in outcomes}) == 1:
            live = outcomes[0].phase is Phase.LIVE
            score = await read_score(bus, outcomes[0].event.event_uid) if live else None
            return _put_together(market, outcomes, score.score if score is not None else None)
    return None


def _put_together(
    market: Market, outcomes: Sequence[LatestOdds], score: Score | None
) -> MarketUpdate:
    first = outcomes[0]
    names = dict.fromkeys(price.book for outcome in outcomes for price in outcome.prices)
    return MarketUpdate(
        trace_id=first.trace_id,
        account=first.account,
        event=first.event,
        market=market,
        phase=first.phase,
        ref=first.ref,
        books=tuple(_book(name, outcomes, first.confirmed_at) for name in names),
        active=first.active,
        received_at=first.received_at,
        score=score,
    )


def _book(name: str, outcomes: Sequence[LatestOdds], feed_confirmed_at: datetime) -> BookPrices:
    prices: list[LatestPrice | None] = [
        next((p for p in outcome.prices if p.book == name), None) for outcome in outcomes
    ]
    known = [price for price in prices if price is not None]
    return BookPrices(
        book=name,
        odds=tuple(price.odds if price is not None else None for price in prices),
        texts=tuple(price.text if price is not None else "" for price in prices),
        changed_at=max(price.changed_at for price in known),
        confirmed_at=max([feed_confirmed_at, *(price.confirmed_at for price in known)]),
    )
