"""``keter status``: the state of trading, the processes that run, the lengths of the queues."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from keter.cli.access import need_bus
from keter.cli.output import JsonFlag, run_async, show_json
from keter.cli.status_accounts import (
    account_facts,
    account_lines,
    cause_text,
    open_orders,
    standing_facts,
)
from keter.domain.trading import betting_word
from keter.errors import ExitCode, UnavailableError

if TYPE_CHECKING:
    from keter.bus.connection import Bus
    from keter.bus.queue import QueueFacts
    from keter.bus.telemetry.heartbeats import Heartbeat
    from keter.cli.access import Target
    from keter.control.standing import Standing
    from keter.settings import Settings

Facts = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Add these commands to ``app``."""
    app.command()(status)


def status(as_json: JsonFlag = False) -> ExitCode:
    """Show trading state, processes and queues; exit code 69 when nothing runs."""
    from keter.cli.access import one_target
    from keter.supervision.targets import CommandKind

    target = one_target(CommandKind.LOOK)
    facts = run_async(_collect(target))
    if as_json:
        show_json(facts)
    else:
        for line in render(facts):
            typer.echo(line)
    return ExitCode.OK if facts["running"] else ExitCode.UNAVAILABLE


async def _collect(target: "Target") -> Facts:
    from keter.bus.telemetry.heartbeats import read_heartbeats

    settings = target.settings
    where = str(target.found.instance) if target.found is not None and not target.own else None
    facts: Facts = {
        "account": settings.account.key,
        "mode": settings.account.mode.value,
        "where": where,
        "running": False,
        "problem": None,
    }
    try:
        bus = await need_bus(target)
    except UnavailableError as e:
        return facts | {"problem": str(e)} | _standing(await _read_standing(settings, None))
    try:
        beats = await read_heartbeats(bus)
        reports = await _processes_and_queues(bus, settings, beats)
        standing = await _read_standing(settings, bus)
        return (
            facts
            | _standing(standing)
            | reports
            | _following(settings, reports)
            | await _in_force(bus, settings, standing, beats)
        )
    finally:
        await bus.aclose()


def _following(settings: "Settings", reports: Facts) -> Facts:
    """Return what a LIVE that may not bet does, while it runs."""
    from keter.clock import SystemClock
    from keter.supervision.following import following_text, obstacle

    why = obstacle(settings, SystemClock()) if reports["running"] else None
    return {"following": following_text(reports["open_bets"], why) if why is not None else None}


async def _read_standing(settings: "Settings", bus: "Bus | None") -> "Standing":
    from keter.clock import SystemClock
    from keter.control.commands import Control

    return await Control(
        bus, halt_file=settings.router.halt_file, clock=SystemClock(), audit=None
    ).standing()


def _standing(standing: "Standing") -> Facts:
    state = standing.trading.state if standing.trading is not None else None
    return standing_facts(standing) | {"revision": state.revision if state else None}


async def _in_force(
    bus: "Bus", settings: "Settings", standing: "Standing", beats: "Sequence[Heartbeat]"
) -> Facts:
    """Return the facts of the run that owns this Redis, and of each of several accounts.

    They may differ from the settings on disk.
    """
    from keter.bus.state.ownership import read_owner
    from keter.bus.state.permissions import read_arming

    record = await read_owner(bus)
    each = await account_facts(bus, settings, record, standing, beats)
    accounts = {"accounts": each} if each else {}
    if record is None:
        return accounts | {"armed": False, "settings_differ": []}
    run = record.run
    armings = [await read_arming(bus, account.key, run.mark) for account in run.accounts]
    armed = any(arming is not None for arming in armings)
    return accounts | {
        "account": run.accounts[0].key,
        "mode": run.mode.value,
        "armed": armed,
        "machine": run.machine,
        "run_since": record.started_at,
        "settings_differ": list(record.differing),
    }


async def _processes_and_queues(
    bus: "Bus", settings: "Settings", beats: "Sequence[Heartbeat]"
) -> Facts:
    from keter.bus.queue import depths

    queues = await depths(bus, settings.account_keys)
    silent = "Redis answers, but no process reports; start with `keter up`"
    return {
        "open_bets": open_orders(beats),
        "running": bool(beats),
        "problem": None if beats else silent,
        "processes": [_process(beat) for beat in sorted(beats, key=lambda beat: beat.worker)],
        "queues": {name: _queue(facts) for name, facts in queues.items()},
    }


def _process(beat: "Heartbeat") -> Facts:
    return {
        "worker": beat.worker,
        "pid": beat.pid,
        "version": beat.version,
        "age_s": round(beat.age_s, 2),
        "started_at": beat.started_at,
        "last_error": beat.last_error,
    }


def _queue(facts: "QueueFacts") -> Facts:
    return {
        "depth": facts.depth,
        "in_flight": facts.in_flight,
        "oldest_age_s": facts.oldest_age_s,
        "consumers": facts.consumers,
        "dead": facts.dead,
    }


def render(facts: Facts) -> list[str]:
    """Return the facts as lines for people."""
    lines = [_state_line(facts)]
    if facts.get("where"):  # another Keter than that of this folder
        lines.append(f"  {facts['where']}")
    if facts["reason"]:
        lines.append(f"  {cause_text(facts)}")
    if facts.get("following"):
        lines.append(f"  {facts['following']}")
    if facts["problem"]:
        lines.append(f"  {facts['problem']}")
    lines += account_lines(facts.get("accounts", ()))
    return [*lines, *_run_lines(facts), *_process_lines(facts), *_queue_lines(facts)]


def _state_line(facts: Facts) -> str:
    live, armed = facts["mode"] == "LIVE", facts.get("armed")
    state = betting_word(facts["state"], live=live, armed=armed) or "unknown"
    stops = f"  stopped by {', '.join(facts['stops'])}" if facts["stops"] else ""
    return f"{facts['mode']}  {state}{stops}"


def _run_lines(facts: Facts) -> Iterator[str]:
    # Of several accounts each has been shown with its own arming.
    if facts.get("machine") and facts["mode"] == "LIVE" and "accounts" not in facts:
        yield (
            "  armed: bets real money"
            if facts["armed"]
            else "  not armed: no bet is placed until `keter arm`"
        )
    if facts.get("settings_differ"):
        names = ", ".join(facts["settings_differ"])
        yield (
            f"  settings on disk differ from those in force: {names}; they count from the next"
            " start"
        )


def _process_lines(facts: Facts) -> Iterator[str]:
    for row in facts.get("processes", ()):
        error = f"  last error: {row['last_error']}" if row["last_error"] else ""
        yield f"  {row['worker']:<12} pid {row['pid']:<8} heard {row['age_s']:.1f} s ago{error}"


def _queue_lines(facts: Facts) -> Iterator[str]:
    for name, row in facts.get("queues", {}).items():
        oldest = f", oldest {row['oldest_age_s']:.1f} s" if row["oldest_age_s"] else ""
        work = f"{row['in_flight']} in work, {row['consumers']} consumers, {row['dead']} dead"
        yield f"  queue {name:<10} {row['depth']} waiting{oldest}, {work}"
