"""The contents of the risk book at one moment, read in one script."""

from collections.abc import Mapping, Sequence

import msgspec

from keter.bus.codec import decode
from keter.bus.connection import Arg, Bus
from keter.clock import from_ms
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus

NO_DAY = "none"  # a script needs a key of a day even where there is no day


class RiskState(msgspec.Struct, frozen=True):
    """The book at one moment.

    ``exposures`` are those of one account, ``of_others`` those of all other accounts. ``day`` is
    None when no betting day has been booked yet. ``run`` is the mark of the run that rebuilt the
    book.
    """

    revision: int
    exposures: tuple[Exposure, ...]
    day: DayRisk | None
    run: str = ""
    of_others: tuple[Exposure, ...] = ()


async def read_risk(bus: Bus, account: str, day: str | None, *, longest_ms: Arg) -> RiskState:
    """Return the book without expired reservations, and the account's figures of ``day``.

    ``day`` is an ISO date.

    A reservation with more than ``longest_ms`` left counts as expired; an empty text sets no
    maximum. Raises PoisonedPayloadError for an exposure that cannot be decoded.
    """
    keys = [
        bus.keys.risk_revision,
        bus.keys.risk_exposure,
        bus.keys.risk_expiry,
        bus.keys.risk_streak(account),
        bus.keys.daily_pnl(day or NO_DAY, account),
        bus.keys.risk_run,
    ]
    revision, book, ends, streak, booked, run = await bus.redis.run("risk_read", keys, [longest_ms])
    expiry = _by_name(ends)
    exposures = [_exposure(payload, expiry.get(name)) for name, payload in _by_name(book).items()]
    exposures.sort(key=lambda exposure: (exposure.made_at, exposure.decision_id))
    risk = _day(day, _by_name(booked), streak) if day is not None else None
    own = tuple(exposure for exposure in exposures if exposure.account == account)
    others = tuple(exposure for exposure in exposures if exposure.account != account)
    return RiskState(int(revision), own, risk, run.decode(), others)


async def newest_day(bus: Bus) -> str | None:
    """Return the newest betting day in the book (ISO date), None if there is none."""
    newest = await bus.redis.execute_command("GET", bus.keys.risk_day)
    return newest.decode() if newest is not None else None


def _by_name(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


def _exposure(payload: bytes, ends_ms: bytes | None) -> Exposure:
    """Decode an exposure, with status and end as the book has them, not the payload."""
    status = ExposureStatus.BET if ends_ms is None else ExposureStatus.RESERVED
    ends = from_ms(int(float(ends_ms))) if ends_ms is not None else None
    return msgspec.structs.replace(decode(Exposure, payload), status=status, expires_at=ends)


def _day(day: str, booked: Mapping[str, bytes], streak: bytes | None) -> DayRisk:
    return DayRisk(
        day=day,
        pnl_minor=int(booked.get("pnl_minor", b"0")),
        staked_minor=int(booked.get("staked_minor", b"0")),
        streak=int(streak or b"0"),
        bets=int(booked.get("bets", b"0")),
    )
