"""The risk book: revisions, expiry by the server's clock, conversion, settlement once."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keter.bus.connection import Bus, connect
from keter.bus.locks import Held, Locks
from keter.bus.state.cooldowns import cool_down, cooling
from keter.bus.state.risk import AccountDay, Booking, RiskBook, put_bet, rebuild_book
from keter.bus.state.risk_state import RiskState
from keter.clock import SystemClock
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus
from keter.domain.market_kinds import Outcome
from keter.domain.markets import parse_market
from keter.domain.verdicts import Reason
from tests.kit.execution import ACCOUNT
from tests.kit.support import RedisServer, eventually

DAY = "2026-02-21"
EVENT = "fb-20260221-a-v-b"


def reservation(
    decision_id: str, *, stake: int = 1_000, lasts_s: float = 60, account: str = ACCOUNT
) -> Exposure:
    now = datetime.now(UTC)
    return Exposure(
        decision_id=decision_id,
        event_uid=EVENT,
        league="League",
        market=parse_market("fb", "ft.1x2"),
        outcome=Outcome.HOME,
        stake_minor=stake,
        odds="2.10",
        status=ExposureStatus.RESERVED,
        made_at=now,
        expires_at=now + timedelta(seconds=lasts_s),
        account=account,
    )


async def rebuild(
    bus: Bus,
    exposures: Sequence[Exposure],
    day: DayRisk,
    lease: Held,
    revision: int,
    *,
    booked: Mapping[str, int] | None = None,
) -> bool:
    """Rebuild the book of the one account."""
    return await rebuild_book(
        bus,
        exposures,
        [AccountDay(ACCOUNT, day)],
        lease=lease,
        clock=SystemClock(),
        revision=revision,
        booked=booked,
    )


async def guard_lease(bus: Bus) -> Held:
    held = await Locks(bus).acquire(bus.keys.lease("guard"), 60)
    assert held is not None
    return held


async def reserve(book: RiskBook, lease: Held, exposure: Exposure) -> RiskState:
    assert await book.reserve(exposure, revision=(await book.read()).revision, lease=lease)
    return await book.read()


def ids(state: RiskState) -> list[str]:
    return [exposure.decision_id for exposure in state.exposures]


async def test_an_empty_book_reads_as_such(bus: Bus) -> None:
    assert await RiskBook(bus, ACCOUNT).read() == RiskState(0, (), None)


async def test_a_reservation_needs_the_revision_that_was_read(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    assert await book.reserve(reservation("d1"), revision=0, lease=lease)
    assert not await book.reserve(reservation("d2"), revision=0, lease=lease)
    state = await book.read()
    assert (state.revision, ids(state)) == (1, ["d1"])
    assert state.exposures[0].status is ExposureStatus.RESERVED


async def test_asking_twice_for_the_same_decision_reserves_once(bus: Bus) -> None:
    """The reply to the first asking may have been lost."""
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    assert await book.reserve(reservation("d1"), revision=0, lease=lease)
    assert await book.reserve(reservation("d1"), revision=0, lease=lease)
    assert (await book.read()).revision == 1


async def test_of_concurrent_reservations_on_one_picture_exactly_one_passes(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    for turn in range(10):
        revision = (await book.read()).revision
        tries = [
            book.reserve(reservation(f"d{turn}.{n}"), revision=revision, lease=lease)
            for n in range(12)
        ]
        assert sum(await asyncio.gather(*tries)) == 1
    assert len((await book.read()).exposures) == 10


async def test_an_expired_reservation_is_gone_by_the_servers_clock(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    await reserve(book, lease, reservation("short", lasts_s=0.5))
    await reserve(book, lease, reservation("long"))

    async def only_long() -> bool:
        return ids(await book.read()) == ["long"]

    await eventually(only_long)
    assert not await book.convert("short", day=DAY)
    assert not await book.refresh("short", datetime.now(UTC) + timedelta(seconds=60))
    assert await book.reserve(
        reservation("short"), revision=(await book.read()).revision, lease=lease
    )
    assert await bus.redis.hlen(bus.keys.risk_exposure) == 2


async def test_what_has_expired_is_swept_out_by_the_next_reservation(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    await reserve(book, lease, reservation("short", lasts_s=0.5))

    async def empty() -> bool:
        return not (await book.read()).exposures

    await eventually(empty)
    await reserve(book, lease, reservation("next"))
    assert await bus.redis.hlen(bus.keys.risk_exposure) == 1
    assert await bus.redis.zcard(bus.keys.risk_expiry) == 1


async def test_a_reservation_needs_an_end_in_the_future(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    with pytest.raises(ValueError, match="expires_at"):
        await book.reserve(
            msgspec.structs.replace(reservation("d"), expires_at=None), revision=0, lease=lease
        )
    assert not await book.reserve(reservation("d", lasts_s=-1), revision=0, lease=lease)
    assert (await book.read()).exposures == ()


async def test_a_refreshed_reservation_lasts_longer_and_raises_the_revision(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    before = await reserve(book, lease, reservation("d1", lasts_s=5))
    assert await book.refresh("d1", datetime.now(UTC) + timedelta(seconds=100))
    after = await book.read()
    assert after.revision == before.revision + 1
    assert after.exposures[0].expires_at is not None
    assert before.exposures[0].expires_at is not None
    assert after.exposures[0].expires_at - before.exposures[0].expires_at > timedelta(seconds=90)


async def test_a_bet_does_not_expire_and_its_stake_is_booked_once(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    await reserve(book, lease, reservation("d1", stake=2_500, lasts_s=0.4))
    assert await book.convert("d1", day=DAY)
    assert await book.convert("d1", day=DAY)
    state = await book.read()
    assert state.exposures[0].status is ExposureStatus.BET
    assert state.exposures[0].expires_at is None
    assert state.day == DayRisk(DAY, staked_minor=2_500, bets=1)
    assert await bus.redis.zcard(bus.keys.risk_expiry) == 0
    assert not await book.refresh("d1", datetime.now(UTC) + timedelta(seconds=9))


async def test_an_unknown_decision_cannot_become_a_bet(bus: Bus) -> None:
    assert not await RiskBook(bus, ACCOUNT).convert("nobody")


async def test_a_released_bet_gives_its_stake_back_to_its_day(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    await reserve(book, lease, reservation("d1"))
    await reserve(book, lease, reservation("d2", stake=700))
    assert await book.convert("d1", day=DAY)
    assert await book.convert("d2", day=DAY)
    await book.release("d1")
    await book.release("d1")
    await book.release("never heard of")
    state = await book.read()
    assert ids(state) == ["d2"]
    assert state.day == DayRisk(DAY, staked_minor=700, bets=1)


async def test_settling_counts_once(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    await reserve(book, lease, reservation("d1"))
    await book.convert("d1", day=DAY)
    assert await book.settle("d1", day=DAY, pnl_minor=-1_000, lost=True)
    assert not await book.settle("d1", day=DAY, pnl_minor=-1_000, lost=True)
    state = await book.read()
    assert state.exposures == ()
    assert state.day == DayRisk(DAY, pnl_minor=-1_000, staked_minor=1_000, streak=1, bets=1)


async def test_many_that_settle_the_same_bet_at_once_book_it_once(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    await reserve(book, lease, reservation("d1"))
    await book.convert("d1", day=DAY)
    answers = await asyncio.gather(
        *[book.settle("d1", day=DAY, pnl_minor=900, lost=False) for _ in range(20)]
    )
    assert sum(answers) == 1
    state = await book.read()
    assert state.day is not None
    assert state.day.pnl_minor == 900


@pytest.mark.parametrize(
    ("results", "streak"),
    [
        ([(-1, True)] * 3, 3),
        ([(-1, True), (0, False), (-1, True)], 2),
        ([(-1, True), (5, False)], 0),
        ([(5, False), (-1, True)], 1),
    ],
)
async def test_the_streak_counts_losses_and_only_a_profit_ends_it(
    bus: Bus, results: list[tuple[int, bool]], streak: int
) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    for n, (pnl, lost) in enumerate(results):
        await reserve(book, lease, reservation(f"d{n}"))
        await book.convert(f"d{n}", day=DAY)
        await book.settle(f"d{n}", day=DAY, pnl_minor=pnl, lost=lost)
    state = await book.read()
    assert state.day is not None
    assert state.day.streak == streak


async def test_a_new_day_starts_at_zero_and_keeps_the_streak(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    for n, day in enumerate(["2026-02-21", "2026-02-22", "2026-02-21"]):
        await reserve(book, lease, reservation(f"d{n}"))
        await book.convert(f"d{n}", day=day)
        await book.settle(f"d{n}", day=day, pnl_minor=-100, lost=True)
    newest = (await book.read()).day
    assert newest == DayRisk("2026-02-22", pnl_minor=-100, staked_minor=1_000, streak=3, bets=1)
    assert (await book.read("2026-02-21")).day == DayRisk(
        "2026-02-21", pnl_minor=-200, staked_minor=2_000, streak=3, bets=2
    )
    assert (await book.read("2026-02-23")).day == DayRisk("2026-02-23", streak=3)


async def test_a_rebuild_replaces_everything_unless_something_came_in_between(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    before = await reserve(book, lease, reservation("gone"))
    bet = msgspec.structs.replace(reservation("bet"), status=ExposureStatus.BET, expires_at=None)
    day = DayRisk(DAY, pnl_minor=-5, staked_minor=6, streak=2, bets=7)
    await reserve(book, lease, reservation("in between"))
    assert not await rebuild(bus, [bet], day, lease, before.revision)
    now = await book.read()
    assert await rebuild(bus, [bet, reservation("kept")], day, lease, now.revision)
    after = await book.read()
    assert {e.decision_id: e.status for e in after.exposures} == {
        "bet": ExposureStatus.BET,
        "kept": ExposureStatus.RESERVED,
    }
    assert after.day == day
    assert after.revision == now.revision + 1


async def test_a_stake_booked_while_it_is_released_comes_off_its_day_too(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two routers for a moment: the one ends what the other, whose lease has just gone, is still
    making a bet.
    """
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    await reserve(book, lease, reservation("d1"))
    ask, booked = bus.redis.execute_command, bus.keys.risk_booked

    async def and_then_it_is_converted(*command: Any) -> Any:
        answer = await ask(*command)
        if command[:2] == ("HGET", booked):
            monkeypatch.setattr(bus.redis, "execute_command", ask)
            assert await book.convert("d1", day=DAY)
        return answer

    monkeypatch.setattr(bus.redis, "execute_command", and_then_it_is_converted)
    await book.release("d1")
    state = await book.read(DAY)
    assert (ids(state), state.day) == ([], DayRisk(DAY))


async def test_after_a_rebuild_a_release_takes_off_the_day_what_the_day_counts_and_nothing_else(
    bus: Bus,
) -> None:
    """A foreign ticket was never among the day's stakes, and of a bet booked in part only that
    part.
    """
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    bets = [
        msgspec.structs.replace(
            reservation(name, stake=stake), status=ExposureStatus.BET, expires_at=None
        )
        for name, stake in (("ours", 1_500), ("foreign:t1", 5_000))
    ]
    day = DayRisk(DAY, staked_minor=2_900, bets=3)
    assert await rebuild(bus, bets, day, lease, 0, booked={"ours": 900})
    await book.release("foreign:t1")
    assert (await book.read()).day == day
    await book.release("ours")
    assert (await book.read()).day == DayRisk(DAY, staked_minor=2_000, bets=2)


async def test_a_streak_is_forgotten_alone_and_only_as_it_was_read_and_by_the_guard(
    bus: Bus,
) -> None:
    book, lease = RiskBook(bus, ACCOUNT), await guard_lease(bus)
    await reserve(book, lease, reservation("d1"))
    await book.convert("d1", day=DAY)
    await reserve(book, lease, reservation("d2"))
    await book.settle("d2", day=DAY, pnl_minor=-100, lost=True)
    before = await book.read()
    assert not await book.forget_streak(lease=lease, revision=before.revision - 1)
    assert not await book.forget_streak(
        lease=msgspec.structs.replace(lease, token="another"), revision=before.revision
    )
    assert (await book.read()) == before
    assert await book.forget_streak(lease=lease, revision=before.revision)
    after = await book.read()
    assert after.day is not None and before.day is not None
    assert (after.day, after.exposures) == (
        msgspec.structs.replace(before.day, streak=0),
        before.exposures,
    )
    await book.release("d1")
    assert (await book.read()).day == DayRisk(DAY, pnl_minor=-100)


async def test_the_throttle_counts_bets_of_the_window(bus: Bus) -> None:
    book = RiskBook(bus, ACCOUNT)
    for number in range(3):
        await book.note_bet(f"d{number}")
    await bus.redis.zadd(bus.keys.risk_bets(ACCOUNT), {"old": await bus.now_ms() - 20_000})
    assert await book.bets_in_window(12) == 3
    assert await book.bets_in_window(30) == 4
    await bus.redis.zadd(bus.keys.risk_bets(ACCOUNT), {"older": await bus.now_ms() - 4_000_000})
    await book.note_bet("d3")
    assert await bus.redis.zcard(bus.keys.risk_bets(ACCOUNT)) == 5


async def test_a_bet_counts_for_the_throttle_and_its_event_rests_from_its_conversion_on(
    bus: Bus,
) -> None:
    book, lease = RiskBook(bus, ACCOUNT, event_cooldown_s=60), await guard_lease(bus)
    await reserve(book, lease, reservation("d1"))
    assert (await book.bets_in_window(12), await cooling(bus, ACCOUNT, EVENT, "ft.1x2.home")) == (
        0,
        None,
    )
    assert await book.convert("d1", day=DAY)
    assert (await book.bets_in_window(12), await cooling(bus, ACCOUNT, EVENT, "ft.1x2.home")) == (
        1,
        Reason.COOLDOWN_EVENT,
    )
    await book.note_bet("d1")
    assert await book.bets_in_window(12) == 1, "one bet, however often it is told of"


async def test_a_conversion_does_not_shorten_a_rest_under_way(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT, event_cooldown_s=5), await guard_lease(bus)
    await cool_down(bus, ACCOUNT, event_uid=EVENT, seconds=600, reason="longer")
    await reserve(book, lease, reservation("d1"))
    assert await book.convert("d1", day=DAY)
    assert await bus.redis.pttl(bus.keys.cooldown_event(EVENT, ACCOUNT)) > 500_000


# Two accounts in one book

OTHER = "asianodds:ANOTHER"


async def test_what_one_account_reserves_is_of_others_for_the_other(bus: Bus) -> None:
    mine, theirs, lease = RiskBook(bus, ACCOUNT), RiskBook(bus, OTHER), await guard_lease(bus)
    await reserve(mine, lease, reservation("m1"))
    await reserve(theirs, lease, reservation("t1", account=OTHER))
    one, other = await mine.read(), await theirs.read()
    assert (ids(one), [found.decision_id for found in one.of_others]) == (["m1"], ["t1"])
    assert (ids(other), [found.decision_id for found in other.of_others]) == (["t1"], ["m1"])
    assert one.revision == other.revision == 2


async def test_the_accounts_share_the_revision_under_which_a_reservation_is_made(bus: Bus) -> None:
    mine, theirs, lease = RiskBook(bus, ACCOUNT), RiskBook(bus, OTHER), await guard_lease(bus)
    read = (await mine.read()).revision
    assert await theirs.reserve(reservation("t1", account=OTHER), revision=read, lease=lease)
    assert not await mine.reserve(reservation("m1"), revision=read, lease=lease)


async def test_day_streak_and_throttle_of_one_account_are_untouched_by_the_other(
    bus: Bus,
) -> None:
    mine, theirs, lease = RiskBook(bus, ACCOUNT), RiskBook(bus, OTHER), await guard_lease(bus)
    await reserve(mine, lease, reservation("m1", stake=1_500))
    assert await mine.convert("m1", day=DAY)
    assert await mine.settle("m1", day=DAY, pnl_minor=-1_500, lost=True)
    await reserve(mine, lease, reservation("m2", stake=700))
    assert await mine.convert("m2", day=DAY)
    assert (await theirs.read(DAY)).day == DayRisk(DAY)
    assert await theirs.bets_in_window(60) == 0
    await reserve(theirs, lease, reservation("t1", account=OTHER))
    assert await theirs.convert("t1", day=DAY)
    assert await theirs.settle("t1", day=DAY, pnl_minor=900, lost=False)
    mine_now = await mine.read(DAY)
    assert mine_now.day == DayRisk(DAY, pnl_minor=-1_500, staked_minor=2_200, streak=1, bets=2), (
        "the other's profit ends no streak of ours"
    )
    assert (await theirs.read(DAY)).day == DayRisk(DAY, pnl_minor=900, staked_minor=1_000, bets=1)
    assert await theirs.forget_streak(lease=lease, revision=mine_now.revision)
    after = (await mine.read(DAY)).day
    assert after is not None
    assert after.streak == 1
    assert (await mine.bets_in_window(60), await theirs.bets_in_window(60)) == (2, 1)


async def test_a_conversion_begins_the_rest_of_the_event_on_its_account_alone(bus: Bus) -> None:
    book, lease = RiskBook(bus, ACCOUNT, event_cooldown_s=60), await guard_lease(bus)
    await reserve(book, lease, reservation("d1"))
    assert await book.convert("d1", day=DAY)
    assert await cooling(bus, ACCOUNT, EVENT, "ft.1x2.home") is Reason.COOLDOWN_EVENT
    assert await cooling(bus, OTHER, EVENT, "ft.1x2.home") is None


async def test_a_bet_that_the_venue_shows_is_booked_on_the_day_of_its_account(bus: Bus) -> None:
    await bus.redis.set(bus.keys.risk_day, DAY)
    bet = msgspec.structs.replace(
        reservation("t1", account=OTHER), status=ExposureStatus.BET, expires_at=None
    )
    assert await put_bet(bus, bet, Booking(DAY, 1_000))
    assert (await RiskBook(bus, OTHER).read()).day == DayRisk(DAY, staked_minor=1_000, bets=1)
    mine = await RiskBook(bus, ACCOUNT).read()
    assert (mine.day, mine.exposures, ids(await RiskBook(bus, OTHER).read())) == (
        DayRisk(DAY),
        (),
        ["t1"],
    )


async def test_one_rebuild_replaces_the_book_and_the_days_of_both_accounts(bus: Bus) -> None:
    mine, theirs, lease = RiskBook(bus, ACCOUNT), RiskBook(bus, OTHER), await guard_lease(bus)
    for book, name, account in ((mine, "m0", ACCOUNT), (theirs, "t0", OTHER)):
        await reserve(book, lease, reservation(name, account=account))
        assert await book.convert(name, day=DAY)
    bets = [
        msgspec.structs.replace(
            reservation(name, account=account), status=ExposureStatus.BET, expires_at=None
        )
        for name, account in (("m1", ACCOUNT), ("t1", OTHER))
    ]
    days = [
        AccountDay(ACCOUNT, DayRisk(DAY, pnl_minor=-5, staked_minor=1_006, streak=2, bets=7)),
        AccountDay(OTHER, DayRisk(DAY, pnl_minor=8, staked_minor=1_009, streak=0, bets=3)),
    ]
    assert await rebuild_book(
        bus,
        [*bets, reservation("t2", account=OTHER)],
        days,
        lease=lease,
        clock=SystemClock(),
        revision=(await mine.read()).revision,
        booked={"m1": 1_000, "t1": 1_000},
        run="run",
    )
    one, other = await mine.read(), await theirs.read()
    assert (ids(one), ids(other)) == (["m1"], ["t1", "t2"])
    assert [one.day, other.day] == [found.day for found in days]
    assert (one.run, other.run) == ("run", "run")
    await theirs.release("t1")
    assert (await theirs.read()).day == DayRisk(DAY, pnl_minor=8, staked_minor=9, bets=2)
    assert (await mine.read()).day == days[0].day


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "convert", "release", "win", "lose", "rebuild"]),
        st.integers(0, 3),
        st.sampled_from([ACCOUNT, OTHER]),
    ),
    max_size=30,
)


class Model:
    """What the book should say of one account, in a few lines of Python."""

    def __init__(self) -> None:
        self.reserved: set[str] = set()
        self.bets: set[str] = set()
        self.pnl = self.staked = self.count = self.streak = 0

    def apply(self, action: str, name: str) -> None:
        if action == "reserve" and name not in self.bets:
            self.reserved.add(name)
        elif action == "convert" and name in self.reserved:
            self.reserved.remove(name)
            self.bets.add(name)
            self.staked, self.count = self.staked + 1_000, self.count + 1
        elif action == "release":
            if name in self.bets:
                self.staked, self.count = self.staked - 1_000, self.count - 1
            self.bets.discard(name)
            self.reserved.discard(name)
        elif action in {"win", "lose"} and name in self.bets | self.reserved:
            self.bets.discard(name)
            self.reserved.discard(name)
            self.pnl += 500 if action == "win" else -1_000
            self.streak = 0 if action == "win" else self.streak + 1


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_the_book_agrees_with_a_plain_model_of_each_account_whatever_happens(
    redis_server: RedisServer, steps: list[tuple[str, int, str]]
) -> None:
    asyncio.run(_compare(redis_server.url, steps))


async def _compare(url: str, steps: list[tuple[str, int, str]]) -> None:
    bus = await connect(url)
    await bus.redis.flushall()
    books = {account: RiskBook(bus, account) for account in (ACCOUNT, OTHER)}
    models = {account: Model() for account in books}
    lease = await guard_lease(bus)
    await bus.redis.set(bus.keys.risk_day, DAY)
    for action, n, account in steps:
        name = f"d{n}@{account}"
        if action == "rebuild":
            await _rebuild(bus, books, models, lease)
        else:
            await _act(books[account], models[account], lease, action, name, account)
            models[account].apply(action, name)
        for whose, book in books.items():
            _agree(await book.read(), models[whose])
    await bus.aclose()


async def _act(
    book: RiskBook, model: Model, lease: Held, action: str, name: str, account: str
) -> None:
    """Do one step; what the book answers must be what the model knows."""
    known = name in model.reserved | model.bets
    if action == "reserve":
        revision = (await book.read()).revision
        exposure = reservation(name, account=account)
        assert await book.reserve(exposure, revision=revision, lease=lease)
    elif action == "convert":
        assert await book.convert(name, day=DAY) == known
    elif action == "release":
        await book.release(name)
    else:
        lost = action == "lose"
        pnl_minor = -1_000 if lost else 500
        assert await book.settle(name, day=DAY, pnl_minor=pnl_minor, lost=lost) == known


async def _rebuild(
    bus: Bus, books: dict[str, RiskBook], models: dict[str, Model], lease: Held
) -> None:
    """Replace the book of both accounts by itself."""
    states = {account: await book.read() for account, book in books.items()}
    assert await rebuild_book(
        bus,
        [exposure for state in states.values() for exposure in state.exposures],
        [AccountDay(account, state.day) for account, state in states.items() if state.day],
        lease=lease,
        clock=SystemClock(),
        revision=next(iter(states.values())).revision,
        booked=dict.fromkeys((name for one in models.values() for name in one.bets), 1_000),
    )


def _agree(state: RiskState, model: Model) -> None:
    by_status = {
        status: {one.decision_id for one in state.exposures if one.status is status}
        for status in ExposureStatus
    }
    assert by_status[ExposureStatus.BET] == model.bets
    assert by_status[ExposureStatus.RESERVED] == model.reserved
    assert state.day == DayRisk(DAY, model.pnl, model.staked, model.streak, model.count)
