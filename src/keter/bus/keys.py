"""Every key Keter uses in Redis: its name, type, content and life.

* Nobody else builds a key.
* The prefix is empty by default, so that names are those of the design. Another prefix lets several
  programs share a server. A Redis Cluster of several nodes is not supported, whatever the prefix.
* Parts that come from outside are percent-quoted, except letters, digits and ``-._~|@``. So no
  account or event can imitate another key or a hash tag.
* What is of one account ends with it: ``...:venue:name``.
* Lives (TTL) are in milliseconds and end with ``_MS``. A key without one says what trims it.
"""

from urllib.parse import quote, unquote

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


def _account(text: str) -> str:
    """Return an account's key for the end of a name; the colon after its venue stays."""
    return ":".join(map(_part, text.split(":", 1)))


def account_of(key: str) -> str:
    """Return the account at the end of the name of a key that is of one account."""
    return ":".join(map(unquote, key.rsplit(":", 2)[1:]))


class _Fixed:
    """A key whose name is the prefix and a fixed text."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, keys: "Keys", owner: type) -> str:
        return f"{keys.prefix}{self._name}"


class QueueKeys:
    """The keys of one queue.

    Its name is ``raw``, ``validated`` or ``confirmed``, or that of an account's own queue:
    ``approved:<account>``, ``cancels:<account>``.
    """

    def __init__(self, prefix: str, name: str) -> None:
        self.name = name
        kind, colon, account = name.partition(":")
        queue = kind + colon + _account(account) if colon else kind
        self._processing = f"{prefix}processing:{queue}:"
        self._lease = f"{prefix}pipe:{queue}:lease:"
        self.list = f"{prefix}queue:{queue}"
        """list of waiting keys in order, each as ``<13 digits: ms when it was queued>|<key>``; one
        entry per key at most"""
        self.payload = f"{prefix}queue:{queue}:payload"
        """hash key -> newest payload; fields of keys that wait or have changed in flight"""
        self.inflight = f"{prefix}queue:{queue}:inflight"
        """set of keys that a worker has claimed and not acknowledged"""
        self.bell = f"{prefix}queue:{queue}:bell"
        """list; at most one entry, without meaning: idle workers block on it"""
        self.strikes = f"{prefix}queue:{queue}:strikes"
        """hash key -> how often it was taken from a dead worker; fields go when the key is
        acknowledged or dead"""
        self.workers = f"{prefix}queue:{queue}:workers"
        """zset incarnation -> ms when it opened; the reaper trims it"""
        self.tombs = f"{prefix}queue:{queue}:tombs"
        """zset reaped incarnation -> ms until which late writes of it are reclaimed; the reaper
        trims it"""
        self.dead = f"{prefix}dead:{queue}"
        """list of dead letters, newest last, at most DEAD_CAP: ms, worker, error, key, payload, a
        line each"""

    def processing(self, incarnation: str) -> str:
        """Return the key: list key, payload, key, payload ... of what one incarnation has claimed.

        Gone when it has handed everything over.
        """
        return self._processing + _part(incarnation)

    def lease(self, incarnation: str) -> str:
        """Return the key: string; exists while the incarnation lives; TTL the worker's lease."""
        return self._lease + _part(incarnation)

    @property
    def of_push(self) -> tuple[str, str, str, str]:
        """What the step script needs to push into this queue, in its order."""
        return self.list, self.payload, self.inflight, self.bell

    def of_step(self, incarnation: str) -> tuple[str, ...]:
        """Return the keys that the step script needs to take from this queue, in its order."""
        return (
            self.lease(incarnation),
            self.processing(incarnation),
            *self.of_push,
            self.strikes,
            self.dead,
        )

    def of_reap(self, incarnation: str) -> tuple[str, ...]:
        """Return the keys that the reaper's script needs, in its order."""
        return *self.of_step(incarnation), self.workers, self.tombs


class Keys:
    """All keys under one prefix."""

    owner = _Fixed("run:owner")
    """hash run_id, instance_id, record (JSON OwnerRecord): whose this Redis is; TTL OWNER_MS,
    renewed by `keter up`"""
    probe = _Fixed("probe")
    """string without meaning; the dashboard writes it to learn whether Redis takes writes; TTL
    PROBE_MS"""
    trading_state = _Fixed("trading:state")
    """hash mode, actor, reason, since_ms, until_ms, revision: the state that holds for everything;
    kept, written by change_trading"""
    trading_scopes = _Fixed("trading:scopes")
    """set of the accounts that have a trading state of their own; kept, written by
    change_trading"""
    trading_enabled = _Fixed("trading_enabled")
    """string of the original: ``0``, ``false``, ``no`` or ``off`` forbids betting; kept, written by
    operators"""
    global_stop = _Fixed("GLOBAL_STOP")
    """any type; betting is forbidden while it exists; kept, written by operators"""
    armed = _Fixed("trading:armed")
    """hash account -> JSON Arming: LIVE is allowed in that run; removed by disarm and by each
    start"""
    fence = _Fixed("fence")
    """string; the last fencing number given out, of all locks; kept"""
    heartbeats = _Fixed("heartbeats")
    """zset ``process:worker`` -> ms of the last beat; read_heartbeats trims it"""
    feeds = _Fixed("feeds")
    """zset key of a feed hash -> ms of its last write; trimmed by age"""
    accounts = _Fixed("accounts")
    """zset key of an account hash -> ms of its last write; trimmed by age"""
    alerts = _Fixed("alerts")
    """zset alert id -> ms since when it is raised; clear_alert trims it"""
    alerts_delivered = _Fixed("alerts:told")
    """hash channel -> JSON of the alerts it has delivered, so that a restart sends nothing twice;
    kept"""
    audit = _Fixed("audit")
    """list of encoded Decisions for the recorder, oldest first, at most AUDIT_CAP"""
    audit_taken = _Fixed("audit:taken")
    """list; the batch the recorder is writing"""
    audit_batch = _Fixed("audit:batch")
    """string; id of the recorder's current batch"""
    capture = _Fixed("capture")
    """list of packed CapturedAnswers, at most CAPTURE_CAP and CAPTURE_CAP_BYTES in all"""
    capture_taken = _Fixed("capture:taken")
    """list; the batch the recorder is writing"""
    capture_bytes = _Fixed("capture:bytes")
    """string; bytes in both lists"""
    capture_batch = _Fixed("capture:batch")
    """string; id of the recorder's current batch"""
    risk_run = _Fixed("risk:run")
    """string; run, mode and settings whose risk book this is; kept, written by rebuild"""
    risk_ledger = _Fixed("risk:ledger")
    """string; identity of the ledger that the risk book was made from; kept, written by the
    guard"""
    risk_revision = _Fixed("risk:revision")
    """string; grows with every change of the risk book; kept"""
    risk_exposure = _Fixed("risk:exposure")
    """hash decision id -> JSON Exposure, of all accounts; entries leave by release, settle, expiry
    or rebuild"""
    risk_expiry = _Fixed("risk:exposure:expiry")
    """zset decision id -> server ms at which a reservation ends; bets are not in it"""
    risk_booked = _Fixed("risk:exposure:booked")
    """hash decision id -> ``day|stake`` of a bet whose stake is in daily_pnl; leaves with the
    exposure"""
    risk_day = _Fixed("risk:day")
    """string; ISO date of the newest betting day seen; kept"""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix

    def queue(self, queue: str) -> QueueKeys:
        """Return the keys of one queue."""
        return QueueKeys(self.prefix, queue)

    def lease(self, name: str) -> str:
        """Return the key: string ``token|fence`` of a singleton's owner; TTL the lease's."""
        return f"{self.prefix}lease:{_part(name)}"

    def trading_state_of(self, scope: str) -> str:
        """Return the key: hash like trading_state, which holds for the account ``scope`` alone.

        With COMMON as ``scope`` it is trading_state. Kept, written by change_trading.
        """
        return f"{self.trading_state}:{_part(scope)}" if scope else self.trading_state

    def exec_lock(self, event_uid: str, selection_id: str, account: str) -> str:
        """Return the key: string ``token|fence`` of the selection's owner.

        TTL longer than the slowest placement.
        """
        selection = f"{_part(event_uid)}:{_part(selection_id)}"
        return f"{self.prefix}exec_lock:{selection}:{_account(account)}"

    def cooldown_event(self, event_uid: str, account: str) -> str:
        """Return the key: string ``reason|whole cooldown in ms``; TTL the cooldown."""
        return f"{self.prefix}cooldown:event:{_part(event_uid)}:{_account(account)}"

    def cooldown_selection(self, event_uid: str, selection_id: str, account: str) -> str:
        """Return the key: string ``reason|whole cooldown in ms``; TTL the cooldown."""
        selection = f"{_part(event_uid)}:{_part(selection_id)}"
        return f"{self.prefix}cooldown:selection:{selection}:{_account(account)}"

    def odds(self, event_uid: str, selection_id: str, account: str) -> str:
        """Return the key: string JSON LatestOdds, as the account's feed has them.

        TTL until ODDS_AFTER_KICKOFF_MS after kick-off.
        """
        selection = f"{_part(event_uid)}:{_part(selection_id)}"
        return f"{self.prefix}odds:latest:{selection}:{_account(account)}"

    def feed(self, account: str, phase: str) -> str:
        """Return the key: hash of FeedFacts; TTL FEED_MS."""
        return f"{self.prefix}feed:{_part(phase)}:{_account(account)}"

    def score(self, event_uid: str) -> str:
        """Return the key: string JSON EventScore; TTL SCORE_MS."""
        return f"{self.prefix}score:{_part(event_uid)}"

    def reconciled(self, account: str) -> str:
        """Return the key: hash wanted, done, run, at_ms of reconciliation passes.

        ``wanted`` is the token of the router's request, ``done`` the token of the last pass,
        ``run`` and ``at_ms`` its run and time. TTL RECONCILED_MS.
        """
        return f"{self.prefix}reconciled:{_account(account)}"

    def doubt(self, intent_id: str) -> str:
        """Return the key: hash asked, at_ms: queries for a bet of unknown outcome, and the last.

        TTL DOUBT_MS.
        """
        return f"{self.prefix}doubt:{_part(intent_id)}"

    def closing(self, intent_id: str) -> str:
        """Return the key: string JSON ClosingLook, the newest before kick-off; TTL CLOSING_MS."""
        return f"{self.prefix}closing:{_part(intent_id)}"

    def account(self, account: str) -> str:
        """Return the key: hash of an AccountSnapshot; TTL ACCOUNT_MS."""
        return f"{self.prefix}account:{_account(account)}"

    def session(self, account: str) -> str:
        """Return the key: hash token, key, url, at_ms; secret; TTL SESSION_MS."""
        return f"{self.prefix}ao:session:{_account(account)}"

    def contested(self, account: str) -> str:
        """Return the key: string; exists after another login took the session again and again.

        TTL CONTESTED_MS.
        """
        return f"{self.prefix}ao:contested:{_account(account)}"

    def fixtures(self, account: str) -> str:
        """Return the key: hash match id of the venue -> JSON Event.

        The feed removes what has ended. TTL FIXTURES_MS.
        """
        return f"{self.prefix}fixtures:{_account(account)}"

    def throttle(self, account: str, name: str) -> str:
        """Return the key: string; exists until the next call is free."""
        return f"{self.prefix}throttle:{_part(name)}:{_account(account)}"

    def budget(self, account: str) -> str:
        """Return the key: hash left, at_ms: queries about the account that may be made.

        TTL two minutes.
        """
        return f"{self.prefix}budget:{_account(account)}"

    def heartbeat(self, process: str, worker: str) -> str:
        """Return the key: hash of a Heartbeat; TTL three beats."""
        return f"{self.prefix}heartbeat:{_part(process)}:{_part(worker)}"

    def alert(self, alert_id: str) -> str:
        """Return the key: hash of an Alert; TTL ALERT_MS after it was last raised."""
        return f"{self.prefix}alert:{_part(alert_id)}"

    def stats(self, period: str) -> str:
        """Return the key: hash ``stage:reason`` -> count of one betting day; TTL STATS_MS.

        Where there are several accounts, what guard and router count ends with ``@venue:name``.
        The simulator's day ends with ``:DEMO``.
        """
        return f"{self.prefix}stats:{_account(period)}"

    def daily_pnl(self, day: str, account: str) -> str:
        """Return the key: hash pnl_minor, staked_minor, bets of an account's betting day.

        TTL DAY_RISK_MS.
        """
        return f"{self.prefix}risk:daily_pnl:{_part(day)}:{_account(account)}"

    def risk_streak(self, account: str) -> str:
        """Return the key: string; losses in a row; kept, carried over midnight."""
        return f"{self.prefix}risk:streak:{_account(account)}"

    def risk_limits(self, account: str) -> str:
        """Return the key: hash name of a setting -> amount to which an operator lowered it.

        It is kept.
        """
        return f"{self.prefix}risk:limits:{_account(account)}"

    def risk_bets(self, account: str) -> str:
        """Return the key: zset decision id -> ms of a bet sent or about to be, for the throttle.

        Trimmed by each note; TTL BETS_MS.
        """
        return f"{self.prefix}risk:bets:{_account(account)}"
