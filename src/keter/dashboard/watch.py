"""Watches over what no worker watches itself, and keeps the history of every active alert.

What it finds it holds in memory, and the channels read it there. Redis and the ledger get copies
when they take them.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

import structlog

from keter.alerting.held import Held
from keter.bus.connection import Bus
from keter.bus.telemetry.alerts import clear_alert, raise_alert, read_alerts
from keter.bus.telemetry.writing import RedisTrouble
from keter.clock import Clock
from keter.dashboard import models
from keter.dashboard.account_watch import AccountLook, AccountWatch, since
from keter.dashboard.alert_history import AlertHistory
from keter.dashboard.auth import ALERT_AFTER, Authenticator
from keter.dashboard.facts import Facts
from keter.dashboard.health import disk_facts, licence_trouble
from keter.dashboard.ledgers import LazyLedgers
from keter.dashboard.presence import Presence
from keter.dashboard.reader import Reader
from keter.dashboard.rules.base import Finding, Rule, Situation, findings
from keter.dashboard.rules.table import OWN, RULES
from keter.dashboard.rules.workers import wanted
from keter.dashboard.stores import StoreHealth, Stores
from keter.domain.alerts import Alert, Level
from keter.domain.processes import EVERYTHING, Process
from keter.errors import KeterError
from keter.settings import Settings
from keter.system.tasks import stopped_within

log = structlog.get_logger(__name__)
EVERY_S = 2.0
SLOW_EVERY_S = 60.0
FAILURES_COUNT_S = 600.0


class Watch:
    """Looks every EVERY_S, one per dashboard.

    Nothing that one store says or refuses keeps the others from being looked at.
    """

    def __init__(
        self,
        settings: Settings,
        bus: Bus,
        readers: Sequence[Reader],
        ledgers: LazyLedgers,
        authenticator: Authenticator,
        stores: Stores,
        held: Held,
        clock: Clock,
        starts: frozenset[Process] = EVERYTHING,
    ) -> None:
        self._settings = settings
        self._bus = bus
        self._accounts = [(reader, AccountWatch(reader.settings, starts)) for reader in readers]
        self._authenticator = authenticator
        self._stores = stores
        self._held = held
        self._clock = clock
        self._history = AlertHistory(ledgers.alerts)
        self._starts = starts
        self._presence = Presence(wanted(starts, settings.labels))
        self._stored: Sequence[Alert] = ()
        self._checked: set[str] = set()
        self._unreadable_since: datetime | None = None
        self._licence_trouble: tuple[str, Level] | None = None
        self._licence_due = 0.0
        self._reported: dict[str, str] = {}
        self._since = clock.now()

    async def run(self, stop: asyncio.Event) -> None:
        """Look until ``stop``; what cannot be asked now is asked again."""
        while not stop.is_set():
            await self.look()
            await stopped_within(stop, EVERY_S)

    async def look(self) -> None:
        """Try both stores, check every rule that can be checked, and record what changed."""
        health = await self._stores.look()
        facts = await self._facts(health)
        situations = await self._situations(facts, health) if facts else []
        now = self._clock.now()
        for rule in RULES:
            found = findings(rule, health, situations)
            if found is not None:
                self._settle(rule, found, now)
        known = await self._update_redis(health)
        self._history.note(self._held.active(self._stored), now)
        if health.ledger is None:
            await self._history.write(now, all_known=known)

    async def _facts(self, health: StoreHealth) -> list[Facts]:
        """Return the facts of each account; none where they cannot be had.

        The rules of the stores raise the alert for that; other causes are logged here once.
        """
        if health.redis is not None and health.redis.kind is RedisTrouble.AWAY:
            return []
        try:
            facts = [await reader.facts() for reader, _ in self._accounts]
        except (KeterError, OSError, TimeoutError) as e:
            self._report("the situation", str(e) or type(e).__name__)
            return []
        self._report("the situation", "")
        return facts

    def _settle(self, rule: Rule, found: Sequence[Finding], now: datetime) -> None:
        """Hold what ``rule`` found, and end what it found before and finds no longer."""
        self._checked.add(rule.kind.id)
        alerts = [_raised(rule, finding, now) for finding in found]
        ids = {alert.id for alert in alerts}
        for alert in self._held.own:
            if _rule_of(alert.id) == rule.kind.id and alert.id not in ids:
                self._held.end(alert.id)
        for alert in alerts:
            self._held.put(alert)

    async def _update_redis(self, health: StoreHealth) -> bool:
        """Copy what is held into Redis and take out what is over.

        Return whether the alerts in Redis are known.
        """
        try:
            self._stored = await read_alerts(self._bus)
            for alert in self._stored:
                if self._is_over(alert.id):
                    self._held.end(alert.id)
            if health.redis is None:
                await self._copy()
        except (KeterError, OSError, TimeoutError) as e:
            self._report("the alerts in Redis", str(e) or type(e).__name__)
            return False
        self._report("the alerts in Redis", "")
        return True

    async def _copy(self) -> None:
        for alert in self._held.own:
            await raise_alert(self._bus, alert)
        for alert_id in self._held.ended:
            await clear_alert(self._bus, alert_id)
            self._stored = [alert for alert in self._stored if alert.id != alert_id]
            self._held.cleared(alert_id)

    def _is_over(self, alert_id: str) -> bool:
        """Return whether the alert is one of an earlier run of ours whose cause is gone."""
        rule = _rule_of(alert_id)
        return rule in OWN and rule in self._checked and not self._held.has(alert_id)

    def _report(self, about: str, problem: str) -> None:
        """Log a trouble once, not at every look."""
        if problem and problem != self._reported.get(about):
            log.warning("watch_hindered", about=about, error=problem)
        self._reported[about] = problem

    async def _situations(self, facts: Sequence[Facts], health: StoreHealth) -> list[Situation]:
        """Return the situation of each account; what all have in common is in each."""
        first = facts[0]
        if health.redis is None:
            self._presence.look(first.bus.heartbeats, first.at)
        else:
            self._presence.pause()
        await self._look_at_licence()
        unreadable = any(one.ledger is None and bool(one.problems) for one in facts)
        self._unreadable_since = since(self._unreadable_since, unreadable, first.at)
        disk = disk_facts(self._settings.mode.data_dir)
        return [
            self._situation(reader.settings, watch.look(found), found, disk)
            for (reader, watch), found in zip(self._accounts, facts, strict=True)
        ]

    def _situation(
        self, settings: Settings, look: AccountLook, facts: Facts, disk: models.Disk | None
    ) -> Situation:
        return Situation(
            facts=facts,
            settings=settings,
            account=settings.account.key if settings.label else "",
            watched_since=self._since,
            disk=disk,
            licence=Finding(*self._licence_trouble) if self._licence_trouble is not None else None,
            login_failures=self._login_failures(),
            silent=self._presence.silent(),
            restarting=self._presence.restarting(facts.at),
            killed=self._presence.killed(facts.at),
            unreadable_since=self._unreadable_since,
            unarmed_since=look.unarmed_since,
            was_armed=look.was_armed,
            standstill=look.standstill,
            starts=self._starts,
        )

    async def _look_at_licence(self) -> None:
        if self._clock.monotonic() < self._licence_due:
            return
        self._licence_trouble = await asyncio.to_thread(
            licence_trouble, self._settings, self._clock
        )
        self._licence_due = self._clock.monotonic() + SLOW_EVERY_S

    def _login_failures(self) -> tuple[str, int] | None:
        worst = self._authenticator.backoff.worst(FAILURES_COUNT_S)
        return worst if worst is not None and worst[1] >= ALERT_AFTER else None


def _rule_of(alert_id: str) -> str:
    return alert_id.partition(":")[0]


def _raised(rule: Rule, finding: Finding, now: datetime) -> Alert:
    return rule.kind.alert(finding.detail, now, about=finding.about, level=finding.level)
