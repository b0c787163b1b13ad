"""Builds the world of one dashboard process: everything it needs, connected once."""

import socket
from datetime import datetime, timedelta
from decimal import Decimal

from keter import __version__
from keter.alerting.build import build_alerting
from keter.alerting.held import Held
from keter.bus.connection import Bus
from keter.clock import Clock, Ids
from keter.control.commands import Control
from keter.control.standing import Standing, outlasts, until_text
from keter.dashboard.alert_views import code_proof, views
from keter.dashboard.app_context import AppContext
from keter.dashboard.auth import Authenticator
from keter.dashboard.commands import Commands
from keter.dashboard.hub import Hub
from keter.dashboard.ledgers import LazyLedgers
from keter.dashboard.models import PrepareBody, Server, Snapshot
from keter.dashboard.reader import Reader
from keter.dashboard.security import perimeter_of
from keter.dashboard.static import load_pages
from keter.dashboard.stores import Stores
from keter.dashboard.watch import Watch
from keter.domain.processes import EVERYTHING, Process
from keter.ledger import ledger_url
from keter.ledger.writing import WriteProbe
from keter.settings import Settings
from keter.supervision.preflight import armable, check_bind


def build_app_context(
    settings: Settings,
    bus: Bus,
    ledgers: LazyLedgers,
    clock: Clock,
    ids: Ids,
    *,
    port: int | None = None,
    starts: frozenset[Process] = EVERYTHING,
) -> AppContext:
    """``starts`` are the processes of this run.

    Raises ConfigurationError for an unsafe address or a bad password hash.
    """
    check_bind(settings)
    authenticator = Authenticator(settings.dashboard, clock, settings.mode.data_dir / "run")
    control = Control(
        bus,
        halt_file=settings.router.halt_file,
        clock=clock,
        audit=ledgers.audit,
        ids=ids,
        last=ledgers.last_trading,
    )
    stores, held = Stores(bus, WriteProbe(ledger_url(settings)), clock), Held()
    reader = Reader(settings, bus, ledgers, control, stores, held, clock, starts)
    server = server_facts(settings, clock.now())

    async def build(position: str) -> Snapshot:
        return await reader.snapshot(server, position)

    hub = Hub(build, clock, ids())
    return AppContext(
        settings=settings,
        clock=clock,
        host=server.host,
        started_at=server.started_at,
        perimeter=perimeter_of(settings, settings.dashboard.dash_port if port is None else port),
        authenticator=authenticator,
        hub=hub,
        reader=reader,
        commands=Commands(
            control,
            authenticator,
            clock,
            lambda body, standing, limit: describe(body, standing, limit, hub),
            settings.risk,
            lambda: armable(settings, clock),
        ),
        alerting=build_alerting(
            settings,
            bus,
            control,
            views(settings, bus, hub, ledgers, held),
            held,
            clock,
            prove=code_proof(authenticator),
        ),
        watch=Watch(settings, bus, reader, ledgers, authenticator, stores, held, clock, starts),
        stores=stores,
        pages=load_pages(),
    )


def server_facts(settings: Settings, now: datetime) -> Server:
    return Server(
        version=__version__,
        host=socket.gethostname(),
        started_at=now,
        zone=settings.mode.time_zone,
        currency=settings.mode.account_currency,
        mode=settings.mode.execution_mode.value,
        account=settings.venue.ao_user or "sandbox",
        sandbox=settings.uses_sandbox,
    )


def describe(body: PrepareBody, standing: Standing, limit: Decimal | None, hub: Hub) -> str:
    """What a command would do now, in words and figures."""
    latest, target = hub.latest(), body.target
    queued = (
        sum(
            queue.depth + queue.in_flight
            for queue in latest.queues
            if queue.name in {"confirmed", "approved"}
        )
        if latest
        else 0
    )
    opened = latest.money.open if latest and latest.money else None
    stays = (
        "open bets stay open"
        if opened is None
        else f"{opened} open bet{'' if opened == 1 else 's'} stay{'s' if opened == 1 else ''} open"
    )
    waiting = f"{queued} queued signal{'' if queued == 1 else 's'}"
    texts = {
        "pause": (
            _standing_pause(body, standing)
            or f"Pause: no new bets, {waiting} will be refused, {stays}."
        ),
        "reduce": f"Reduce: only bets that do not raise the worst case of their event, {stays}.",
        "halt": (
            f"Halt: no new bets, {waiting} will be refused, {stays}. The HALT file is written as"
            " well."
        ),
        "resume": _resume_text(standing),
        "arm": f"Arm {target}: LIVE bets with real money may be made.",
        "disarm": f"Disarm {target}: no more LIVE bets, {stays}.",
        "acknowledge": f"Acknowledge {target}: it stands until its cause is gone.",
        "clear_cooldown": f"End the rest of {target}: it may be bet again at once.",
        "clear_lock": f"Take the lock {target} from its owner, who then does not bet.",
        "set_limit": f"Set {target.upper()} to {body.value}; it is {limit}.",
    }
    return texts[body.action]


def _standing_pause(body: PrepareBody, standing: Standing) -> str | None:
    """Says so when trading is paused already, and for no shorter than is asked for."""
    state = standing.trading.state if standing.trading is not None else None
    until = standing.at + timedelta(seconds=body.for_s) if body.for_s is not None else None
    if state is None or not outlasts(state, until, standing.at):
        return None
    return (
        f"Pause: {state.actor} has paused already, {until_text(state.until)} ({state.reason}); that"
        " stands."
    )


def _resume_text(standing: Standing) -> str:
    state = standing.trading.state if standing.trading is not None else None
    if state is None:
        return "Resume: new bets may be made."
    file = " The HALT file is removed." if standing.halt_file else ""
    return (
        f"Resume: new bets may be made again. {state.mode.value} by {state.actor}:"
        f" {state.reason}.{file}"
    )
