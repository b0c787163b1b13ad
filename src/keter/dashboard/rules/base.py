"""What the rules look at and what they find. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from keter.dashboard import models
from keter.dashboard.facts import Facts
from keter.dashboard.presence import Silent, Troubled
from keter.dashboard.standstill import Standstill
from keter.dashboard.stores import StoreHealth
from keter.domain.alerts import AlertKind, Level
from keter.domain.processes import EVERYTHING, Process
from keter.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found, in one sentence.

    ``level`` is given where it differs from the kind's own. ``about`` names whom, where it may be
    many.
    """

    detail: str
    level: Level | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything the rules look at, of one account and of what all have in common.

    ``account`` is its key where there are several, else empty.

    ``watched_since`` is when the watch began: what it has not seen for that long may only be new.
    ``unreadable_since`` is since when the ledger could not be read, ``unarmed_since`` since when
    LIVE waits to be armed. ``was_armed``: LIVE was armed before in this process's life.
    ``starts`` are the processes of this run; no others are expected.
    """

    facts: Facts
    settings: Settings
    watched_since: datetime
    disk: models.Disk | None
    licence: Finding | None
    login_failures: tuple[str, int] | None
    account: str = ""
    silent: Sequence[Silent] = ()
    restarting: Sequence[Troubled] = ()
    killed: Sequence[Troubled] = ()
    unreadable_since: datetime | None = None
    unarmed_since: datetime | None = None
    was_armed: bool = False
    standstill: Standstill | None = None
    starts: frozenset[Process] = EVERYTHING


@dataclass(frozen=True, slots=True)
class Rule:
    """How the dashboard finds the troubles of one kind of alert.

    ``check`` finds one trouble, ``each`` any number, which differ after a colon in the alert's id.
    ``of_stores`` needs only the health of the stores. It is asked first, and also while nothing
    else is known. A rule without any of them belongs to a worker, which raises the alert itself.

    What ``of_account`` checks is looked at in each account, and each has an alert of its own.
    """

    kind: AlertKind
    check: Callable[[Situation], Finding | None] | None = None
    each: Callable[[Situation], Iterator[Finding]] | None = None
    of_stores: Callable[[StoreHealth], Finding | None] | None = None
    of_account: Callable[[Situation], Finding | None] | None = None


def findings(
    rule: Rule, stores: StoreHealth, situations: Sequence[Situation]
) -> list[Finding] | None:
    """Return what ``rule`` finds; None where it cannot know without a situation.

    ``situations`` has one for each account, or none.
    """
    if rule.of_stores is not None and (found := rule.of_stores(stores)) is not None:
        return [found]
    if rule.check is None and rule.each is None and rule.of_account is None:
        return []
    # A Redis that takes no writes takes no heartbeats: nobody knows then who is silent.
    if not situations or (rule.each is not None and stores.redis is not None):
        return None
    if rule.each is not None:
        return list(rule.each(situations[0]))
    if rule.of_account is not None:
        each = [(one.account, rule.of_account(one)) for one in situations]
        return [_about(account, found) for account, found in each if found is not None]
    one = rule.check(situations[0]) if rule.check is not None else None
    return [one] if one is not None else []


def _about(account: str, found: Finding) -> Finding:
    """Return a finding that names its account, if there are several."""
    if not account:
        return found
    return Finding(f"{account}: {found.detail}", found.level, account)
