"""Accounts of one mode share a ledger: no list, sum or figure of one holds a bet of another."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from keter.clock import ManualClock
from keter.domain.order_states import NOT_FINAL, NOT_SENT, SETTLED, OrderState
from keter.domain.orders import Order
from keter.domain.streaks import losing_streak
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, OrderChanges, OrderFilter, open_ledger, rows
from keter.ledger.order_queries import STAKED
from keter.ledger.order_schema import STOPPED
from keter.ledger.order_schema import orders as orders_table
from keter.ledger.totals import fold
from tests.kit.execution import NOW, an_event, an_intent
from tests.kit.ledger_contract import put_in
from tests.kit.orders import one_fill

DRY, LIVE = ExecutionMode.DRY, ExecutionMode.LIVE
S = OrderState
TODAY = "2026-02-21"
ALICE, BOB = "asianodds:alice", "asianodds:bob"
HOUR = timedelta(hours=1)
Question = Callable[[Ledger, str | None], Awaitable[Any]]

QUESTIONS: dict[str, Question] = {
    "open bets": lambda ledger, account: ledger.orders.open_orders(DRY, account),
    "newest bets": lambda ledger, account: ledger.orders.list_orders(
        OrderFilter(mode=DRY, account=account)
    ),
    "bets of a state": lambda ledger, account: ledger.orders.list_orders(
        OrderFilter(mode=DRY, account=account, states=frozenset({S.UNKNOWN}))
    ),
    "results": lambda ledger, account: ledger.last_results(DRY, account),
    "results since a pause": lambda ledger, account: ledger.last_results(
        DRY, account, since=NOW + HOUR
    ),
    "risk picture": lambda ledger, account: ledger.risk_picture(DRY, account, TODAY),
    "summary": lambda ledger, account: ledger.summary(DRY, account, TODAY),
    "figures": lambda ledger, account: ledger.figures(DRY, account, TODAY, clv_since=NOW),
    "closing line": lambda ledger, account: ledger.closing_line(DRY, account, NOW),
    "profit points": lambda ledger, account: ledger.pnl_points(DRY, account, NOW),
    "placements": lambda ledger, account: ledger.placements(DRY, account, NOW - HOUR),
}


async def live_a_day(ledger: Ledger, account: str, *, won: int, lost: int, unknown: int) -> None:
    """Make bets in every stage; results, prices and times are unlike those of other numbers."""
    name = account.partition(":")[2]
    made = NOW + timedelta(minutes=won)
    for number in range(won + lost):
        state = S.WON if number < won else S.LOST
        bet = f"{name}{number}"
        await put_in(ledger, S.FILLED, bet, account=account, created_at=made, stake_minor=500)
        changes = OrderChanges(
            fills=one_fill(500),
            pnl_minor=550 if number < won else -500,
            settled_at=NOW + (number + 1) * HOUR,
            closing_fair_odds=1.5 + won / 10,
        )
        await ledger.orders.transition(
            bet, state, at=NOW, cause="venue", worker="t", changes=changes
        )
    for number in range(unknown):
        await put_in(ledger, S.UNKNOWN, f"{name}-u{number}", account=account, created_at=made)
    for state in (S.INTENDED, S.FILLED, S.REFUSED, S.SKIPPED):
        await put_in(ledger, state, f"{name}-{state}", account=account, created_at=made)


@pytest.mark.parametrize("name", QUESTIONS)
async def test_nothing_of_an_account_changes_with_the_bets_of_another(
    ledger: Ledger, name: str
) -> None:
    ask = QUESTIONS[name]
    await live_a_day(ledger, ALICE, won=1, lost=3, unknown=1)
    before = await ask(ledger, ALICE)
    assert before == await ask(ledger, None), "an account alone is all accounts"
    await live_a_day(ledger, BOB, won=3, lost=2, unknown=2)
    assert await ask(ledger, ALICE) == before
    of_bob, of_both = await ask(ledger, BOB), await ask(ledger, None)
    assert of_bob != before
    assert of_both not in (before, of_bob)


async def test_bets_at_the_venue_are_counted_by_account(ledger: Ledger) -> None:
    await live_a_day(ledger, ALICE, won=0, lost=1, unknown=1)
    await live_a_day(ledger, BOB, won=1, lost=0, unknown=4)
    assert await ledger.orders.may_be_at_venue(DRY) == {ALICE: 2, BOB: 5}
    assert await ledger.orders.may_be_at_venue(LIVE) == {}
    assert await ledger.accounts_in(DRY) == [ALICE, BOB]
    assert await ledger.accounts_in(LIVE) == []


async def test_a_win_of_another_account_does_not_end_a_losing_streak(ledger: Ledger) -> None:
    await live_a_day(ledger, ALICE, won=0, lost=3, unknown=0)
    await live_a_day(ledger, BOB, won=5, lost=0, unknown=0)
    _, day = await ledger.risk_picture(DRY, ALICE, TODAY)
    assert (day.streak, day.pnl_minor) == (3, -1500)
    _, day = await ledger.risk_picture(DRY, BOB, TODAY)
    assert (day.streak, day.pnl_minor) == (0, 2750)


async def test_the_bets_before_and_after_one_are_of_its_account(ledger: Ledger) -> None:
    for number, account in enumerate((ALICE, BOB, ALICE, BOB, ALICE)):
        made = NOW + timedelta(seconds=number)
        await put_in(ledger, S.SKIPPED, f"i{number}", account=account, created_at=made)
    assert await ledger.orders.neighbours("i2") == ("i0", "i4")
    assert await ledger.orders.neighbours("i1") == (None, "i3")


# Names of which one begins another, and with what LIKE takes for any letter.
ACCOUNTS = (ALICE, f"{ALICE}2", "asianodds:a%", "asianodds:a_i", "sandbox:LIVE alice")
RESULTS = {S.WON: 1100, S.LOST: -1000, S.HALF_LOST: -500, S.PUSHED: 0, S.VOID: 0}
Row = tuple[str, ExecutionMode, OrderState, int]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.sampled_from([DRY, LIVE]),
        st.sampled_from(sorted(OrderState)),
        st.integers(1, 10_000),
    ),
    max_size=25,
)


@dataclass(frozen=True)
class Sums:
    """What bets come to, added up here."""

    profit: int
    staked: int
    streak: int
    open: int
    states: dict[str, int]

    @classmethod
    def of(cls, bets: Sequence[Order]) -> "Sums":
        settled = [bet for bet in bets if bet.state in SETTLED]
        settled.sort(key=lambda bet: bet.intent.intent_id, reverse=True)
        names = [bet.state.value for bet in bets]
        return cls(
            sum(bet.pnl_minor or 0 for bet in bets),
            sum(bet.intent.stake_minor for bet in bets if bet.state in STAKED - STOPPED),
            losing_streak(bet.state for bet in settled),
            sum(bet.state not in NOT_SENT and not bet.is_final for bet in bets),
            {name: names.count(name) for name in names},
        )

    @classmethod
    async def read(cls, ledger: Ledger, mode: ExecutionMode, account: str | None) -> "Sums":
        figures = await ledger.figures(mode, account, TODAY, clv_since=NOW)
        summary = await ledger.summary(mode, account, TODAY)
        open_orders, day = await ledger.risk_picture(mode, account, TODAY)
        assert figures.day == day
        assert summary.states == figures.states
        assert figures.profit_minor == summary.pnl_minor == day.pnl_minor
        assert len(open_orders) == sum(figures.states.get(state, 0) for state in NOT_FINAL)
        return cls(day.pnl_minor, day.staked_minor, day.streak, summary.open, figures.states)


def as_bets(written: Sequence[Row]) -> list[Order]:
    """Return bets of one day, settled in the order of their ids."""
    found = []
    for number, (account, mode, state, stake_minor) in enumerate(written):
        intent = an_intent(
            f"i{number:03}",
            event=an_event(f"Team {number}"),
            account=account,
            mode=mode,
            stake_minor=stake_minor,
        )
        bet = Order(intent, state, NOW)
        if state in SETTLED:
            at = NOW + timedelta(seconds=number)
            bet = msgspec.structs.replace(bet, pnl_minor=RESULTS.get(state, 7), settled_at=at)
        found.append(bet)
    return found


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("accounts") / "empty.db"

    async def make() -> None:
        await (await open_ledger(f"sqlite:///{path}", clock=ManualClock(NOW))).aclose()

    asyncio.run(make())
    return path


@pytest.mark.slow
@given(written=ROWS)
@settings(max_examples=15)
def test_the_sums_of_an_account_are_those_of_its_own_bets(empty: Path, written: list[Row]) -> None:
    bets = as_bets(written)
    path = empty.with_name("full.db")
    shutil.copyfile(empty, path)

    async def check() -> None:
        ledger = await open_ledger(f"sqlite:///{path}", clock=ManualClock(NOW))
        try:
            values = [rows.from_order(bet) for bet in bets]
            if values:
                await ledger._database.write(lambda c: c.execute(insert(orders_table), values))
            await ledger._database.write(fold)
            for mode in (DRY, LIVE):
                of_mode = [bet for bet in bets if bet.intent.mode is mode]
                assert await Sums.read(ledger, mode, None) == Sums.of(of_mode)
                assert await ledger.accounts_in(mode) == sorted(
                    {bet.intent.account for bet in of_mode}
                )
                for account in ACCOUNTS:
                    own = [bet for bet in of_mode if bet.intent.account == account]
                    assert await Sums.read(ledger, mode, account) == Sums.of(own)
            wrong = [line for line in await ledger.integrity() if "total" in line]
            assert wrong == []
        finally:
            await ledger.aclose()

    asyncio.run(check())
