"""Exposure that the venue shows and nobody reserved: foreign tickets, other stakes than asked for, a book lost with Redis."""

from keter.bus.codec import encode
from keter.bus.connection import Bus
from keter.domain.exposure import Exposure, ExposureStatus


async def put_bet(bus: Bus, exposure: Exposure) -> bool:
    """Makes ``exposure`` stand in the risk book as a bet; False when it stood there just so. ValueError for a reservation."""
    if exposure.status is not ExposureStatus.BET:
        raise ValueError("only bets are adopted; a reservation is made with RiskBook.reserve")
    keys = [bus.keys.risk_revision, bus.keys.risk_exposure, bus.keys.risk_expiry]
    return bool(await bus.redis.run("risk_put", keys, [exposure.decision_id, encode(exposure)]))
