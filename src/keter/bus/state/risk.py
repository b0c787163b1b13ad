"""The risk book: what is at risk, under one revision, so that nothing is reserved on a picture that
has changed.

A reservation ends by itself, by the server's clock, unless it becomes a bet. Every change raises
the revision; expiry does not, because it only lowers the risk. The book can be rebuilt from the
ledger at any time.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo

import msgspec

from keter.bus.codec import decode, encode
from keter.bus.connection import Arg, Bus
from keter.bus.errors import BusDataError
from keter.bus.keys import BETS_MS, DAY_RISK_MS
from keter.bus.locks import Held
from keter.bus.state.sent_lately import SentLately
from keter.clock import Clock, SystemClock, from_ms
from keter.domain.days import day_of
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus

LIFE_SLACK_MS = 5_000  # a small step of the server's clock must not end what is under way
NO_DAY = "none"  # stands for a day where a script needs a key and there is none
RELEASE_TRIES = 5  # a stake is booked once in its life, so the second look finds it
BOOKED_MEANWHILE = -1  # what the script of ``release`` says


class RiskState(msgspec.Struct, frozen=True):
    """The book at one moment.

    ``day`` is None when no betting day has been booked yet; ``run`` is whose book it is.
    """

    revision: int
    exposures: tuple[Exposure, ...]
    day: DayRisk | None
    run: str = ""


class RiskBook:
    """Reads and changes the book.

    ``clock`` measures how long a reservation is to last, ``zone`` is that of betting days;
    ``event_rest_s`` is how long an event rests from the moment a reservation on it becomes a bet.
    ``reservation_s`` is the longest that a reservation lasts: one with more left was made before
    the server's clock was set back, and counts as expired. Whoever reserves, and whoever makes bets
    of reservations, must both give it, so that what counts as expired becomes no bet. ``run`` is
    who writes: a reservation becomes a bet only in a book that was rebuilt by the same run.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        clock: Clock | None = None,
        zone: tzinfo = UTC,
        event_rest_s: float = 0,
        reservation_s: float | None = None,
        run: str = "",
    ) -> None:
        self._run = run
        self._bus = bus
        self._clock = clock or SystemClock()
        self._zone = zone
        self._event_rest_ms = round(event_rest_s * 1000)
        self._longest_ms: Arg = (
            "" if reservation_s is None else round(reservation_s * 1000) + LIFE_SLACK_MS
        )
        self._sent = SentLately(BETS_MS / 1000)

    async def read(self, day: str | None = None) -> RiskState:
        """The book without expired reservations, and ``day`` (default: the newest day booked)."""
        keys = self._bus.keys
        if day is None:
            day = await self._newest_day()
        script_keys = [
            keys.risk_revision,
            keys.risk_exposure,
            keys.risk_expiry,
            keys.risk_streak,
            keys.daily_pnl(day or NO_DAY),
            keys.risk_run,
        ]
        revision, book, ends, streak, booked, run = await self._bus.redis.run(
            "risk_read", script_keys, [self._longest_ms]
        )
        expiry = _by_name(ends)
        exposures = [
            _exposure(payload, expiry.get(name)) for name, payload in _by_name(book).items()
        ]
        exposures.sort(key=lambda exposure: (exposure.made_at, exposure.decision_id))
        self._sent.see_book(exposures, self._clock.monotonic())
        risk = _day(day, _by_name(booked), streak) if day is not None else None
        return RiskState(int(revision), tuple(exposures), risk, run.decode())

    async def reserve(self, exposure: Exposure, *, revision: int, lease: Held) -> bool:
        """Put a reservation into the book that was read at ``revision``.

        False when the book has changed since, or ``lease`` is not held any more: read and decide
        again. The same decision is reserved once, however often it is asked for. ``expires_at``
        must be set.
        """
        keys = [*self._changing, lease.key]
        left_ms = self._left_ms(exposure.expires_at)
        args: list[Arg] = [
            exposure.decision_id,
            encode(exposure),
            left_ms,
            revision,
            lease.value,
            self._longest_ms,
        ]
        made = bool(await self._bus.redis.run("risk_reserve", keys, args))
        if made:
            self._sent.reserved(exposure.decision_id)
        return made

    async def refresh(self, decision_id: str, expires_at: datetime) -> bool:
        """Move the end of a standing reservation; False when there is none."""
        args: list[Arg] = [decision_id, self._left_ms(expires_at), self._longest_ms]
        return bool(await self._bus.redis.run("risk_refresh", list(self._changing), args))

    async def convert(self, decision_id: str, *, day: str | None = None) -> bool:
        """Make a reservation a bet, which does not expire, and books its stake on ``day``
        (default: the newest day).

        From here on it counts for the throttle and its event rests: there is no moment in which it
        is neither reserved nor about to be sent. Once it is a bet, True again. False when it has
        expired or was never made: then nothing may be placed.
        """
        payload = await self._bus.redis.execute_command(
            "HGET", self._bus.keys.risk_exposure, decision_id
        )
        if payload is None:
            return False
        exposure = decode(Exposure, payload)
        day = day or await self._newest_day() or day_of(exposure.made_at, self._zone)
        names, rest = self._bus.keys, self._bus.keys.cooldown_event(exposure.event_uid)
        keys = [
            *self._changing,
            names.daily_pnl(day),
            names.risk_day,
            names.risk_bets,
            rest,
            names.risk_run,
        ]
        lives: list[Arg] = [DAY_RISK_MS, BETS_MS, self._event_rest_ms, self._longest_ms]
        args: list[Arg] = [decision_id, exposure.stake_minor, day, *lives, self._run]
        return bool(await self._bus.redis.run("risk_convert", keys, args))

    async def release(self, decision_id: str) -> None:
        """Take a reservation, or a bet that was refused, out of the book and its stake off its
        day; unknown is no error.

        Raises BusDataError where the stake is booked on another day at every look.
        """
        # The script has to be told the day's key before. A router whose lease is just ending may
        # book the stake between the question and the script; then the script changes nothing, and
        # the question is asked again.
        for _ in range(RELEASE_TRIES):
            booked = await self._bus.redis.execute_command(
                "HGET", self._bus.keys.risk_booked, decision_id
            )
            day = booked.decode().partition("|")[0] if booked is not None else NO_DAY
            keys = [*self._changing, self._bus.keys.daily_pnl(day)]
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
        """Take a bet out of the book and books its result on ``day``, once; False when it is not
        in the book (any more).

        ``lost`` (half lost included) lengthens the losing streak, a profit ends it, anything else
        leaves it alone. Of what is no first settlement in its order, ``streak_change`` says what it
        does to the streak instead.
        """
        keys = [
            *self._changing,
            self._bus.keys.daily_pnl(day),
            self._bus.keys.risk_day,
            self._bus.keys.risk_streak,
        ]
        change: Arg = "" if streak_change is None else streak_change
        args: list[Arg] = [decision_id, pnl_minor, int(lost), day, DAY_RISK_MS, change]
        return bool(await self._bus.redis.run("risk_settle", keys, args))

    async def forget_streak(self, *, lease: Held, revision: int) -> bool:
        """Count losses in a row from zero again; False when the book has changed since
        ``revision``, or the lease is lost.
        """
        keys = [self._bus.keys.risk_revision, lease.key, self._bus.keys.risk_streak]
        return bool(await self._bus.redis.run("risk_streak", keys, [revision, lease.value]))

    async def rebuild(
        self,
        exposures: Sequence[Exposure],
        day: DayRisk,
        *,
        lease: Held,
        revision: int | None = None,
        booked: Mapping[str, int] | None = None,
    ) -> bool:
        """Replace everything by what the ledger knows.

        Reservations not mentioned are dropped.

        ``booked`` are the stakes, by decision, that ``day`` counts: what is released later is taken
        off it by these alone.

        Read the book first, then the ledger, and pass the ``revision`` that was read: False when a
        settlement or placement came in between, or the lease is lost. None replaces it whatever
        happened.
        """
        names = self._bus.keys
        keys = [
            *self._changing,
            lease.key,
            names.daily_pnl(day.day),
            names.risk_day,
            names.risk_streak,
            names.risk_run,
        ]
        figures = (day.day, day.pnl_minor, day.staked_minor, day.bets, day.streak)
        args: list[Arg] = [
            "" if revision is None else revision,
            lease.value,
            *figures,
            DAY_RISK_MS,
            self._run,
        ]
        for exposure in exposures:
            reserved = exposure.status is ExposureStatus.RESERVED
            left = self._left_ms(exposure.expires_at) if reserved else ""
            counted = (booked or {}).get(exposure.decision_id)
            args += (
                exposure.decision_id,
                encode(exposure),
                left,
                f"{day.day}|{counted}" if counted is not None else "",
            )
        return bool(await self._bus.redis.run("risk_rebuild", keys, args))

    async def note_bet(self, decision_id: str) -> None:
        """The bet has been sent: for the throttle it counts from now, by the server's time, instead
        of from its conversion.
        """
        now_ms = await self._bus.now_ms()
        async with self._bus.redis.batch(atomic=True) as batch:
            batch.zadd(self._bus.keys.risk_bets, {decision_id: now_ms})
            batch.zremrangebyscore(self._bus.keys.risk_bets, "-inf", now_ms - BETS_MS)
            batch.pexpire(self._bus.keys.risk_bets, BETS_MS)
            await batch.execute()

    async def bets_in_window(self, window_s: float) -> int:
        """Bets sent or about to be sent within the last ``window_s`` seconds, an hour at most.

        What this process has seen counts on through a step of the server's clock, whichever way,
        and through its loss. A bet noted in the future, before that clock was set back, counts from
        when it was first seen.
        """
        server_ms = await self._bus.now_ms()
        since = f"({server_ms - round(window_s * 1000)}"
        book = self._bus.keys.risk_bets
        flat = await self._bus.redis.execute_command(
            "ZRANGEBYSCORE", book, since, "+inf", "WITHSCORES"
        )
        notes = {name: float(at_ms) for name, at_ms in _by_name(flat).items()}
        now_s = self._clock.monotonic()
        self._sent.see_notes(notes, server_ms, now_s)
        return self._sent.count(window_s, now_s)

    @property
    def _changing(self) -> tuple[str, str, str, str]:
        keys = self._bus.keys
        return keys.risk_revision, keys.risk_exposure, keys.risk_expiry, keys.risk_booked

    async def _newest_day(self) -> str | None:
        newest = await self._bus.redis.execute_command("GET", self._bus.keys.risk_day)
        return newest.decode() if newest is not None else None

    def _left_ms(self, expires_at: datetime | None) -> int:
        if expires_at is None:
            raise ValueError("a reservation needs expires_at")
        return round((expires_at - self._clock.now()).total_seconds() * 1000)


def _by_name(flat: Sequence[bytes]) -> dict[str, bytes]:
    return {flat[i].decode(): flat[i + 1] for i in range(0, len(flat), 2)}


def _exposure(payload: bytes, ends_ms: bytes | None) -> Exposure:
    """Status and end are the book's, not those of the payload."""
    status = ExposureStatus.BET if ends_ms is None else ExposureStatus.RESERVED
    ends = from_ms(int(float(ends_ms))) if ends_ms is not None else None
    return msgspec.structs.replace(decode(Exposure, payload), status=status, expires_at=ends)


def _day(day: str, booked: dict[str, bytes], streak: bytes | None) -> DayRisk:
    return DayRisk(
        day=day,
        pnl_minor=int(booked.get("pnl_minor", b"0")),
        staked_minor=int(booked.get("staked_minor", b"0")),
        streak=int(streak or b"0"),
        bets=int(booked.get("bets", b"0")),
    )
