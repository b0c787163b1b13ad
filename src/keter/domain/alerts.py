"""The catalogue of alerts, and the alert itself.

Each kind stands here once: its id, level and texts. The runbook pages, `docs/alerts.md` and the
Prometheus rules are compared with it by tests.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Literal

import msgspec

from keter.plain import plain

# A page wakes somebody, a ticket can wait until morning, an info is worth knowing.
Level = Literal["page", "ticket", "info"]

REVIEW_BETS = "Look at the bets of the day before you resume."
CHECK_VENUE = "Look at the venue's status, the account's settings and the ingest log."
COMPARE = (
    "The ledger holds what the venue says; compare with the venue's own page and clear the alert."
)


class Alert(msgspec.Struct, frozen=True):
    """One trouble that wants attention, as Redis keeps it.

    ``id`` names the trouble: raising it again is the same alert. ``action`` says what to do,
    ``link`` where in the console, ``runbook`` which page of `docs/runbooks`.
    """

    id: str
    level: Level
    title: str
    detail: str
    since: datetime
    action: str = ""
    link: str = ""
    runbook: str = ""
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    v: int = 1


def made_plain(alert: Alert) -> Alert:
    """Return ``alert`` with texts that every channel and store can write.

    A venue's own words may be in them.
    """
    texts = {name: plain(getattr(alert, name)) for name in ("title", "detail", "action")}
    return msgspec.structs.replace(alert, **texts)


def runbook_id(alert_id: str) -> str:
    """Return the name of the page in `docs/runbooks`: the id up to its colon, with hyphens."""
    return alert_id.partition(":")[0].replace("_", "-")


@dataclass(frozen=True, slots=True)
class Wording:
    """What an alert of a kind says where it differs from what the list of rules says.

    None means: as in the list.
    """

    id: str | None = None
    title: str | None = None
    action: str | None = None
    link: str | None = None


class AlertKind(Enum):
    """A kind of alert; ``id`` names its runbook page and its rule.

    ``condition`` says when it is raised, ``action`` what Keter does by itself, ``link`` where in
    the console to look. ``level`` is the usual one. ``wording`` holds what a raised alert says
    differently.
    """

    id: str
    level: Level
    title: str
    link: str
    condition: str
    action: str
    wording: Wording

    def __new__(
        cls, name: str, level: Level, title: str, link: str, condition: str, action: str,
        wording: Wording | None = None,
    ) -> "AlertKind":  # fmt: skip
        member = object.__new__(cls)
        member._value_ = member.id = name
        member.level, member.title, member.link = level, title, link
        member.condition, member.action = condition, action
        member.wording = wording or Wording()
        return member

    # Id, level, title, link, condition, what Keter does; then the wording of a raised alert.
    # fmt: off
    UNKNOWN_BETS = (
        "unknown-bets", "page", "Bets with unknown outcome", "#/orders?state=UNKNOWN",
        "a bet is UNKNOWN for longer than UNKNOWN_ALERT_S",
        "The tracker asks the venue again and again; nothing is sent twice.",
        Wording(link="#/orders"),
    )
    DAILY_LOSS_LIMIT = (
        "daily-loss-limit", "page", "The day's loss reached its limit", "#/risk",
        "DAILY_LOSS_LIMIT_UNITS", "The guard pauses betting until tomorrow; open bets stay open.",
        Wording(
            id="daily_loss_limit",
            title="Betting is paused: daily loss limit",
            action=REVIEW_BETS,
            link="",
        ),
    )
    LOSING_STREAK = (
        "losing-streak", "page", "Too many losses in a row", "#/risk",
        "LOSING_STREAK_LIMIT", "The guard pauses betting for LOSING_STREAK_PAUSE_MIN.",
        Wording(
            id="losing_streak",
            title="Betting is paused: losing streak",
            action=REVIEW_BETS,
            link="",
        ),
    )
    TRADING_STATE_MISSING = (
        "trading-state-missing", "page", "The trading state is missing", "#/risk",
        "Redis lost it", "No bets until the guard has restored it from the ledger.",
    )
    HEARTBEAT_LOST = (
        "heartbeat-lost", "page", "A worker is silent", "#/health",
        "no heartbeat for 15 s; a ticket for recorder and sandbox, or while another copy beats",
        "The supervisor starts a worker again that has ended, or that hangs.",
    )
    WORKER_RESTARTING = (
        "worker-restarting", "page", "A worker is started again and again", "#/health",
        "3 restarts within 10 minutes; a ticket for recorder, dashboard and sandbox",
        "The supervisor waits up to 30 s before each.",
    )
    WORKER_HUNG = (
        "worker-hung", "page", "A worker hung", "#/health",
        "the supervisor killed it; a ticket for recorder, dashboard and sandbox",
        "It was killed and started again.",
    )
    NOTHING_BET = (
        "nothing-bet", "page", "Signals are approved and none is bet", "#/signals?stage=router",
        "3 approvals and no bet within 5 minutes; a ticket where only prices moved",
        "The router refuses each for the reason that is counted.",
    )
    NOT_ARMED = (
        "not-armed", "page", "LIVE is not armed", "#/risk",
        "betting is active and not armed for a minute; a ticket before the first arming",
        "Nothing is bet; open bets are followed.",
    )
    RECONCILIATION_INCOMPLETE = (
        "reconciliation-incomplete", "page", "Ledger and venue are not compared", "#/health",
        "no complete comparison for four times RECONCILE_INTERVAL_S, 60 s at least",
        "Nothing is bet until one is complete; the tracker tries again and again.",
    )
    ACCOUNT_MISMATCH = (
        "account-mismatch", "page", "Venue and ledger disagree about the money", "#/risk",
        "two comparisons in a row", "The tracker halts betting or tells what differs.",
        Wording(
            action=("Betting is halted. Compare the open bets with the venue's own page, then"
                    " `keter resume`."),
            link="#/orders",
        ),
    )
    BET_STAKE_MISMATCH = (
        "bet-stake-mismatch", "page", "The venue booked another stake", "#/orders",
        "a ticket's stake is not ours", "The ledger holds what the venue says.",
        Wording(title="The venue's stake is not ours", action=COMPARE),
    )
    BET_PRICE_MISMATCH = (
        "bet-price-mismatch", "page", "The venue booked a worse price", "#/orders",
        "further below ours than MAX_SLIPPAGE_PCT", "The ledger holds what the venue says.",
        Wording(title="The venue's price is not ours", action=COMPARE),
    )
    BET_SELECTION_MISMATCH = (
        "bet-selection-mismatch", "page", "The venue booked another selection", "#/orders",
        "a ticket's market or side is not ours", "The ledger holds what the venue says.",
        Wording(title="The venue's selection is not ours", action=COMPARE),
    )
    BET_STATE_MISMATCH = (
        "bet-state-mismatch", "page", "A finished bet lives on", "#/orders",
        "a bet that is final here is open at the venue", "The ledger holds what the venue says.",
        Wording(title="The venue's state is not ours", action=COMPARE),
    )
    BET_RECORD_MISMATCH = (
        "bet-record-mismatch", "page", "The venue denies a bet", "#/orders",
        "a bet that it had accepted is not in its lists", "The ledger holds what the venue says.",
        Wording(title="The venue's record is not ours", action=COMPARE),
    )
    BET_RESULT_MISMATCH = (
        "bet-result-mismatch", "page", "A result does not fit together", "#/orders",
        "the venue contradicts itself about a finished bet",
        "The ledger holds what the venue says.",
        Wording(title="The venue's result is not ours", action=COMPARE),
    )
    BET_SETTLEMENT_MISMATCH = (
        "bet-settlement-mismatch", "page", "A bet is settled unlike we settle it", "#/orders",
        "our result from the score is another", "The ledger holds what the venue says.",
        Wording(title="The venue's settlement is not ours", action=COMPARE),
    )
    FOREIGN_BETS = (
        "foreign-bets", "ticket", "Bets that are not ours", "#/risk",
        "the venue lists tickets that no intent explains", "They count as exposure.",
        Wording(
            action="Nothing is done to them. If nobody made them, change the account's password.",
            link="#/orders",
        ),
    )
    SECOND_COPY = (
        "second-copy", "page", "Another Keter bets on this account", "#/orders",
        ("open tickets under a Keter's reference that the ledger does not know, or the session is"
         " taken away for minutes"),
        "Betting is paused and LIVE disarmed.",
        Wording(
            action=("Stop the other copy, or put the right ledger back. Then `keter resume` and,"
                    " in LIVE, `keter arm`."),
        ),
    )
    LEDGER_REPLACED = (
        "ledger-replaced", "page", "The ledger was replaced", "#/orders",
        ("LIVE on another ledger than that of the last start, or Redis knows open bets that it"
         " does not"),
        "LIVE is disarmed.",
        Wording(
            action=("Compare the open bets with the venue's own page; then put the right ledger"
                    " back, or `keter arm`."),
        ),
    )
    UNREADABLE_TICKETS = (
        "unreadable-tickets", "page", "Rows of the venue cannot be read", "#/risk",
        "a bet row with an amount beyond belief, or unstorable",
        "Each counts as exposure; nothing is bet beside an open stake that nobody can read.",
        Wording(
            action=("Each counts as exposure; nothing is concluded from it. Compare with the"
                    " venue's own page."),
            link="#/orders",
        ),
    )
    LOGIN_FAILURES = (
        "login-failures", "page", "Somebody is guessing the password", "#/logs?worker=dashboard",
        "5 failed logins in a row from one address", "Each further try waits twice as long.",
    )
    LEDGER_UNREADABLE = (
        "ledger-unreadable", "page", "The ledger cannot be read", "#/health",
        "the database does not answer", "The router makes no bet that it cannot write down.",
    )
    LEDGER_UNWRITABLE = (
        "ledger-unwritable", "page", "The ledger takes no writes", "#/health",
        "no write for 10 s: locked, read-only, disk full or away",
        "No bet is made and no result written; the channels are told without it.",
    )
    VENUE_REFUSED = (
        "venue-refused", "page", "The venue refuses the account", "#/logs?worker=ingest",
        "a login or call is rejected for good", "Nothing is bet.",
        Wording(id="venue_refused", action=CHECK_VENUE, link=""),
    )
    VENUE_TIMEOUTS = (
        "venue-timeouts", "page", "The venue does not answer", "#/logs?worker=ingest",
        "ALERT_CONSECUTIVE_TIMEOUTS in a row",
        "Calls are spaced out; placements that timed out are UNKNOWN.",
        Wording(id="venue_timeouts", action=CHECK_VENUE, link=""),
    )
    FEED_STALE = (
        "feed-stale", "page", "Prices are old", "#/health",
        "a feed gave no good answer within FEED_STALE_AFTER_S", "Old prices are never bet on.",
        Wording(id="feed_stale", title="The {phase} feed is stale", action=CHECK_VENUE, link=""),
    )
    FEED_OVERFLOW = (
        "feed-overflow", "ticket", "The feed holds more than is kept", "#/health",
        "more than MAX_FIXTURES or MAX_MARKETS", "What kicks off last is left out.",
        Wording(id="feed_overflow", action=CHECK_VENUE, link=""),
    )
    REFUSALS_RISING = (
        "refusals-rising", "ticket", "Many refusals", "#/orders?state=REFUSED",
        "more than ALERT_REFUSAL_PCT of the last 20 placements", "The selections cool down.",
    )
    DEAD_LETTERS = (
        "dead-letters", "ticket", "Messages that nobody could read", "#/health",
        "a queue has dead letters", "They are kept aside; the workers go on.",
    )
    REDIS_DOWN = (
        "redis-down", "page", "Redis does not answer", "#/health",
        "no answer for 15 s",
        "No bets are made until it is back; the channels are told without it.",
    )
    REDIS_MEMORY = (
        "redis-memory", "page", "Redis runs out of memory", "#/health",
        "90 % used, or writes refused for 10 s; a ticket from 70 %",
        "A full Redis takes no writes: nothing is bet; the channels are told without it.",
    )
    REDIS_READ_ONLY = (
        "redis-read-only", "page", "Redis is read-only", "#/health",
        "writes refused for 10 s: it is a replica",
        "Nothing is bet; the channels are told without it.",
    )
    REDIS_CANNOT_SAVE = (
        "redis-cannot-save", "page", "Redis cannot save", "#/health",
        "writes refused for 10 s: its disk is full or fails",
        "Nothing is bet; the channels are told without it.",
    )
    REDIS_REFUSES = (
        "redis-refuses", "page", "Redis refuses to write", "#/health",
        "writes refused for 10 s: rights of its user, or its own state",
        "Nothing is bet; the channels are told without it.",
    )
    REDIS_UNSAFE = (
        "redis-unsafe", "ticket", "Redis may lose data", "#/health",
        "append-only file off or an eviction policy", "Keter does nothing about it by itself.",
    )
    DISK_FULL = (
        "disk-full", "ticket", "The disk is filling up", "#/health",
        "90 % used", "Keter does nothing about it by itself.",
    )
    LOW_EV_STREAK = (
        "low-ev-streak", "info", "No value for long", "#/signals?stage=edge",
        "ALERT_LOW_EV_MIN without value in ALERT_LOW_EV_STREAK markets",
        "Keter does nothing about it by itself.",
        Wording(id="low_ev_streak", title="No value for a long time", action="", link=""),
    )
    LIMITS_MISSING = (
        "limits-missing", "page", "LIVE lacks limits set by hand", "#/config",
        "LIVE runs without the limits it asks for",
        "Open bets are followed to their settlement; nothing is bet.",
    )
    LICENCE_ENDING = (
        "licence-ending", "info", "The licence ends soon or does not hold", "#/config",
        ("14 days before its end; a ticket from 7, a page on the last day and when it is needed"
         " and does not hold"),
        "LIVE is blocked without one; open bets are followed.",
    )
    TEST_ALERT = (
        "test-alert", "info", "A test alert", "",
        "somebody sends a test alert", "",
    )
    # fmt: on

    def alert_id(self, about: str = "") -> str:
        """Return the id of an alert of this kind; ``about`` names whom, where it may be many."""
        name = self.wording.id or self.id
        return f"{name}:{about}" if about else name

    def alert(
        self,
        detail: str,
        since: datetime,
        *,
        about: str = "",
        level: Level | None = None,
        **words: str,
    ) -> Alert:
        """Return an alert of this kind; ``words`` fill the gaps of its title.

        ``level`` replaces the kind's own.
        """
        said = self.wording
        return Alert(
            id=self.alert_id(about),
            level=level or self.level,
            title=(self.title if said.title is None else said.title).format(**words),
            detail=detail,
            since=since,
            action=self.action if said.action is None else said.action,
            link=self.link if said.link is None else said.link,
            runbook=self.id,
        )


_BY_ID = {kind.id: kind for kind in AlertKind}


def mismatch(word: str) -> AlertKind:
    """Return the kind of a difference between venue and ledger, as in ``mismatch("stake")``.

    Raises KeyError for a word that the catalogue does not know.
    """
    return _BY_ID[f"bet-{word}-mismatch"]
