"""Exposure that the venue shows and nobody reserved: foreign tickets, other stakes than asked for,
a book lost with Redis.
"""

from typing import NamedTuple

from keter.bus.codec import encode
from keter.bus.connection import Arg, Bus
from keter.bus.keys import DAY_RISK_MS
from keter.bus.state.risk import NO_DAY
from keter.domain.exposure import Exposure, ExposureStatus


class Booking(NamedTuple):
    """The stake of a bet as it counts on its betting day (ISO date)."""

    day: str
    stake_minor: int


async def put_bet(bus: Bus, exposure: Exposure, booking: Booking | None = None) -> bool:
    """Make ``exposure`` stand in the risk book as a bet, and its stake on its day; False when all
    stood there just so.

    Without a ``booking`` no day changes: foreign bets are none of ours. ValueError for a
    reservation.
    """
    if exposure.status is not ExposureStatus.BET:
        raise ValueError("only bets are adopted; a reservation is made with RiskBook.reserve")
    day, stake_minor = booking or (NO_DAY, "")
    names = bus.keys
    keys = [
        names.risk_revision,
        names.risk_exposure,
        names.risk_expiry,
        names.risk_booked,
        names.daily_pnl(day),
    ]
    args: list[Arg] = [exposure.decision_id, encode(exposure), stake_minor, day, DAY_RISK_MS]
    return bool(await bus.redis.run("risk_put", keys, args))
