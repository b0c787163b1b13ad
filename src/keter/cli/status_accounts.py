"""What ``keter status`` shows of each account, where there are several."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from keter.domain.trading import betting_word

if TYPE_CHECKING:
    from keter.bus.connection import Bus
    from keter.bus.telemetry.heartbeats import Heartbeat
    from keter.control.standing import Standing
    from keter.domain.accounts import Account
    from keter.domain.runs import OwnerRecord
    from keter.settings import Settings

Facts = dict[str, Any]


def standing_facts(standing: "Standing") -> Facts:
    """Return how trading stands: the state in force, and who set it, why and since when."""
    cause = standing.cause
    return {
        "state": standing.mode.value if standing.mode is not None else None,
        "stops": list(standing.stops),
        "by": cause.actor if cause else None,
        "reason": cause.reason if cause else None,
        "since": cause.since if cause else None,
        "until": cause.until if cause else None,
    }


def open_orders(beats: "Sequence[Heartbeat]", account: str = "") -> int | None:
    """Return how many bets the trackers follow, of one account or of all.

    Return None where nobody says it.
    """
    counted: dict[str, int] = {}
    for beat in beats:
        said = beat.gauges.get("open_bets", "")
        if beat.process == "tracker" and account in {"", beat.account} and said.isdigit():
            counted.setdefault(beat.account, int(said))
    return sum(counted.values()) if counted else None


async def account_facts(
    bus: "Bus",
    settings: "Settings",
    record: "OwnerRecord | None",
    standing: "Standing",
    beats: "Sequence[Heartbeat]",
) -> list[Facts]:
    """Return the facts of each account of the run; none where there is but one.

    ``record`` says which run owns this Redis, and ``standing`` how trading stands there. Without a
    record the settings name the accounts.
    """
    accounts = record.run.accounts if record is not None else settings.accounts
    if len(accounts) == 1:
        return []
    return [
        standing_facts(standing.of(one.key)) | await _facts(one, bus, settings, record, beats)
        for one in accounts
    ]


async def _facts(
    account: "Account",
    bus: "Bus",
    settings: "Settings",
    record: "OwnerRecord | None",
    beats: "Sequence[Heartbeat]",
) -> Facts:
    from keter.bus.state.permissions import read_arming
    from keter.bus.state.risk import RiskBook
    from keter.clock import SystemClock
    from keter.domain.days import day_of
    from keter.domain.money import money_text

    key, today = account.key, day_of(SystemClock().now(), settings.mode.zone)
    day = (await RiskBook(bus, key).read(today)).day
    arming = await read_arming(bus, key, record.run.mark) if record is not None else None
    return {
        "account": key,
        "mode": account.mode.value,
        "currency": account.currency,
        "armed": arming is not None,
        "open_bets": open_orders(beats, key),
        "pnl_today": money_text(day.pnl_minor) if day is not None else None,
    }


def account_lines(facts: Sequence[Facts]) -> Iterator[str]:
    """Yield a line for each account, and why it does not bet where somebody said so."""
    for one in facts:
        word = betting_word(one["state"], live=one["mode"] == "LIVE", armed=one["armed"])
        parts = [one["account"], one["mode"], word or "unknown"]
        if one["open_bets"] is not None:
            parts.append(f"{one['open_bets']} open")
        if one["pnl_today"] is not None:
            parts.append(f"PnL today {one['currency']} {one['pnl_today']}")
        yield f"  {'  '.join(parts)}"
        if one["stops"]:
            yield f"    stopped by {', '.join(one['stops'])}"
        if one["reason"] and one["state"] != "ACTIVE":
            yield f"    {cause_text(one)}"


def cause_text(facts: Facts) -> str:
    """Return since when trading stands as it does, until when, by whom and why."""
    until = f" until {facts['until']:%H:%M:%S} UTC" if facts["until"] else ""
    since = f"{facts['since']:%Y-%m-%d %H:%M:%S} UTC"
    return f"since {since}{until}, by {facts['by']}: {facts['reason']}"
