"""The words of an alert. Pure.

What it is, since when, what is at risk, what was done, one command, where to look.
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from keter.domain.alerts import Alert, AlertKind, Level, runbook_id
from keter.plain import plain

# Characters; Telegram takes 4096.
LONGEST = 3500


class Kind(StrEnum):
    """What a message is about."""

    NEW = "new"
    UPDATE = "update"
    RESOLVED = "resolved"
    TEST = "test"
    ALIVE = "alive"


class Message(msgspec.Struct, frozen=True):
    """One message for the channels.

    ``message_id`` is the same whenever the same message is sent again; ``at`` is when it was
    decided.
    """

    message_id: str
    kind: Kind
    level: Level
    alert_id: str
    title: str
    detail: str
    at: datetime
    since: datetime | None = None
    action: str = ""
    runbook: str = ""


class StatusLine(msgspec.Struct, frozen=True):
    """The state of Keter, as far as it is known; None is unknown.

    Amounts are decimal strings in ``currency``. Where there are several accounts it is that of the
    first, which ``account`` names, and ``others`` are those of the others.
    """

    execution_mode: str
    trading: str | None = None
    currency: str = ""
    open: int | None = None
    outstanding: str | None = None
    unknown: int | None = None
    pnl_today: str | None = None
    stops: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    account: str = ""
    others: tuple["StatusLine", ...] = ()

    @property
    def each(self) -> tuple["StatusLine", ...]:
        """The state of each account."""
        return self, *self.others


def message_of(kind: Kind, alert: Alert, at: datetime) -> Message:
    """Return the message about an alert."""
    return Message(
        message_id=f"{alert.id}/{alert.since.isoformat(timespec='milliseconds')}/{kind}/{int(at.timestamp())}",
        kind=kind,
        level=alert.level,
        alert_id=alert.id,
        title=plain(alert.title),
        detail=plain(alert.detail),
        at=at,
        since=alert.since,
        action=alert.action,
        runbook=f"docs/runbooks/{runbook_id(alert.id)}.md",
    )


def test_message(actor: str, at: datetime) -> Message:
    """Return what "Send a test alert" sends; it never enters the list of alerts."""
    alert = AlertKind.TEST_ALERT.alert(f"Asked for by {actor}. Nothing is wrong.", at)
    return message_of(Kind.TEST, alert, at)


def alive_message(day: str, status: StatusLine, at: datetime) -> Message:
    """Return the daily sign of life: when it is missing, somebody notices.

    ``day`` is the betting day as ISO date.
    """
    return Message(
        f"alive/{day}", Kind.ALIVE, "info", "alive", "Keter is alive", status_line(status), at
    )


def status_line(status: StatusLine) -> str:
    """Return one line: mode, trading, open bets, the day's result, of each account."""
    return "; ".join(map(_line_of, status.each))


def pnl_line(status: StatusLine) -> str:
    """Return the day's result of each account in one line."""
    return "; ".join(
        f"{_whose(one)}{one.currency} {one.pnl_today or 'unknown'}" for one in status.each
    )


def _whose(status: StatusLine) -> str:
    return f"{status.account}: " if status.account else ""


def _line_of(status: StatusLine) -> str:
    trading = status.trading or "trading state unknown"
    mode = f"{_whose(status)}{status.execution_mode}"
    parts = [mode, trading, *(f"stopped by {stop}" for stop in status.stops)]
    parts.append("open bets unknown" if status.open is None else f"{status.open} open")
    if status.outstanding is not None:
        parts.append(f"{status.currency} {status.outstanding} outstanding".strip())
    if status.unknown:
        parts.append(f"{status.unknown} UNKNOWN")
    parts.append(
        "PnL today unknown" if status.pnl_today is None else f"PnL today {status.pnl_today}"
    )
    return ", ".join(parts)


def subject(message: Message) -> str:
    """Return one line for channels that have a subject."""
    word = {
        Kind.RESOLVED: "RESOLVED",
        Kind.UPDATE: f"{message.level.upper()} (still)",
        Kind.TEST: "TEST",
    }
    head = (
        "" if message.kind is Kind.ALIVE else f"{word.get(message.kind, message.level.upper())}: "
    )
    return f"{head}{message.title}"


def body(message: Message, status: StatusLine | None = None) -> str:
    """Return the lines below the subject, plain text without markup."""
    lines = [message.detail]
    if message.since is not None and message.kind in {Kind.NEW, Kind.UPDATE, Kind.RESOLVED}:
        ended = (
            f" until {message.at:%Y-%m-%d %H:%M:%S} UTC" if message.kind is Kind.RESOLVED else ""
        )
        lines.append(f"Since {message.since:%Y-%m-%d %H:%M:%S} UTC{ended}.")
    if message.kind in {Kind.NEW, Kind.UPDATE}:
        if status is not None:
            lines.append(f"At risk: {status_line(status)}.")
        if message.action:
            lines.append(f"Keter: {message.action}")
        lines.append("To stop betting: keter halt")
    if message.runbook and message.kind is not Kind.RESOLVED:
        lines.append(f"Runbook: {message.runbook}")
    text = "\n".join(line for line in lines if line)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
