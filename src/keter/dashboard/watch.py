"""Watches over everything that no worker watches over itself, and keeps the history of every alert that stands."""

import asyncio
from datetime import datetime

import structlog

from keter.bus.alerts import Alert, clear_alert, raise_alert, read_alerts
from keter.bus.connection import Bus
from keter.clock import Clock
from keter.dashboard.auth import ALERT_AFTER, Doorman
from keter.dashboard.facts import Facts
from keter.dashboard.health import disk_facts, licence_trouble
from keter.dashboard.ledger_door import LedgerDoor
from keter.dashboard.models.base import Level
from keter.dashboard.reader import Reader
from keter.dashboard.rules import RULES, WANTED, Finding, Rule, Situation
from keter.errors import KeterError
from keter.settings import Settings

log = structlog.get_logger(__name__)
EVERY_S = 2.0
SLOW_EVERY_S = 60.0
FAILURES_COUNT_S = 600.0


class Watch:
    """One per dashboard. Alerts are raised and cleared in Redis, so that they outlive this process."""

    def __init__(self, settings: Settings, bus: Bus, reader: Reader, door: LedgerDoor, doorman: Doorman, clock: Clock) -> None:
        self._settings = settings
        self._bus = bus
        self._reader = reader
        self._door = door
        self._doorman = doorman
        self._clock = clock
        self._missing_since: dict[str, datetime] = {}
        self._standing: dict[str, Alert] = {}
        self._caught_up = False
        self._licence_trouble: tuple[str, Level] | None = None
        self._licence_due = 0.0
        self._since = clock.now()

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until ``stop``; what cannot be asked now is asked again."""
        while not stop.is_set():
            try:
                await self.look()
            except (KeterError, OSError, TimeoutError) as e:
                log.debug("watch_skipped", error=str(e))
            try:
                await asyncio.wait_for(stop.wait(), EVERY_S)
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Raises what is wrong, clears what is over, and writes both down. Raises the errors of bus and ledger."""
        facts = await self._reader.facts()
        situation = await self._situation(facts)
        for rule in RULES:
            if rule.check is not None:
                await self._settle(rule, rule.check(situation), facts.at)
        await self._note_history(await read_alerts(self._bus))

    async def _settle(self, rule: Rule, finding: Finding | None, now: datetime) -> None:
        if finding is None:
            if rule.id in self._standing:
                await clear_alert(self._bus, rule.id)
            return
        level = finding.level or rule.level
        await raise_alert(self._bus, Alert(rule.id, level, rule.title, finding.detail, now, rule.action, rule.link, rule.id))

    async def _note_history(self, alerts: list[Alert]) -> None:
        current = {alert.id: alert for alert in alerts}
        new = [alert for alert in alerts if alert.id not in self._standing or self._standing[alert.id].level != alert.level]
        over = self._standing.keys() - current.keys()
        if new or over or not self._caught_up:
            history = await self._door.alerts()
            if not self._caught_up:
                over = await history.standing() - current.keys()  # what ended while nobody watched
            for alert in new:
                log.warning("alert_raised", alert=alert.id, level_of=alert.level, title=alert.title, detail=alert.detail)
                await history.opened(alert.id, level=alert.level, title=alert.title, detail=alert.detail, at=alert.since)
            for alert_id in sorted(over):
                log.info("alert_resolved", alert=alert_id)
                await history.closed(alert_id, at=self._clock.now())
            self._caught_up = True
        self._standing = current

    async def _situation(self, facts: Facts) -> Situation:
        beating = {beat.process for beat in facts.bus.heartbeats}
        self._missing_since = {name: self._missing_since.get(name, facts.at) for name in WANTED if name not in beating}
        if self._clock.monotonic() >= self._licence_due:
            self._licence_trouble = await asyncio.to_thread(licence_trouble, self._settings, self._clock)
            self._licence_due = self._clock.monotonic() + SLOW_EVERY_S
        return Situation(
            facts=facts,
            settings=self._settings,
            missing_since=self._missing_since,
            watched_since=self._since,
            disk=disk_facts(self._settings.mode.data_dir),
            licence=Finding(*self._licence_trouble) if self._licence_trouble is not None else None,
            login_failures=self._login_failures(),
        )

    def _login_failures(self) -> tuple[str, int] | None:
        worst = self._doorman.backoff.worst(FAILURES_COUNT_S)
        return worst if worst is not None and worst[1] >= ALERT_AFTER else None
