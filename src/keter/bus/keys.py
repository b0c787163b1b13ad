"""Every key Keter uses in Redis: its name, type, content and life.

Nobody else builds a key.

The prefix is empty by default, so that names are those of the design; another one lets several
programs share a server. A Redis Cluster of several nodes is not supported, whatever the prefix.
Parts that come from outside are percent-quoted where they hold anything but letters, digits and
``-._~|@``, so that no account or event can imitate another key or a hash tag. Lives are in
milliseconds and end with ``_MS``; a key without one says who trims it.
"""

from urllib.parse import quote

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

ODDS_AFTER_KICKOFF_MS = 4 * HOUR_MS
ODDS_LEAST_MS = 10 * MINUTE_MS
ODDS_MOST_MS = 8 * DAY_MS
FEED_MS = DAY_MS
SCORE_MS = 2 * DAY_MS
ACCOUNT_MS = 2 * DAY_MS
SESSION_MS = DAY_MS
FIXTURES_MS = 8 * DAY_MS
ALERT_MS = 7 * DAY_MS
STATS_MS = 14 * DAY_MS
DAY_RISK_MS = 8 * DAY_MS
BETS_MS = HOUR_MS
RECONCILED_MS = DAY_MS
DOUBT_MS = 2 * DAY_MS
CLOSING_MS = 3 * HOUR_MS
PROBE_MS = 10 * SECOND_MS
TOMB_MS = MINUTE_MS
OWNER_MS = 15 * SECOND_MS
CONTESTED_MS = 10 * MINUTE_MS

DEAD_CAP = 1_000
AUDIT_CAP = 20_000
CAPTURE_CAP = 256
CAPTURE_CAP_BYTES = 64 * 1024 * 1024


def _part(text: str) -> str:
    return quote(text, safe="-._~|@")


class QueueKeys:
    """The keys of one queue."""

    def __init__(self, prefix: str, queue: str) -> None:
        self.name = queue
        self._processing = f"{prefix}processing:{queue}:"
        self._lease = f"{prefix}pipe:{queue}:lease:"
        self.list = f"{prefix}queue:{queue}"
        """list; waiting keys in order, each as ``<13 digits: ms when it was queued>|<key>``; one entry per key at most"""
        self.payload = f"{prefix}queue:{queue}:payload"
        """hash key -> newest payload; fields of keys that wait or have changed in flight"""
        self.inflight = f"{prefix}queue:{queue}:inflight"
        """set of keys in somebody's hands"""
        self.bell = f"{prefix}queue:{queue}:bell"
        """list; at most one entry, without meaning: idle workers block on it"""
        self.strikes = f"{prefix}queue:{queue}:strikes"
        """hash key -> how often it was taken from a dead worker; fields go when the key is acknowledged or dead"""
        self.workers = f"{prefix}queue:{queue}:workers"
        """zset incarnation -> ms when it opened; the reaper trims it"""
        self.tombs = f"{prefix}queue:{queue}:tombs"
        """zset incarnation -> ms until which it is looked after; the reaper trims it"""
        self.dead = f"{prefix}dead:{queue}"
        """list of dead letters, newest last, at most DEAD_CAP: ms, worker, error, key, payload, a line each"""

    def processing(self, incarnation: str) -> str:
        """list key, payload, key, payload ...: what one incarnation has in hand; gone when it hands
        over.
        """
        return self._processing + _part(incarnation)

    def lease(self, incarnation: str) -> str:
        """string; exists while the incarnation lives; TTL the worker's lease."""
        return self._lease + _part(incarnation)

    @property
    def of_push(self) -> tuple[str, str, str, str]:
        """What the step script needs to push into this queue, in its order."""
        return self.list, self.payload, self.inflight, self.bell

    def of_step(self, incarnation: str) -> tuple[str, ...]:
        """What the step script needs to take from this queue, in its order."""
        return (
            self.lease(incarnation),
            self.processing(incarnation),
            *self.of_push,
            self.strikes,
            self.dead,
        )

    def of_reap(self, incarnation: str) -> tuple[str, ...]:
        """What the reaper's script needs, in its order."""
        return *self.of_step(incarnation), self.workers, self.tombs


class Keys:
    """All keys under one prefix."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.owner = f"{prefix}run:owner"
        """hash run_id, instance_id, record (JSON OwnerRecord): whose this Redis is; TTL OWNER_MS, renewed by `keter up`"""
        self.probe = f"{prefix}probe"
        """string without meaning; the dashboard writes it to learn whether Redis takes writes; TTL PROBE_MS"""
        self.trading_state = f"{prefix}trading:state"
        """hash mode, actor, reason, since_ms, until_ms, revision; kept, written by change_trading"""
        self.trading_enabled = f"{prefix}trading_enabled"
        """string of the original: ``0``, ``false``, ``no`` or ``off`` forbids betting; kept, written by operators"""
        self.global_stop = f"{prefix}GLOBAL_STOP"
        """any type; betting is forbidden while it exists; kept, written by operators"""
        self.armed = f"{prefix}trading:armed"
        """hash account -> JSON {account, actor, at, run}: LIVE is allowed in that run; removed by disarm and by each start"""
        self.fence = f"{prefix}fence"
        """string; the last fencing number given out, of all locks; kept"""
        self.heartbeats = f"{prefix}heartbeats"
        """zset ``process:worker`` -> ms of the last beat; read_heartbeats trims it"""
        self.feeds = f"{prefix}feeds"
        """zset key of a feed hash -> ms of its last write; trimmed by age"""
        self.accounts = f"{prefix}accounts"
        """zset key of an account hash -> ms of its last write; trimmed by age"""
        self.alerts = f"{prefix}alerts"
        """zset alert id -> ms since when it stands; clear_alert trims it"""
        self.alerts_told = f"{prefix}alerts:told"
        """hash channel -> JSON of what it has told, so that a restart tells nothing twice; kept"""
        self.audit = f"{prefix}audit"
        """list of encoded Decisions for the recorder, oldest first, at most AUDIT_CAP"""
        self.audit_taken = f"{prefix}audit:taken"
        """list; the batch the recorder is writing"""
        self.audit_batch = f"{prefix}audit:batch"
        """string; id of the recorder's current batch"""
        self.capture = f"{prefix}capture"
        """list of packed CapturedAnswers, at most CAPTURE_CAP and CAPTURE_CAP_BYTES in all"""
        self.capture_taken = f"{prefix}capture:taken"
        """list; the batch the recorder is writing"""
        self.capture_bytes = f"{prefix}capture:bytes"
        """string; bytes in both lists"""
        self.capture_batch = f"{prefix}capture:batch"
        """string; id of the recorder's current batch"""
        self.risk_run = f"{prefix}risk:run"
        """string; run, mode and settings whose risk book this is; kept, written by rebuild"""
        self.risk_ledger = f"{prefix}risk:ledger"
        """string; identity of the ledger that the risk book was made from; kept, written by the guard"""
        self.risk_revision = f"{prefix}risk:revision"
        """string; grows with every change of the risk book; kept"""
        self.risk_exposure = f"{prefix}risk:exposure"
        """hash decision id -> JSON Exposure; entries leave by release, settle, expiry or rebuild"""
        self.risk_expiry = f"{prefix}risk:exposure:expiry"
        """zset decision id -> server ms at which a reservation ends; bets are not in it"""
        self.risk_booked = f"{prefix}risk:exposure:booked"
        """hash decision id -> ``day|stake`` of a bet whose stake is in daily_pnl; leaves with the exposure"""
        self.risk_day = f"{prefix}risk:day"
        """string; ISO date of the newest betting day seen; kept"""
        self.risk_streak = f"{prefix}risk:streak"
        """string; losses in a row; kept, carried over midnight"""
        self.risk_limits = f"{prefix}risk:limits"
        """hash name of a setting -> amount to which an operator lowered it; kept"""
        self.risk_bets = f"{prefix}risk:bets"
        """zset decision id -> ms of a bet sent or about to be, for the throttle; trimmed by each note, TTL BETS_MS"""

    def queue(self, queue: str) -> QueueKeys:
        """The keys of one queue."""
        return QueueKeys(self.prefix, queue)

    def lease(self, name: str) -> str:
        """string ``token|fence`` of a singleton's owner; TTL the lease's."""
        return f"{self.prefix}lease:{_part(name)}"

    def exec_lock(self, event_uid: str, selection_id: str) -> str:
        """string ``token|fence`` of the selection's owner; TTL longer than the slowest
        placement.
        """
        return f"{self.prefix}exec_lock:{_part(event_uid)}:{_part(selection_id)}"

    def cooldown_event(self, event_uid: str) -> str:
        """string ``reason|rest in ms``; TTL the rest."""
        return f"{self.prefix}cooldown:event:{_part(event_uid)}"

    def cooldown_selection(self, event_uid: str, selection_id: str) -> str:
        """string ``reason|rest in ms``; TTL the rest."""
        return f"{self.prefix}cooldown:selection:{_part(event_uid)}:{_part(selection_id)}"

    def odds(self, event_uid: str, selection_id: str) -> str:
        """string JSON LatestOdds; TTL until ODDS_AFTER_KICKOFF_MS after kick-off."""
        return f"{self.prefix}odds:latest:{_part(event_uid)}:{_part(selection_id)}"

    def feed(self, account: str, phase: str) -> str:
        """hash of FeedFacts; TTL FEED_MS."""
        return f"{self.prefix}feed:{_part(account)}:{_part(phase)}"

    def score(self, event_uid: str) -> str:
        """string JSON EventScore; TTL SCORE_MS."""
        return f"{self.prefix}score:{_part(event_uid)}"

    def reconciled(self, account: str) -> str:
        """hash wanted (token of the router that asks), done (token it was done for), run, at_ms of
        the pass; RECONCILED_MS.
        """
        return f"{self.prefix}reconciled:{_part(account)}"

    def doubt(self, intent_id: str) -> str:
        """hash asked (how often the venue was asked for a bet whose outcome is unknown), at_ms
        (last time); TTL DOUBT_MS.
        """
        return f"{self.prefix}doubt:{_part(intent_id)}"

    def closing(self, intent_id: str) -> str:
        """string JSON ClosingLook, the newest before kick-off of a bet's event; TTL CLOSING_MS."""
        return f"{self.prefix}closing:{_part(intent_id)}"

    def account(self, account: str) -> str:
        """hash of an AccountSnapshot; TTL ACCOUNT_MS."""
        return f"{self.prefix}account:{_part(account)}"

    def session(self, account: str) -> str:
        """hash token, key, url, at_ms; secret; TTL given by its owner, SESSION_MS at most."""
        return f"{self.prefix}ao:session:{_part(account)}"

    def contested(self, account: str) -> str:
        """string; exists while the account's session was taken away again and again lately; TTL
        CONTESTED_MS.
        """
        return f"{self.prefix}ao:contested:{_part(account)}"

    def fixtures(self, account: str) -> str:
        """hash match id of the venue -> JSON Event; the feed removes what has ended; TTL
        FIXTURES_MS.
        """
        return f"{self.prefix}fixtures:{_part(account)}"

    def throttle(self, account: str, name: str) -> str:
        """string; exists until the next call is free."""
        return f"{self.prefix}throttle:{_part(account)}:{_part(name)}"

    def budget(self, account: str) -> str:
        """hash left (questions about the account that may be asked), at_ms (as of when); TTL two
        minutes.
        """
        return f"{self.prefix}budget:{_part(account)}"

    def heartbeat(self, process: str, worker: str) -> str:
        """hash of a Heartbeat; TTL three beats."""
        return f"{self.prefix}heartbeat:{_part(process)}:{_part(worker)}"

    def alert(self, alert_id: str) -> str:
        """hash of an Alert; TTL ALERT_MS after it was last raised."""
        return f"{self.prefix}alert:{_part(alert_id)}"

    def stats(self, day: str) -> str:
        """hash ``stage:reason`` -> count of one betting day; TTL STATS_MS."""
        return f"{self.prefix}stats:{_part(day)}"

    def daily_pnl(self, day: str) -> str:
        """hash pnl_minor, staked_minor, bets of one betting day; TTL DAY_RISK_MS."""
        return f"{self.prefix}risk:daily_pnl:{_part(day)}"
