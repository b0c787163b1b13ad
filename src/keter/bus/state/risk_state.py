"""The contents of the risk book at one moment, read in one script.

An entry that cannot be read, as one of an older version, still counts: with its stake, lost at
every score. The guard then rebuilds the book from the ledger.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from keter.bus.codec import decode
from keter.bus.connection import Arg, Bus
from keter.bus.errors import PoisonedPayloadError
from keter.clock import from_ms
from keter.domain.exposure import (
    FOREIGN_PREFIX,
    UNKNOWN_STAKE_MINOR,
    DayRisk,
    Exposure,
    ExposureStatus,
)

NO_DAY = "none"  # a script needs a key of a day even where there is no day


class RiskState(msgspec.Struct, frozen=True):
    """The book at one moment.

    ``exposures`` are those of one account, ``of_others`` those of all other accounts. ``day`` is
    None when no betting day has been booked yet. ``run`` is the mark of the run that rebuilt the
    book. ``unreadable`` names the decisions whose entries cannot be read.
    """

    revision: int
    exposures: tuple[Exposure, ...]
    day: DayRisk | None
    run: str = ""
    of_others: tuple[Exposure, ...] = ()
    unreadable: tuple[str, ...] = ()


async def read_risk(bus: Bus, account: str, day: str | None, *, longest_ms: Arg) -> RiskState:
    """Return the book without expired reservations, and the account's figures of ``day``.

    ``day`` is an ISO date.

    A reservation with more than ``longest_ms`` left counts as expired; an empty text sets no
    maximum.
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
    exposures: list[Exposure] = []
    unreadable: list[str] = []
    for name, payload in _by_name(book).items():
        found = _entry(payload, expiry.get(name))
        if found is None:
            unreadable.append(name)
            found = _with_end(_lost_everywhere(name, payload), expiry.get(name))
        exposures.append(found)
    exposures.sort(key=lambda exposure: (exposure.made_at, exposure.decision_id))
    risk = _day(day, _by_name(booked), streak) if day is not None else None
    own = tuple(exposure for exposure in exposures if exposure.account == account)
    others = tuple(exposure for exposure in exposures if exposure.account != account)
    return RiskState(int(revision), own, risk, run.decode(), others, tuple(unreadable))


async def newest_day(bus: Bus) -> str | None:
    """Return the newest betting day in the book (ISO date), None if there is none."""
    newest = await bus.redis.execute_command("GET", bus.keys.risk_day)
    return newest.decode() if newest is not None else None


def _by_name(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


# Few entries change between two looks at the book. The same objects also make the worst cases of
# their events known already.
@lru_cache(maxsize=4096)
def _entry(payload: bytes, ends_ms: bytes | None) -> Exposure | None:
    """Return the exposure of an entry, None if it cannot be read."""
    try:
        return _with_end(decode(Exposure, payload), ends_ms)
    except PoisonedPayloadError:
        return None


class _Remains(msgspec.Struct, frozen=True):
    """What can be read of an entry of any version."""

    event_uid: str = ""
    league: str = ""
    stake_minor: int = UNKNOWN_STAKE_MINOR
    made_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    account: str = ""


def _lost_everywhere(name: str, payload: bytes) -> Exposure:
    """Return what an entry that cannot be read puts at risk: its stake, else more than any cap."""
    try:
        found = decode(_Remains, payload)
    except PoisonedPayloadError:
        found = _Remains()
    # The name of a ticket that is not ours has the account in it: foreign:venue:name:key.
    of_foreign = ":".join(name.split(":")[1:3]) if name.startswith(FOREIGN_PREFIX) else ""
    return Exposure(
        decision_id=name,
        event_uid=found.event_uid or f"unreadable-{name}",
        league=found.league,
        market=None,
        outcome=None,
        stake_minor=max(found.stake_minor, 0),
        odds="",
        status=ExposureStatus.BET,
        made_at=found.made_at,
        account=found.account or of_foreign,
    )


def _with_end(exposure: Exposure, ends_ms: bytes | None) -> Exposure:
    """Return the exposure with status and end as the book has them, not the payload."""
    status = ExposureStatus.BET if ends_ms is None else ExposureStatus.RESERVED
    ends = from_ms(int(float(ends_ms))) if ends_ms is not None else None
    return msgspec.structs.replace(exposure, status=status, expires_at=ends)


def _day(day: str, booked: Mapping[str, bytes], streak: bytes | None) -> DayRisk:
    return DayRisk(
        day=day,
        pnl_minor=int(booked.get("pnl_minor", b"0")),
        staked_minor=int(booked.get("staked_minor", b"0")),
        streak=int(streak or b"0"),
        bets=int(booked.get("bets", b"0")),
    )
