"""Fills a real Redis and a real ledger, through their own interfaces, with a day that the console
can show.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec

from keter.bus.connection import Bus
from keter.bus.locks import Locks
from keter.bus.queue import Output, Pipe, QueueName
from keter.bus.state.accounts import write_account
from keter.bus.state.feeds import write_feed
from keter.bus.state.odds import write_odds
from keter.bus.state.reconciliation import note_pass
from keter.bus.state.risk import AccountDay, rebuild_book
from keter.bus.state.trading import change_trading
from keter.bus.telemetry.alerts import raise_alert
from keter.bus.telemetry.audit import add_counts
from keter.bus.telemetry.heartbeats import Heart
from keter.clock import ManualClock, SystemClock
from keter.domain.alerts import Alert
from keter.domain.exposure import DayRisk, Exposure, ExposureStatus
from keter.domain.market_kinds import MarketKind, Outcome
from keter.domain.markets import Event, Market, Phase, event_uid
from keter.domain.order_states import OrderState
from keter.domain.orders import Intent, Order
from keter.domain.processes import OF_AN_ACCOUNT
from keter.domain.quotes import BookPrices, MarketUpdate, VenueRef
from keter.domain.runs import NOBODY, RunMark
from keter.domain.signals import Decision
from keter.domain.sports import FULL_TIME, HALF_TIME
from keter.domain.tickets import AccountSnapshot
from keter.domain.trading import (
    CommandAction,
    ExecutionMode,
    OperatorCommand,
    TradingMode,
    TradingState,
)
from keter.domain.verdicts import Reason, accept, reject
from keter.ledger import Ledger, OrderChanges
from tests.kit.execution import an_intent
from tests.kit.orders import one_fill

ACCOUNT = "asianodds:demo"
STARTED = datetime.now(UTC)
PROCESSES = ("ingest", "validator", "edge", "guard", "router", "tracker", "recorder", "dashboard")
FIXTURES = (
    ("England - Premier League", "Arsenal", "Chelsea"),
    ("Germany - Bundesliga", "Bayern München", "Borussia Mönchengladbach"),
    ("France - Ligue 1", "Paris Saint-Germain", "Olympique de Marseille"),
    ("Spain - La Liga", "Real Sociedad", "Athletic Club"),
    ("Italy - Serie A", "Roma", "Lazio"),
)
MARKETS = (
    (Market(FULL_TIME, MarketKind.ASIAN_HANDICAP, -3), Outcome.HOME),
    (Market(FULL_TIME, MarketKind.OVER_UNDER, 10), Outcome.OVER),
    (Market(FULL_TIME, MarketKind.ONE_X_TWO, None), Outcome.AWAY),
    (Market(HALF_TIME, MarketKind.ASIAN_HANDICAP, 1), Outcome.AWAY),
)
OUTCOMES = (
    (OrderState.FILLED, None),
    (OrderState.WON, 1020),
    (OrderState.LOST, -1000),
    (OrderState.OPEN, None),
    (OrderState.REFUSED, None),
    (OrderState.HALF_WON, 510),
    (OrderState.LOST, -1000),
    (OrderState.SKIPPED, None),
    (OrderState.PUSHED, 0),
)


@dataclass(frozen=True)
class Seed:
    """What was put in, so that tests can name it."""

    bets: list[Order]
    now: datetime


def fixture(number: int, now: datetime) -> Event:
    """Return the event of the ``number``-th bet or market.

    The same selection comes round once in every fixture and market, a day later or more. An
    ``event_uid`` holds the date of kick-off only, and the ledger refuses two open bets on one
    selection.
    """
    league, home, away = FIXTURES[number % len(FIXTURES)]
    days, hours = number // (len(FIXTURES) * len(MARKETS)), 2 + number % len(FIXTURES)
    kickoff = (now + timedelta(days=days, hours=hours)).replace(minute=0, second=0, microsecond=0)
    return Event(event_uid("fb", kickoff, home, away), "fb", league, home, away, kickoff)


def update_of(number: int, now: datetime) -> MarketUpdate:
    event, (market, _) = fixture(number, now), MARKETS[number % len(MARKETS)]
    base = 2.0 + (number % 7) / 50
    books = tuple(
        BookPrices(
            book,
            tuple(base + shift for _ in market.outcomes),
            tuple(f"{base + shift:.3f}" for _ in market.outcomes),
            now,
            now,
        )
        for book, shift in (("PIN", 0.0), ("SBO", 0.03), ("IBC", 0.05))
    )
    ref = VenueRef("asianodds", f"{number}")
    return MarketUpdate(
        f"trace{number:04d}", ACCOUNT, event, market, Phase.TODAY, ref, books, True, now
    )


def intent_of(
    number: int, made: datetime, fence: int, mode: ExecutionMode, account: str = ACCOUNT
) -> Intent:
    market, outcome = MARKETS[number % len(MARKETS)]
    intent = an_intent(
        f"{number:032x}",
        decision_id=f"d{number}",
        event=fixture(number, made),
        market=market,
        outcome=outcome,
        mode=mode,
        fence=fence,
        created_at=made,
        account=account,
    )
    return msgspec.structs.replace(
        intent,
        trace_id=f"trace{number:04d}",
        venue="paper",
        venue_key="k",
        asked_odds="2.04",
        fair_odds=1.9312,
        ev_pct=5.63 + number % 4,
        book="SBO",
    )


async def seed_bet(
    ledger: Ledger, intent: Intent, state: OrderState, pnl_minor: int | None
) -> Order:
    """Take one bet through its whole life to ``state``, a few seconds a step."""
    at = intent.created_at
    bet = await ledger.orders.create(intent, worker="router")

    async def step(
        target: OrderState, after_s: float, cause: str, changes: OrderChanges | None = None
    ) -> Order:
        moment = at + timedelta(seconds=after_s)
        return await ledger.orders.transition(
            intent.intent_id,
            target,
            at=moment,
            cause=cause,
            worker="router",
            evidence={"book": "SBO"},
            changes=changes,
        )

    if state is OrderState.SKIPPED:
        return await step(
            state, 0.2, Reason.PRICE_MOVED.value, OrderChanges(reason=Reason.PRICE_MOVED.value)
        )
    await step(OrderState.QUOTED, 0.3, "quoted")
    await step(OrderState.SENDING, 0.31, "sending")
    if state is OrderState.REFUSED:
        return await step(
            state, 0.9, Reason.VENUE_REFUSED.value, OrderChanges(reason=Reason.VENUE_REFUSED.value)
        )
    if state is OrderState.UNKNOWN:
        return await step(state, 20.3, "timeout", OrderChanges(reason="timeout"))
    bet = await step(
        OrderState.OPEN,
        0.6,
        "accepted",
        OrderChanges(fills=one_fill(1000, "2.02", "SBO")),
    )
    if state is OrderState.OPEN:
        return bet
    bet = await step(OrderState.FILLED, 12.0, "confirmed")
    if state is OrderState.FILLED:
        return bet
    settled = OrderChanges(
        pnl_minor=pnl_minor, settled_at=at + timedelta(minutes=4), closing_fair_odds=1.98
    )
    return await step(state, 240, "result", settled)


async def seed_ledger(
    ledger: Ledger,
    *,
    count: int = 40,
    mode: ExecutionMode = ExecutionMode.DRY,
    account: str = ACCOUNT,
    first: int = 0,
    now: datetime | None = None,
    unknown: bool = True,
) -> Seed:
    """Write ``count`` bets of the last hours with their verdicts.

    The bets have numbers from ``first`` on; those of two accounts must differ.
    """
    now = now or datetime.now(UTC)
    take = await ledger.orders.takeover(account, mode, at=now - timedelta(hours=6), worker="router")
    bets, decisions = [], []
    for number, made in enumerate(moments(count, now, unknown=unknown)):
        state, pnl_minor = (
            OUTCOMES[number % len(OUTCOMES)] if number < count else (OrderState.UNKNOWN, None)
        )
        intent = intent_of(first + number, made, take.fence, mode, account)
        bets.append(await seed_bet(ledger, intent, state, pnl_minor))
        decisions += decisions_of(intent, made)
    await ledger.decisions.add_many(decisions)
    await ledger.commands.add(
        OperatorCommand(
            f"c{first + 1}",
            CommandAction.RESUME,
            "ops",
            "cli",
            "trading",
            "start of the day",
            now - timedelta(hours=4),
            True,
            "running: new bets may be made",
        )
    )
    return Seed(bets, now)


def moments(count: int, now: datetime, *, unknown: bool) -> list[datetime]:
    """Return when each of ``count`` bets was made, the oldest first.

    One more, 95 s old, is for the ``unknown``.
    """
    spacing = min(timedelta(minutes=5), timedelta(hours=4) / max(count, 1))
    made = [now - timedelta(minutes=5) - spacing * (count - number) for number in range(count)]
    return [*made, now - timedelta(seconds=95)] if unknown else made


def decisions_of(intent: Intent, at: datetime) -> list[Decision]:
    details: dict[str, object] = {"home": intent.home, "away": intent.away, "league": intent.league}

    def decision(stage: str, before_s: float, good: bool, selection_id: str) -> Decision:
        numbers = {"ev_pct": intent.ev_pct, "odds": 2.04, "fair_odds": intent.fair_odds}
        verdict = (
            accept(**numbers) if good else reject(Reason.EV_TOO_LOW, ev_pct=1.2, min_ev_pct=5.0)
        )
        moment = at - timedelta(seconds=before_s)
        return Decision(
            intent.trace_id,
            stage,
            stage,
            intent.event_uid,
            selection_id,
            verdict,
            moment,
            details,
            intent.decision_id,
            intent.account,
        )

    other = intent.market.selection_id(
        next(outcome for outcome in intent.market.outcomes if outcome is not intent.outcome)
    )
    return [
        decision("edge", 0.4, True, intent.selection_id),
        decision("edge", 0.4, False, other),
        decision("guard", 0.2, True, intent.selection_id),
    ]


async def seed_beats(
    bus: Bus, *, missing: frozenset[str] = frozenset(), revision: int | None = None
) -> None:
    """Write one heartbeat of every process but the ``missing``.

    ``revision`` is the trading state that guard and router saw.
    """
    for process in PROCESSES:
        if process not in missing:
            # One and the same start: another one would be told as a worker that is started again
            # and again.
            heart = Heart(
                bus,
                process=process,
                worker=process,
                account=ACCOUNT if process in OF_AN_ACCOUNT else "",
                heartbeat_s=1.0,
                clock=ManualClock(STARTED),
            )
            heart.count("items", 1234)
            heart.gauge("loop_lag_s", 0.002)
            heart.gauge("restarts", 0)
            heart.observe("handle", 0.004)
            if revision is not None and process in {"guard", "router"}:
                heart.gauge("trading_revision", revision)
            await heart.beat()


async def live_once(
    bus: Bus, numbers: Random, *, missing: frozenset[str] = frozenset(), revision: int | None = None
) -> None:
    """Write what the other processes would write in half a second.

    That is beats, a comparison of ledger and venue, feeds, prices.
    """
    now = datetime.now(UTC)
    await seed_beats(bus, missing=missing, revision=revision)
    if "tracker" not in missing:
        await note_pass(bus, ACCOUNT, None, RunMark(NOBODY, ExecutionMode.DRY, ""))
    for phase in Phase:
        await write_feed(bus, ACCOUNT, phase, {"confirmed_at": now, "requested_at": now})
    await write_odds(
        bus,
        [
            moved(update_of(number, now), numbers.uniform(-0.03, 0.03))
            for number in numbers.sample(range(40), 8)
        ],
    )


def moved(update: MarketUpdate, by: float) -> MarketUpdate:
    """Return the same market with every price ``by`` away."""
    books = tuple(
        msgspec.structs.replace(
            book, odds=tuple(round(odds + by, 3) for odds in book.odds if odds is not None)
        )
        for book in update.books
    )
    return msgspec.structs.replace(update, books=books)


async def seed_bus(
    bus: Bus,
    *,
    now: datetime | None = None,
    day: str | None = None,
    mode: TradingMode = TradingMode.ACTIVE,
    missing: frozenset[str] = frozenset(),
) -> None:
    """Write state, feeds, account, queues, prices, risk and counts of a running system."""
    now = now or datetime.now(UTC)
    day = day or now.date().isoformat()
    state = TradingState(mode, "ops", "start of the day", now - timedelta(hours=4))
    await change_trading(bus, state, expected_revision=None, now=now)
    await seed_beats(bus, missing=missing)
    for phase in Phase:
        facts = {
            "confirmed_at": now,
            "requested_at": now,
            "known_markets": 812,
            "body_bytes": 184_233,
            "parse_s": 0.021,
        }
        await write_feed(bus, ACCOUNT, phase, facts)
    await write_account(bus, AccountSnapshot(ACCOUNT, "EUR", 980_110, 63_100, -8_420, 1_210, now))
    updates = [update_of(number, now) for number in range(40)]
    await write_odds(bus, updates)
    pipe = Pipe(bus, source=QueueName.RAW, worker="validator", lease_ttl_s=60)
    await pipe.open()
    await pipe.step(
        outputs=[Output(QueueName.RAW, update.queue_key, b"{}") for update in updates[:7]]
    )
    await seed_risk(bus, now, day)
    counts = {
        "validator:ok": 8_120,
        "validator:quote_stale": 312,
        "validator:league_blacklisted": 91,
        "edge:ok": 57,
        "edge:ev_too_low": 14_002,
        "edge:too_few_sharps": 801,
        "edge:spread_too_wide": 44,
        "guard:ok": 44,
        "guard:selection_open": 9,
        "guard:cooldown_event": 4,
        "router:ok": 41,
        "router:price_moved": 3,
    }
    await add_counts(bus, day, counts)
    await raise_alert(
        bus,
        Alert(
            "unknown-bets",
            "page",
            "Bets with unknown outcome",
            "1 bet UNKNOWN, EUR 10.00 at risk.",
            now - timedelta(seconds=95),
            action="The tracker asks the venue again and again; nothing is sent twice.",
            link="#/orders?state=UNKNOWN",
            runbook="unknown-bets",
        ),
    )


async def seed_risk(bus: Bus, now: datetime, day: str) -> None:
    exposures = []
    for number in range(6):
        event, (market, outcome) = fixture(number, now), MARKETS[number % len(MARKETS)]
        status = ExposureStatus.RESERVED if number == 5 else ExposureStatus.BET
        ends = now + timedelta(seconds=90) if number == 5 else None
        exposures.append(
            Exposure(
                f"d{number}",
                event.event_uid,
                event.league,
                market,
                outcome,
                1000,
                "2.04",
                status,
                now,
                ends,
                account=ACCOUNT,
            )
        )
    locks = Locks(bus, owner="guard")
    held = await locks.acquire(bus.keys.lease("guard"), 30)
    assert held is not None
    await rebuild_book(
        bus,
        exposures,
        [AccountDay(ACCOUNT, DayRisk(day, -8420, 63_100, 2, 41))],
        lease=held,
        clock=SystemClock(),
    )
    await locks.release(held)
