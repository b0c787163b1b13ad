"""What the console knows at one moment, in domain terms."""

from dataclasses import dataclass, field
from datetime import datetime

from keter.betting_settings import RiskSettings
from keter.bus.queue import QueueFacts
from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.heartbeats import Heartbeat
from keter.control.standing import Standing
from keter.dashboard import models
from keter.dashboard.health import Blocked
from keter.domain.alerts import Alert
from keter.domain.exposure import Exposure
from keter.domain.orders import Order
from keter.domain.runs import OwnerRecord
from keter.domain.signals import Decision
from keter.domain.tickets import AccountSnapshot
from keter.ledger import MoneySummary
from keter.settings import Settings
from keter.supervision.following import following_text


@dataclass(frozen=True, slots=True)
class BusFacts:
    """What Redis holds.

    Heartbeats, queues, feeds, accounts, counts and alerts are those of all accounts.

    ``exposures`` are the account's, ``of_others`` those of all other accounts.
    ``limits`` are those in force, with the operators' changes. ``reconciled_at`` is when ledger and
    venue were last compared completely; None when nobody knows.
    """

    standing: Standing
    armed: bool
    blocked: Blocked
    reconciled_at: datetime | None
    heartbeats: list[Heartbeat]
    queues: dict[str, QueueFacts]
    feeds: list[FeedFacts]
    accounts: list[AccountSnapshot]
    exposures: tuple[Exposure, ...]
    limits: RiskSettings
    counts: dict[str, int]
    alerts: list[Alert]
    ticks: list[models.Tick]
    redis: models.RedisFacts
    owner: OwnerRecord | None
    of_others: tuple[Exposure, ...] = ()


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """What the ledger holds.

    ``bets`` are the newest; ``unknown`` are all whose outcome nobody knows.
    """

    summary: MoneySummary
    bets: list[Order]
    unknown: list[Order]
    decisions: list[Decision]
    pnl: list[tuple[datetime, int]]


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known at ``at``. ``ledger`` is None while it cannot be read;
    ``problems`` say why.
    """

    at: datetime
    day_start: datetime
    bus: BusFacts
    ledger: LedgerFacts | None
    problems: list[str] = field(default_factory=list)


def following(facts: Facts) -> str | None:
    """Return what LIVE does while it may not bet, whoever arms it; None where it may bet."""
    why = facts.bus.blocked.live
    return (
        following_text(facts.ledger.summary.open if facts.ledger is not None else None, why)
        if why is not None
        else None
    )


def account_of(accounts: list[AccountSnapshot], settings: Settings) -> AccountSnapshot | None:
    """Return what is known of the configured account; None where nobody has asked the venue."""
    key = settings.account.key
    return next((account for account in accounts if account.account == key), None)
