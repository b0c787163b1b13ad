"""Two accounts on one console: settings, and what Redis and the ledger hold of each."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from keter.bus.connection import Bus
from keter.bus.locks import Locks
from keter.bus.state.accounts import write_account
from keter.bus.state.feeds import write_feed
from keter.bus.state.reconciliation import note_pass
from keter.bus.state.risk import AccountDay, rebuild_book
from keter.bus.state.trading import change_trading
from keter.bus.telemetry.heartbeats import Heart
from keter.clock import ManualClock, SystemClock
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus
from keter.domain.markets import Phase
from keter.domain.processes import EVERYTHING, OF_AN_ACCOUNT, roles
from keter.domain.runs import NOBODY, RunMark
from keter.domain.tickets import AccountSnapshot
from keter.domain.trading import ExecutionMode, TradingMode, TradingState
from keter.ledger import Ledger
from tests.kit.console_seed import MARKETS, STARTED, fixture, seed_ledger

ALICE, BOB = "asianodds:alice", "asianodds:bob"
ENVIRON = {
    "ACCOUNTS": "ALICE,BOB",
    "AO_USER__ALICE": "alice",
    "AO_PASS__ALICE": "made-up-a",
    "AO_USER__BOB": "bob",
    "AO_PASS__BOB": "made-up-b",
    "FIXED_STAKE__BOB": "5",
    "MAX_STAKE__BOB": "20",
}
# Credit at the venue and open stakes, in minor units.
CREDIT = {ALICE: 980_110, BOB: 41_050}
OPEN = {ALICE: 6, BOB: 2}


async def seed_two_ledgers(ledger: Ledger) -> None:
    """Write 30 bets of the first account and 8 of the second; only the first has an unknown one."""
    await seed_ledger(ledger, account=ALICE, count=30)
    await seed_ledger(ledger, account=BOB, count=8, first=100, unknown=False)


async def seed_two(bus: Bus, *, missing: Collection[str] = (), now: datetime | None = None) -> None:
    """Write state, feeds, balances, risk and beats; the roles in ``missing`` do not beat."""
    now = now or datetime.now(UTC)
    state = TradingState(TradingMode.ACTIVE, "ops", "start of the day", now - timedelta(hours=4))
    await change_trading(bus, state, expected_revision=None, now=now)
    await beat_once(bus, missing=missing)
    for account, credit in CREDIT.items():
        for phase in Phase:
            facts = {"confirmed_at": now, "requested_at": now, "known_markets": 812}
            await write_feed(bus, account, phase, facts)
        await write_account(bus, AccountSnapshot(account, "EUR", credit, 10_000, 0, 0, now))
        await note_pass(bus, account, None, RunMark(NOBODY, ExecutionMode.DRY, ""))
    exposures = [_exposure(account, n, now) for account, most in OPEN.items() for n in range(most)]
    days = [AccountDay(account, DayRisk(now.date().isoformat())) for account in OPEN]
    locks = Locks(bus, owner="guard")
    held = await locks.acquire(bus.keys.lease("guard"), 30)
    assert held is not None
    await rebuild_book(bus, exposures, days, lease=held, clock=SystemClock())
    await locks.release(held)


async def beat_once(bus: Bus, *, missing: Collection[str] = ()) -> None:
    """Write one heartbeat of every role of the two accounts but the ``missing``."""
    for role, process in roles(EVERYTHING, ["ALICE", "BOB"]).items():
        if role not in missing:
            account = {"alice": ALICE, "bob": BOB}[role.partition("-")[2]] if "-" in role else ""
            assert bool(account) == (process in OF_AN_ACCOUNT)
            heart = Heart(
                bus,
                process=process.value,
                worker=role,
                role=role,
                account=account,
                heartbeat_s=30,  # no beat is lost on a busy machine
                clock=ManualClock(STARTED),
            )
            heart.gauge("restarts", 0)
            await heart.beat()


def _exposure(account: str, number: int, now: datetime) -> Exposure:
    event, (market, outcome) = fixture(number, now), MARKETS[number % len(MARKETS)]
    return Exposure(
        f"{account}-{number}",
        event.event_uid,
        event.league,
        market,
        outcome,
        1000,
        "2.04",
        ExposureStatus.BET,
        now,
        None,
        account=account,
    )
