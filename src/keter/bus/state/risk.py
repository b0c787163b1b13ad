"""The risk book: what is at risk, under one revision.

A reservation is made only at the revision that its decision was based on. It ends by itself, by the
server's clock, unless it becomes a bet. Every change raises the revision; expiry does not, because
it only lowers the risk. The book can be rebuilt from the ledger at any time.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from keter.bus.codec import decode, encode
from keter.bus.connection import Arg, Bus
from keter.bus.errors import BusDataError
from keter.bus.keys import BETS_MS, DAY_RISK_MS
from keter.bus.locks import Held
from keter.bus.state.bet_throttle import BetThrottle
from keter.bus.state.risk_state import NO_DAY, RiskState, newest_day, read_risk
from keter.clock import Clock, SystemClock
from keter.domain.days import day_of
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus

LIFE_SLACK_MS = 5_000  # a small step of the server's clock must not end a live reservation
RELEASE_TRIES = 5  # a stake is booked once in its life, so the second try finds it
BOOKED_MEANWHILE = -1  # what the script of ``release`` returns


class AccountDay(NamedTuple):
    """The betting day of one account."""

    account: str
    day: DayRisk


class RiskBook:
    """Read and change the book for one account.

    * ``clock`` measures how long a reservation lasts.
    * ``zone`` is the time zone of betting days.
    * ``event_cooldown_s`` is the cooldown of an event from the moment a bet on it is certain.
    * ``reservation_s`` is the longest that a reservation lasts. With more left it was made before
      the server's clock was set back, and counts as expired. Guard and router must both give it, so
      that what counts as expired becomes no bet.
    * ``run`` is the mark of the writer's run. A reservation becomes a bet only in a book that the
      same run has rebuilt.
    """

    def __init__(
        self,
        bus: Bus,
        account: str,
        *,
        clock: Clock | None = None,
        zone: tzinfo = UTC,
        event_cooldown_s: float = 0,
        reservation_s: float | None = None,
        run: str = "",
    ) -> None:
        self._run = run
        self._bus = bus
        self._account = account
        self._clock = clock or SystemClock()
        self._zone = zone
        self._event_cooldown_ms = round(event_cooldown_s * 1000)
        self._longest_ms: Arg = (
            "" if reservation_s is None else round(reservation_s * 1000) + LIFE_SLACK_MS
        )
        self._throttle = BetThrottle(bus, self._clock, account)

    async def read(self, day: str | None = None) -> RiskState:
        """Return the book without expired reservations, and the figures of ``day`` (ISO date).

        The default is the newest day booked.
        """
        if day is None:
            day = await newest_day(self._bus)
        state = await read_risk(self._bus, self._account, day, longest_ms=self._longest_ms)
        self._throttle.see_book(state.exposures)
        return state

    async def reserve(self, exposure: Exposure, *, revision: int, lease: Held) -> bool:
        """Put a reservation into the book that was read at ``revision``.

        Return False if the book has changed since, or ``lease`` is lost: read and decide again.
        A decision is reserved once, however often this is called. ``expires_at`` must be set.
        """
        keys = [*self._changing, lease.key]
        args: list[Arg] = [
            exposure.decision_id,
            encode(exposure),
            left_ms(exposure.expires_at, self._clock),
            revision,
            lease.value,
            self._longest_ms,
        ]
        made = bool(await self._bus.redis.run("risk_reserve", keys, args))
        if made:
            self._throttle.reserved(exposure.decision_id)
        return made

    async def refresh(self, decision_id: str, expires_at: datetime) -> bool:
        """Move the end of a reservation; return False if there is none."""
        args: list[Arg] = [decision_id, left_ms(expires_at, self._clock), self._longest_ms]
        return bool(await self._bus.redis.run("risk_refresh", list(self._changing), args))

    async def convert(self, decision_id: str, *, day: str | None = None) -> bool:
        """Make a reservation a bet, which does not expire, and book its stake on ``day``.

        The default is the newest day. In the same step it counts for the throttle and the cooldown
        of its event begins. Return True again if it is a bet already. Return False if it has
        expired or was never made: then nothing may be placed.
        """
        payload = await self._bus.redis.execute_command(
            "HGET", self._bus.keys.risk_exposure, decision_id
        )
        if payload is None:
            return False
        exposure = decode(Exposure, payload)
        day = day or await newest_day(self._bus) or day_of(exposure.made_at, self._zone)
        names = self._bus.keys
        keys = [
            *self._changing,
            names.daily_pnl(day, self._account),
            names.risk_day,
            names.risk_bets(self._account),
            names.cooldown_event(exposure.event_uid, self._account),
            names.risk_run,
        ]
        lives: list[Arg] = [DAY_RISK_MS, BETS_MS, self._event_cooldown_ms, self._longest_ms]
        args: list[Arg] = [decision_id, exposure.stake_minor, day, *lives, self._run]
        return bool(await self._bus.redis.run("risk_convert", keys, args))

    async def release(self, decision_id: str) -> None:
        """Remove a reservation or a refused bet from the book, and its stake from its day.

        An unknown decision is no error. Raises BusDataError if the stake is booked on another day
        at every try.
        """
        # The script needs the key of the day beforehand. A router whose lease is just ending may
        # book the stake between the read and the script. The script then changes nothing, and the
        # day is read again.
        for _ in range(RELEASE_TRIES):
            booked = await self._bus.redis.execute_command(
                "HGET", self._bus.keys.risk_booked, decision_id
            )
            day = booked.decode().partition("|")[0] if booked is not None else NO_DAY
            keys = [*self._changing, self._bus.keys.daily_pnl(day, self._account)]
            if (
                await self._bus.redis.run("risk_release", keys, [decision_id, day])
                != BOOKED_MEANWHILE
            ):
                return
        raise BusDataError(
            f"the stake of decision {decision_id} is booked on another day at every look"
        )

    async def settle(
        self,
        decision_id: str,
        *,
        day: str,
        pnl_minor: int,
        lost: bool,
        streak_change: int | None = None,
    ) -> bool:
        """Remove a bet from the book and book its result on ``day``, once.

        Return False if the bet is not in the book. ``lost`` (half lost included) lengthens the
        losing streak; a profit ends it; anything else leaves it as it is. ``streak_change`` is
        given for a settlement out of order: it is added to the streak instead.
        """
        keys = [
            *self._changing,
            self._bus.keys.daily_pnl(day, self._account),
            self._bus.keys.risk_day,
            self._bus.keys.risk_streak(self._account),
        ]
        change: Arg = "" if streak_change is None else streak_change
        args: list[Arg] = [decision_id, pnl_minor, int(lost), day, DAY_RISK_MS, change]
        return bool(await self._bus.redis.run("risk_settle", keys, args))

    async def forget_streak(self, *, lease: Held, revision: int) -> bool:
        """Set the losing streak to zero.

        Return False if the book has changed since ``revision``, or the lease is lost.
        """
        keys = [self._bus.keys.risk_revision, lease.key, self._bus.keys.risk_streak(self._account)]
        return bool(await self._bus.redis.run("risk_streak", keys, [revision, lease.value]))

    async def note_bet(self, decision_id: str) -> None:
        """Note that the bet has been sent.

        For the throttle it counts from now, by the server's clock, instead of from its conversion.
        """
        await self._throttle.note_bet(decision_id)

    async def bets_in_window(self, window_s: float) -> int:
        """Return the bets sent or about to be sent within ``window_s`` seconds, at most an hour."""
        return await self._throttle.bets_in_window(window_s)

    @property
    def _changing(self) -> tuple[str, str, str, str]:
        return _changing(self._bus)


def _changing(bus: Bus) -> tuple[str, str, str, str]:
    """Return the keys that every change of the book is about."""
    keys = bus.keys
    return keys.risk_revision, keys.risk_exposure, keys.risk_expiry, keys.risk_booked


def left_ms(expires_at: datetime | None, clock: Clock) -> int:
    """Return the milliseconds until a reservation ends. Raises ValueError if it has no end."""
    if expires_at is None:
        raise ValueError("a reservation needs expires_at")
    return round((expires_at - clock.now()).total_seconds() * 1000)


async def rebuild_book(
    bus: Bus,
    exposures: Sequence[Exposure],
    days: Sequence[AccountDay],
    *,
    lease: Held,
    clock: Clock,
    revision: int | None = None,
    booked: Mapping[str, int] | None = None,
    run: str = "",
) -> bool:
    """Replace the whole book, of all accounts, by what the ledger knows.

    Reservations that are not among ``exposures`` are dropped. ``days`` are all of one date.
    ``booked`` are the stakes by decision that they count: a later release takes only these off.

    Read the book first, then the ledger, and pass the ``revision`` that was read. Return False
    if the book has changed since, or the lease is lost. ``revision`` None replaces the book
    whatever its revision is.
    """
    names, date = bus.keys, days[0].day.day
    keys = [*_changing(bus), lease.key, names.risk_day, names.risk_run]
    args: list[Arg] = ["" if revision is None else revision, lease.value, date, DAY_RISK_MS, run]
    args.append(len(days))
    for account, day in days:
        keys += (names.daily_pnl(date, account), names.risk_streak(account))
        args += (day.pnl_minor, day.staked_minor, day.bets, day.streak)
    for exposure in exposures:
        reserved = exposure.status is ExposureStatus.RESERVED
        counted = (booked or {}).get(exposure.decision_id)
        args += (exposure.decision_id, encode(exposure))
        args.append(left_ms(exposure.expires_at, clock) if reserved else "")
        args.append(f"{date}|{counted}" if counted is not None else "")
    return bool(await bus.redis.run("risk_rebuild", keys, args))


class Booking(NamedTuple):
    """The stake of a bet in minor units, and the betting day (ISO date) on which it counts."""

    day: str
    stake_minor: int


async def put_bet(bus: Bus, exposure: Exposure, booking: Booking | None = None) -> bool:
    """Write a bet that the venue shows into the book, and its stake on its day.

    For exposure that nobody reserved: foreign tickets, other stakes than asked for, a book lost
    with Redis. Without a ``booking`` no day changes, as for foreign bets. Return False if book and
    day held just this already. Raises ValueError for a reservation.
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
        names.daily_pnl(day, exposure.account),
    ]
    args: list[Arg] = [exposure.decision_id, encode(exposure), stake_minor, day, DAY_RISK_MS]
    return bool(await bus.redis.run("risk_put", keys, args))
