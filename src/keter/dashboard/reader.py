"""Reads the facts of the moment from bus and ledger. Changes nothing; every call has a deadline."""

import asyncio
from datetime import datetime

from keter.alerting.held import Held
from keter.bus.connection import Bus
from keter.bus.errors import PoisonedPayloadError
from keter.bus.locks import list_exec_locks
from keter.bus.queue import depths
from keter.bus.state.accounts import read_accounts
from keter.bus.state.cooldowns import list_cooldowns
from keter.bus.state.feeds import read_feeds
from keter.bus.state.ownership import read_owner
from keter.bus.state.permissions import read_arming, read_limits
from keter.bus.state.reconciliation import last_pass
from keter.bus.state.risk import RiskBook
from keter.bus.telemetry.alerts import read_alerts
from keter.bus.telemetry.audit import period_of, read_counts
from keter.bus.telemetry.heartbeats import read_heartbeats
from keter.clock import Clock
from keter.control.commands import Control
from keter.dashboard import models
from keter.dashboard.facts import BusFacts, Facts, LedgerFacts
from keter.dashboard.health import Blocked, blocked
from keter.dashboard.ledgers import LazyLedgers
from keter.dashboard.readiness import readiness
from keter.dashboard.riskview import Names, hold_row
from keter.dashboard.snapshot import snapshot
from keter.dashboard.stores import Stores
from keter.dashboard.ticks import Ticker, watched
from keter.domain.days import day_of
from keter.domain.limits import lowered
from keter.domain.order_states import OrderState
from keter.domain.processes import EVERYTHING, Process
from keter.domain.runs import OwnerRecord
from keter.domain.signals import Decision
from keter.errors import KeterError, UnavailableError
from keter.ledger import LedgerUnavailableError, OrderFilter
from keter.redis_server.probe import probe
from keter.settings import Settings
from keter.supervision.book_names import missing_books

DEADLINE_S = 3.0
LEDGER_EVERY_S = 1.0
PROBE_EVERY_S = 5.0
LICENCE_EVERY_S = 10.0
TAPE_BETS = 60
MOST_HOLDS = 200
TAPE_VERDICTS = 25
# What the tape shows of each stage. A selection that cools down or is open is no news.
TAPE = (("edge", "ok"), ("guard", "ok"), ("router", None))


class Reader:
    """Gathers the facts of one account, and what it has in common with others.

    It remembers what is costly to ask, and which workers there were.
    """

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        ledgers: LazyLedgers,
        control: Control,
        stores: Stores,
        held: Held,
        clock: Clock,
        starts: frozenset[Process] = EVERYTHING,
        *,
        whole: Settings,
    ) -> None:
        """Make the reader of the account that ``settings`` are of. ``whole`` are those of all."""
        self._starts = starts
        self.settings = settings
        self._whole = whole
        self._bus = bus
        self._ledgers = ledgers
        self._stores = stores
        self._held = held
        self._control = control
        self._clock = clock
        self._ticker = Ticker()
        self._workers: dict[str, models.Worker] = {}
        self._ledger_facts: LedgerFacts | None = None
        self._ledger_due = 0.0
        self._redis = models.RedisFacts(ok=True, detail="")
        self._probe_due = 0.0
        self._blocked = Blocked(None, None)
        self._licence_due = 0.0

    async def snapshot(
        self, server: models.Server, position: str, accounts: list[models.AccountLine]
    ) -> models.Snapshot:
        """Return the whole overview, as of stream position ``position``.

        ``accounts`` are the lines of all accounts where there are several.

        Raises UnavailableError and the bus's errors when Redis cannot be asked.
        """
        facts = await self.facts()
        built = snapshot(facts, self.settings, server, position, self._workers, accounts)
        self._workers = {
            worker.worker: worker for worker in built.workers if worker.beat_at is not None
        }
        return built

    async def facts(self) -> Facts:
        """Return what is known now; the ledger is asked at most once a second.

        Raises UnavailableError and the bus's errors when Redis cannot be asked.
        """
        problems: list[str] = []
        ledger = await self._ledger(problems)
        try:
            async with asyncio.timeout(DEADLINE_S):
                bus = await self._bus_facts(ledger)
        except TimeoutError as e:
            raise UnavailableError(f"Redis did not answer within {DEADLINE_S:g} s") from e
        return Facts(self._clock.now(), self._day_start(), bus, ledger, problems)

    async def _bus_facts(self, ledger: LedgerFacts | None) -> BusFacts:
        bus, day = self._bus, self.today()
        name = self.settings.account.key
        standing = await self._control.standing(name)
        if standing.problem is not None:
            raise UnavailableError(standing.problem)
        accounts, owner = await read_accounts(bus), await self._owner()
        book = await RiskBook(bus, name).read()
        return BusFacts(
            standing=standing,
            armed=owner is not None and await read_arming(bus, name, owner.run.mark) is not None,
            owner=owner,
            blocked=await self._blocked_by(),
            reconciled_at=await last_pass(bus, name),
            heartbeats=await read_heartbeats(bus),
            queues=await depths(bus, self._whole.account_keys),
            feeds=await read_feeds(bus, self._whole.account_keys),
            accounts=accounts,
            exposures=book.exposures,
            of_others=book.of_others,
            limits=lowered(self.settings.risk, await read_limits(bus, name)),
            counts=await read_counts(bus, period_of(day, self.settings.account.mode)),
            alerts=self._held.active(await read_alerts(bus)),
            ticks=await self._ticker.read(
                bus, name, watched(ledger.decisions, ledger.bets) if ledger else ()
            ),
            redis=await self.redis_facts(),
        )

    async def _owner(self) -> OwnerRecord | None:
        """Return which run owns this Redis; None for a record that cannot be read."""
        try:
            return await read_owner(self._bus)
        except PoisonedPayloadError:
            return None

    async def missing_books(self) -> list[str]:
        """Return the books that the settings name and no feed shows; none while Redis is away."""
        try:
            own = [self.settings.account.key]
            async with asyncio.timeout(DEADLINE_S):
                return missing_books(self.settings, await read_feeds(self._bus, own))
        except (KeterError, TimeoutError):
            return []

    async def _blocked_by(self) -> Blocked:
        if self._clock.monotonic() >= self._licence_due:
            self._blocked = await asyncio.to_thread(blocked, self.settings, self._clock)
            self._licence_due = self._clock.monotonic() + LICENCE_EVERY_S
        return self._blocked

    async def redis_facts(self) -> models.RedisFacts:
        """Return version and settings of the server, asked every PROBE_EVERY_S."""
        if self._clock.monotonic() >= self._probe_due:
            facts = await probe(self._bus)
            self._redis = models.RedisFacts(
                ok=True,
                detail="",
                version=facts.version,
                used_memory_bytes=facts.used_memory_bytes,
                max_memory_bytes=facts.max_memory_bytes or None,
                aof=facts.aof,
                policy=facts.policy,
                fake=facts.is_fake,
            )
            self._probe_due = self._clock.monotonic() + PROBE_EVERY_S
        latest = self._stores.latest
        trouble = latest.redis if latest is not None else None
        return self._redis.model_copy(
            update={"writes": trouble is None, "detail": trouble.detail if trouble else ""}
        )

    async def _ledger(self, problems: list[str]) -> LedgerFacts | None:
        if self._clock.monotonic() < self._ledger_due:
            return self._ledger_facts
        try:
            async with asyncio.timeout(DEADLINE_S):
                self._ledger_facts = await self._read_ledger()
            self._ledger_due = self._clock.monotonic() + LEDGER_EVERY_S
        except (LedgerUnavailableError, TimeoutError) as e:
            self._ledger_facts = None
            problems.append(str(e) or "the ledger did not answer in time")
        return self._ledger_facts

    async def _read_ledger(self) -> LedgerFacts:
        ledger, account = await self._ledgers.reading(), self.settings.account
        mode, key = account.mode, account.key
        unknown = frozenset({OrderState.UNKNOWN})
        decisions: list[Decision] = []
        for stage, reason in TAPE:
            decisions += await ledger.decisions.recent(
                TAPE_VERDICTS, stage=stage, reason=reason, account=key
            )
        decisions.sort(key=lambda decision: decision.at, reverse=True)
        return LedgerFacts(
            summary=await ledger.summary(mode, key, self.today()),
            bets=await ledger.orders.list_orders(
                OrderFilter(mode=mode, account=key), limit=TAPE_BETS
            ),
            unknown=await ledger.orders.list_orders(
                OrderFilter(mode=mode, account=key, states=unknown), limit=TAPE_BETS
            ),
            decisions=decisions,
            pnl=await ledger.pnl_points(mode, key, self._day_start()),
        )

    def today(self) -> str:
        """Return the betting day as ISO date, in the configured zone."""
        return day_of(self._clock.now(), self.settings.mode.zone)

    def _day_start(self) -> datetime:
        now = self._clock.now().astimezone(self.settings.mode.zone)
        return now.replace(hour=0, minute=0, second=0, microsecond=0)

    async def holds(self, names: Names) -> list[models.Hold]:
        """Return the cooldowns and locks that keep events and selections from being bet.

        ``names`` are those of ``names_of``.
        """
        cooldowns, locks = (
            await list_cooldowns(self._bus, self.settings.account.key),
            await list_exec_locks(self._bus, self.settings.account.key),
        )
        return [
            *(
                hold_row("clear_cooldown", one.key, one.reason, one.remaining_s, names)
                for one in cooldowns
            ),
            *(hold_row("clear_lock", one.key, one.owner, one.remaining_s, names) for one in locks),
        ][:MOST_HOLDS]

    async def checks(self) -> list[models.Check]:
        """Return what must be so for everything to work, each with what is wrong."""
        return await readiness(
            self._whole, self._bus, self._ledgers, self._stores, self._clock, self._starts
        )
