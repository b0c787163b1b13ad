"""The way from the facts of one moment to the snapshot that the overview shows. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode

from keter.bus.queue import OF_ACCOUNT, QueueFacts, QueueName, queue_for
from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.audit import counts_of
from keter.control.standing import Standing
from keter.dashboard import models
from keter.dashboard.facts import Facts, account_of, following
from keter.dashboard.funnel import confirmed_stage, funnel
from keter.dashboard.views import order_row, pnl_series, signal_row
from keter.dashboard.worker_rows import all_workers
from keter.domain.alerts import Alert, runbook_id
from keter.domain.exposure import worst_cases
from keter.domain.limits import daily_loss_limit_minor
from keter.domain.money import money_text, to_minor
from keter.domain.order_states import OrderState
from keter.domain.orders import Order
from keter.domain.processes import EVERYTHING, roles
from keter.settings import Settings


def trading_view(
    standing: Standing,
    armed: bool,
    unlicensed: str | None,
    settings_differ: Sequence[str] = (),
    following: str | None = None,
) -> models.Trading:
    """Return the trading state as the page shows it."""
    state = standing.trading.state if standing.trading is not None else None
    mode, cause = standing.mode, standing.cause
    return models.Trading(
        mode=mode.value if mode is not None else None,
        actor=cause.actor if cause else None,
        reason=cause.reason if cause else None,
        since=cause.since if cause else None,
        until=cause.until if cause else None,
        revision=state.revision if state else None,
        stops=list(standing.stops),
        armed=armed,
        unlicensed=unlicensed,
        settings_differ=list(settings_differ),
        following=following,
        problem=standing.problem,
    )


def _trading(facts: Facts) -> models.Trading:
    bus = facts.bus
    differing = bus.owner.differing if bus.owner else ()
    return trading_view(bus.standing, bus.armed, bus.blocked.licence, differing, following(facts))


def money_strip(facts: Facts, settings: Settings) -> models.MoneyStrip | None:
    """Return the money row; None when the ledger could not be read: unknown is not zero."""
    if facts.ledger is None:
        return None
    summary, account = facts.ledger.summary, account_of(facts.bus.accounts, settings)
    confirmed = confirmed_stage(facts.ledger)[0].passed
    rejected = summary.states.get(OrderState.REFUSED, 0) + summary.states.get(OrderState.SKIPPED, 0)
    exposure = sum(worst_cases(facts.bus.exposures).values())
    limit = to_minor(facts.bus.limits.max_exposure_total)
    return models.MoneyStrip(
        day=summary.day,
        since=facts.day_start,
        as_of=account.fetched_at if account else None,
        balance=money_text(account.credit_minor + account.outstanding_minor) if account else None,
        available=money_text(account.credit_minor) if account else None,
        outstanding=money_text(summary.outstanding_minor),
        open=summary.open,
        unknown=summary.unknown,
        unknown_stake=money_text(summary.unknown_stake_minor),
        pnl_today=money_text(summary.pnl_minor),
        settled=summary.settled,
        loss_limit=money_text(
            daily_loss_limit_minor(
                facts.bus.limits.daily_loss_limit_units, settings.stake.fixed_stake
            )
        ),
        confirmed=confirmed,
        rejected=rejected,
        rejected_pct=share(rejected, confirmed + rejected),
        top_reason=_top_reason(facts.ledger.bets),
        exposure=money_text(exposure),
        exposure_limit=money_text(limit),
        exposure_pct=exposure * 100 // limit if limit else None,
    )


def share(part: int, whole: int) -> str | None:
    """Return ``part`` of ``whole`` in percent with one decimal; None of nothing."""
    return f"{Decimal(part) * 100 / whole:.1f}" if whole else None


def _top_reason(bets: list[Order]) -> str | None:
    """Return the commonest reason among the newest refused and skipped bets."""
    reasons = [
        bet.reason
        for bet in bets
        if bet.state in {OrderState.REFUSED, OrderState.SKIPPED} and bet.reason
    ]
    return max(sorted(set(reasons)), key=reasons.count).replace("_", " ") if reasons else None


def queue_row(name: str, queue: QueueFacts) -> models.Queue:
    return models.Queue(
        name=name,
        depth=queue.depth,
        in_flight=queue.in_flight,
        oldest_age_s=queue.oldest_age_s,
        consumers=queue.consumers,
        dead=queue.dead,
    )


def notice(alert: Alert, accounts: Sequence[models.AccountLine]) -> models.Notice:
    """Return an active alert as the page shows it.

    Its link opens the account that it is about, where there are several ``accounts``.
    """
    link, about = alert.link or "#/alerts", f"{alert.id.partition(':')[2]}:"
    whose = next((one.account for one in accounts if about.startswith(f"{one.account}:")), None)
    if whose is not None:
        link += f"{'&' if '?' in link else '?'}{urlencode({'account': whose})}"
    return models.Notice(
        id=alert.id,
        level=alert.level,
        title=alert.title,
        detail=alert.detail,
        since=alert.since,
        action=alert.action,
        link=link,
        runbook=runbook_id(alert.id),
        acknowledged_by=alert.acknowledged_by,
    )


def feed_row(feed: FeedFacts, stale_after_s: float, now: datetime) -> models.Feed:
    """Return a feed as the page shows it."""
    return models.Feed(
        account=feed.account,
        phase=feed.phase.value,
        confirmed_at=feed.confirmed_at,
        stale=feed.is_stale(stale_after_s, now),
        known_markets=feed.known_markets,
        body_bytes=feed.body_bytes,
    )


def order_rows(facts: Facts) -> list[models.BetRow]:
    return [order_row(bet) for bet in facts.ledger.bets] if facts.ledger else []


def signal_rows(facts: Facts) -> list[models.SignalRow]:
    return [signal_row(decision) for decision in facts.ledger.decisions] if facts.ledger else []


def of_account(facts: Facts, settings: Settings) -> Facts:
    """Return the facts without what is of other accounts; with an only account they are all its.

    ``settings`` are those of the account.
    """
    if not settings.label:
        return facts
    key, bus = settings.account.key, facts.bus
    own = {queue_for(kind, key): kind.value for kind in OF_ACCOUNT}
    queues = {own.get(name, name): queue for name, queue in bus.queues.items()}
    common = {name.value for name in QueueName}
    return replace(
        facts,
        bus=replace(
            bus,
            counts=counts_of(bus.counts, key),
            heartbeats=[beat for beat in bus.heartbeats if beat.account in {"", key}],
            queues={name: queue for name, queue in queues.items() if name in common},
            feeds=[feed for feed in bus.feeds if feed.account == key],
        ),
    )


def snapshot(
    facts: Facts,
    settings: Settings,
    server: models.Server,
    position: str,
    known: dict[str, models.Worker],
    accounts: list[models.AccountLine],
) -> models.Snapshot:
    """Return everything the overview shows of the account that ``settings`` are of.

    ``known`` are workers seen before, so that one that died is shown as lost. ``accounts`` are the
    lines of all accounts where there are several.
    """
    facts = of_account(facts, settings)
    bus, expected = facts.bus, roles(EVERYTHING, [settings.label])
    return models.Snapshot(
        id=position,
        at=facts.at,
        server=server,
        trading=_trading(facts),
        money=money_strip(facts, settings),
        attention=[notice(alert, accounts) for alert in bus.alerts],
        workers=all_workers(bus.heartbeats, settings.process.heartbeat_s, known, expected),
        queues=[queue_row(name, queue) for name, queue in bus.queues.items()],
        feeds=[feed_row(feed, settings.venue.feed_stale_after_s, facts.at) for feed in bus.feeds],
        redis=bus.redis,
        funnel=[*funnel(bus.counts), *confirmed_stage(facts.ledger)],
        pnl=pnl_series(facts.ledger.pnl, facts.day_start) if facts.ledger else [],
        orders=order_rows(facts),
        signals=signal_rows(facts),
        ticks=bus.ticks,
        problems=facts.problems,
        accounts=accounts,
    )
