"""What the mapping is fed with: plain values, gathered by whoever can ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from keter.bus.queue import QueueFacts
from keter.bus.state.feeds import FeedFacts
from keter.bus.telemetry.alerts import Alert
from keter.bus.telemetry.heartbeats import Heartbeat
from keter.domain.exposure import Exposure
from keter.domain.storage import StorageUse
from keter.domain.tickets import AccountSnapshot
from keter.domain.trading import TradingMode
from keter.ledger import Figures


@dataclass(frozen=True, slots=True)
class RedisPart:
    """What the server said of itself; None where it does not tell."""

    memory_bytes: int | None
    append_only: bool | None
    policy: str | None
    imitated: bool


@dataclass(frozen=True, slots=True)
class BusPart:
    """What Redis holds.

    ``feeds`` are the current account's; ``mode`` is None when there is no trading state.
    """

    mode: TradingMode | None
    revision: int | None
    armed: bool
    heartbeats: Sequence[Heartbeat]
    queues: Mapping[str, QueueFacts]
    feeds: Sequence[FeedFacts]
    account: AccountSnapshot | None
    exposures: Sequence[Exposure]
    counts: Mapping[str, int]
    alerts: Sequence[Alert]
    redis: RedisPart


@dataclass(frozen=True, slots=True)
class Limits:
    """Settings that alerting rules compare with; money in minor units."""

    exposure_minor: int
    day_loss_minor: int
    losing_streak: int
    feed_age_s: float
    unknown_s: float
    refusals_pct: float
    low_ev_streak: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it runs; None is not known."""

    disk_free_bytes: int | None
    disk_size_bytes: int | None
    license_ends: datetime | None
    pages: int
    rooms: Sequence[StorageUse] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """Everything at one moment.

    ``bus`` and ``figures`` are None when Redis or the ledger could not be asked.

    ``rules`` are (name, level) of every alert there may be. A store that is read and takes no write
    is not up.
    """

    at: datetime
    version: str
    mode: str
    currency: str
    zone: str
    stopped: bool
    limits: Limits
    machine: Machine
    rules: Sequence[tuple[str, str]]
    bus: BusPart | None
    figures: Figures | None
    redis_writes: bool = True
    ledger_writes: bool = True
