"""The families of metrics at one moment, made from known values; no input or output.

A value that is not known yields no sample, never zero. Names come from ``keter.metrics.names``.
"""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from keter.domain.order_states import OrderState
from keter.ledger import Figures
from keter.metrics.bus_families import put_account_bus, put_bus
from keter.metrics.exposition import Page, age_s, money, timestamp
from keter.metrics.known import AccountPart, Known, Limits, Machine


class Snapshot(Collector):
    """The families of one moment, as a collector of ``prometheus_client``."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def collect(self) -> Iterator[Metric]:
        page = Page()
        _put_keter(page, self._known)
        _put_limits(page, self._known.limits)
        _put_machine(page, self._known.machine)
        for one in self._known.accounts:
            _put_account(page, one, self._known)
        if self._known.bus is not None:
            put_bus(page, self._known.bus, self._known)
        return page.families()


def expose(known: Known) -> bytes:
    """Return the page in the text format that CONTENT_TYPE names."""
    return generate_latest(Snapshot(known))


def _put_keter(page: Page, known: Known) -> None:
    redis_up = known.bus is not None and known.redis_writes
    read = all(one.figures is not None for one in known.accounts)
    ledger_up = read and known.ledger_writes
    page.put("up", redis_up and ledger_up)
    page.put("redis_up", redis_up)
    page.put("ledger_up", ledger_up)
    page.put("build_info", 1, known.version)
    page.put("trading_stopped", known.stopped)


def _put_limits(page: Page, limits: Limits) -> None:
    page.put("limit_unknown_seconds", limits.unknown_s)
    page.put("limit_refusals_ratio", limits.refusals_pct / 100)
    page.put("limit_low_ev_streak", limits.low_ev_streak)


def _put_account(page: Page, one: AccountPart, known: Known) -> None:
    account, limits = one.account, one.limits
    page.put("run_info", 1, account, one.mode, one.currency, known.zone)
    page.put("limit_exposure", money(limits.exposure_minor), account)
    page.put("limit_day_loss", money(limits.day_loss_minor), account)
    page.put("limit_losing_streak", limits.losing_streak, account)
    page.put("limit_feed_age_seconds", limits.feed_age_s, account)
    if one.figures is not None:
        _put_figures(page, one.figures, (account, one.mode), known.at)
    if one.bus is not None:
        put_account_bus(page, one.bus, account, known.at)


def _put_machine(page: Page, machine: Machine) -> None:
    page.put("disk_free_bytes", machine.disk_free_bytes)
    page.put("disk_size_bytes", machine.disk_size_bytes)
    for room in machine.rooms:
        page.put("storage_bytes", room.used_bytes, room.name)
        page.put("storage_limit_bytes", room.most_bytes, room.name)
        page.put("storage_growth_bytes_per_day", room.growth_bytes_day, room.name)
        page.put("storage_days_left", room.days_left, room.name)
    page.put("license_expiry_timestamp_seconds", timestamp(machine.license_ends))
    page.put("console_pages", machine.pages)


def _put_figures(page: Page, figures: Figures, of: tuple[str, str], at: datetime) -> None:
    page.put("outstanding", money(figures.outstanding_minor), *of)
    page.put("profit", money(figures.profit_minor), *of)
    page.put("day_profit", money(figures.day.pnl_minor), *of)
    page.put("day_staked", money(figures.day.staked_minor), *of)
    page.put("day_bets", figures.day.bets, *of)
    page.put("losing_streak", figures.day.streak, *of)
    for state in OrderState:
        page.put("bets", figures.states.get(state.value, 0), *of, state.value)
    page.put("unknown_oldest_seconds", age_s(figures.unknown_since or at, at), *of)
    page.put("recent_placements", figures.placements, *of)
    page.put("recent_refusals", figures.refused, *of)
    page.put("clv_mean_ratio", figures.clv_mean, *of)
    page.put("clv_bets", figures.clv_bets, *of)
