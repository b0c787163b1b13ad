"""The values that metrics are made from. The dashboard gathers them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from keter.bus.queue import QueueFacts
from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.heartbeats import Heartbeat
from keter.domain.alerts import Alert
from keter.domain.exposure import Exposure
from keter.domain.processes import Process
from keter.domain.storage import StorageUse
from keter.domain.tickets import AccountSnapshot
from keter.domain.trading import TradingMode
from keter.ledger import Figures


@dataclass(frozen=True, slots=True)
class RedisPart:
    """What the Redis server reports about itself; None if it does not report it."""

    memory_bytes: int | None
    append_only: bool | None
    policy: str | None
    imitated: bool


@dataclass(frozen=True, slots=True)
class BusPart:
    """What Redis holds of all accounts together.

    ``revision`` is None if there is no trading state. ``counts`` are the counters of the betting
    day by ``stage:what``. ``expected`` are the roles that there should be, each with
    its process.
    """

    revision: int | None
    heartbeats: Sequence[Heartbeat]
    queues: Mapping[str, QueueFacts]
    counts: Mapping[str, int]
    alerts: Sequence[Alert]
    redis: RedisPart
    expected: Mapping[str, Process]


@dataclass(frozen=True, slots=True)
class AccountBusPart:
    """What Redis holds of one account.

    ``mode`` is None if there is no trading state. ``snapshot`` is what the venue last said.
    """

    mode: TradingMode | None
    armed: bool
    feeds: Sequence[FeedFacts]
    snapshot: AccountSnapshot | None
    exposures: Sequence[Exposure]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that alerting rules compare with, the same for all accounts."""

    unknown_s: float
    refusals_pct: float
    low_ev_streak: int


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """Limits in force of one account that alerting rules compare with; money in minor units."""

    exposure_minor: int
    day_loss_minor: int
    losing_streak: int
    feed_age_s: float


@dataclass(frozen=True, slots=True)
class AccountPart:
    """What is known of one account.

    ``bus`` is None if Redis could not be read, ``figures`` if the ledger could not.
    """

    account: str
    mode: str
    currency: str
    limits: AccountLimits
    bus: AccountBusPart | None
    figures: Figures | None


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and what is stored on it; None means not known."""

    disk_free_bytes: int | None
    disk_size_bytes: int | None
    license_ends: datetime | None
    pages: int
    rooms: Sequence[StorageUse] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is known at one moment.

    ``bus`` is None if Redis could not be read. A store that can be read but takes no write does not
    count as up: see ``redis_writes``, ``ledger_writes``.
    ``rules`` are (name, level) of every alert that may exist.
    """

    at: datetime
    version: str
    zone: str
    stopped: bool
    accounts: Sequence[AccountPart]
    limits: Limits
    machine: Machine
    rules: Sequence[tuple[str, str]]
    bus: BusPart | None
    redis_writes: bool = True
    ledger_writes: bool = True
