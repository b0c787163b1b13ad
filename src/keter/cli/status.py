"""``keter status``: where trading stands, which processes live, what the queues hold."""

from typing import TYPE_CHECKING, Any

import typer

from keter.cli.access import need_bus
from keter.cli.output import JsonFlag, run_async, show_json
from keter.domain.trading import DISARMED, betting_word
from keter.errors import ExitCode, UnavailableError

if TYPE_CHECKING:
    from keter.bus.connection import Bus
    from keter.control import Standing
    from keter.settings import Settings

Facts = dict[str, Any]


def register(app: typer.Typer) -> None:
    """Adds these commands to ``app``."""
    app.command()(status)


def status(as_json: JsonFlag = False) -> ExitCode:
    """Show trading state, processes and queues; exit code 69 when nothing runs."""
    from keter.settings import load_settings

    facts = run_async(_collect(load_settings()))
    if as_json:
        show_json(facts)
    else:
        for line in render(facts):
            typer.echo(line)
    return ExitCode.OK if facts["running"] else ExitCode.UNAVAILABLE


async def _collect(settings: "Settings") -> Facts:
    facts: Facts = {"mode": settings.mode.execution_mode.value, "running": False, "problem": None}
    try:
        bus = await need_bus(settings)
    except UnavailableError as e:
        return facts | {"problem": str(e)} | _standing(await _ask_standing(settings, None))
    try:
        told = _standing(await _ask_standing(settings, bus)) | await _permission(settings, bus)
        return facts | told | await _workings(bus)
    finally:
        await bus.aclose()


async def _ask_standing(settings: "Settings", bus: "Bus | None") -> "Standing":
    from keter.clock import SystemClock
    from keter.control import Control

    return await Control(bus, halt_file=settings.router.halt_file, clock=SystemClock(), audit=None).standing()


def _standing(standing: "Standing") -> Facts:
    view = standing.trading
    state, cause = view.state if view is not None else None, standing.cause
    return {
        "state": standing.mode.value if standing.mode is not None else None,
        "stops": list(standing.stops),
        "revision": state.revision if state else None,
        "by": cause.actor if cause else None,
        "reason": cause.reason if cause else None,
        "since": cause.since if cause else None,
        "until": cause.until if cause else None,
    }


async def _permission(settings: "Settings", bus: "Bus") -> Facts:
    """Whether LIVE is armed; None in DRY, which needs no arming."""
    if not settings.live:
        return {"armed": None}
    from keter.bus.trading import read_arming

    return {"armed": await read_arming(bus, settings.venue.ao_user) is not None}


async def _workings(bus: "Bus") -> Facts:
    from keter.bus.heartbeats import read_heartbeats
    from keter.bus.queues import depths

    beats = await read_heartbeats(bus)
    queues = await depths(bus)
    return {
        "running": bool(beats),
        "problem": None if beats else "Redis answers, but no process reports; start with `keter up`",
        "processes": [
            {"worker": beat.worker, "pid": beat.pid, "version": beat.version, "age_s": round(beat.age_s, 2),
             "started_at": beat.started_at, "last_error": beat.last_error}
            for beat in sorted(beats, key=lambda beat: beat.worker)
        ],
        "queues": {
            name.value: {"depth": q.depth, "in_flight": q.in_flight, "oldest_age_s": q.oldest_age_s, "consumers": q.consumers,
                         "dead": q.dead}
            for name, q in queues.items()
        },
    }  # fmt: skip


def render(facts: Facts) -> list[str]:
    """The facts as lines for people."""
    state = betting_word(facts["state"], live=facts["mode"] == "LIVE", armed=facts.get("armed")) or "unknown"
    lines = [f"{facts['mode']}  {state}" + (f"  stopped by {', '.join(facts['stops'])}" if facts["stops"] else "")]
    if state == DISARMED:
        lines.append("  LIVE is not armed: nothing is bet until `keter arm`")
    if facts["reason"]:
        until = f" until {facts['until']:%H:%M:%S} UTC" if facts["until"] else ""
        lines.append(f"  since {facts['since']:%Y-%m-%d %H:%M:%S} UTC{until}, by {facts['by']}: {facts['reason']}")
    if facts["problem"]:
        lines.append(f"  {facts['problem']}")
    for row in facts.get("processes", ()):
        error = f"  last error: {row['last_error']}" if row["last_error"] else ""
        lines.append(f"  {row['worker']:<12} pid {row['pid']:<8} heard {row['age_s']:.1f} s ago{error}")
    for name, row in facts.get("queues", {}).items():
        oldest = f", oldest {row['oldest_age_s']:.1f} s" if row["oldest_age_s"] else ""
        work = f"{row['in_flight']} in work, {row['consumers']} consumers, {row['dead']} dead"
        lines.append(f"  queue {name:<10} {row['depth']} waiting{oldest}, {work}")
    return lines
