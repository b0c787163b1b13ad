"""Builds the context of one dashboard process: everything its handlers share."""

import socket
from collections.abc import Sequence
from datetime import datetime

from keter import __version__
from keter.alerting.build import build_alerting
from keter.alerting.held import Held
from keter.bus.connection import Bus
from keter.clock import Clock, Ids
from keter.control.commands import Control
from keter.dashboard.account_lines import AccountLines
from keter.dashboard.accounts import AccountConsole, AccountConsoles
from keter.dashboard.alert_views import code_proof, telegram_views
from keter.dashboard.app_context import AppContext
from keter.dashboard.auth import Authenticator
from keter.dashboard.command_text import describe
from keter.dashboard.commands import Commands
from keter.dashboard.hub import Hub
from keter.dashboard.ledgers import LazyLedgers
from keter.dashboard.models import Server, Snapshot
from keter.dashboard.reader import Reader
from keter.dashboard.records import Records
from keter.dashboard.routes import Principal
from keter.dashboard.security import perimeter_of
from keter.dashboard.static import load_pages
from keter.dashboard.storage import Storage
from keter.dashboard.stores import Stores
from keter.dashboard.watch import Watch
from keter.domain.processes import EVERYTHING, Process
from keter.ledger.writing import WriteProbe
from keter.logs import secret_values
from keter.opening.stores import ledger_url
from keter.redaction import Redactor
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
    """Return the context; ``starts`` are the processes of this run.

    ``port`` replaces DASH_PORT. Raises ConfigurationError for an unsafe address or a bad password
    hash.
    """
    check_bind(settings)
    authenticator = Authenticator(settings.dashboard, clock, settings.mode.data_dir / "run")
    control = _control(settings, bus, ledgers, clock, ids)
    stores, held = Stores(bus, WriteProbe(ledger_url(settings)), clock), Held()
    readers = [
        Reader(one, bus, ledgers, control, stores, held, clock, starts, whole=settings)
        for one in settings.each
    ]
    accounts = _consoles(settings, readers, bus, ledgers, clock, ids, starts)
    answers, prove = telegram_views(accounts, bus, ledgers, held), code_proof(authenticator)
    return AppContext(
        settings=settings,
        clock=clock,
        host=socket.gethostname(),
        started_at=clock.now(),
        perimeter=perimeter_of(settings, settings.dashboard.dash_port if port is None else port),
        authenticator=authenticator,
        accounts=accounts,
        storage=Storage(settings, ledgers, clock),
        commands=_commands(settings, control, authenticator, accounts, clock),
        alerting=build_alerting(settings, bus, control, answers, held, clock, prove=prove),
        watch=Watch(settings, bus, readers, ledgers, authenticator, stores, held, clock, starts),
        stores=stores,
        pages=load_pages(),
    )


def _consoles(
    settings: Settings,
    readers: Sequence[Reader],
    bus: Bus,
    ledgers: LazyLedgers,
    clock: Clock,
    ids: Ids,
    starts: frozenset[Process],
) -> AccountConsoles:
    """Return a console for each account; all pages together are bounded, of whichever account."""
    callers: list[Principal] = []
    redactor = Redactor(secret_values(settings))
    lines = AccountLines(readers, clock, starts)
    started_at = clock.now()

    def console(reader: Reader) -> AccountConsole:
        own = reader.settings
        server = server_facts(own, settings, started_at)

        async def build(position: str) -> Snapshot:
            return await reader.snapshot(server, position, await lines.read())

        hub = Hub(build, clock, ids(), callers)
        return AccountConsole(own, reader, hub, Records(own, bus, ledgers, redactor))

    return AccountConsoles([console(reader) for reader in readers])


def _control(settings: Settings, bus: Bus, ledgers: LazyLedgers, clock: Clock, ids: Ids) -> Control:
    return Control(
        bus,
        halt_file=settings.router.halt_file,
        clock=clock,
        audit=ledgers.audit,
        ids=ids,
        last=ledgers.last_trading,
    )


def _commands(
    settings: Settings,
    control: Control,
    authenticator: Authenticator,
    accounts: AccountConsoles,
    clock: Clock,
) -> Commands:
    return Commands(
        control,
        authenticator,
        clock,
        lambda body, standing, limit: describe(body, standing, limit, accounts),
        settings,
        lambda: armable(settings, clock),
    )


def server_facts(settings: Settings, whole: Settings, now: datetime) -> Server:
    """Return what the page of one account shows of this server, started at ``now``.

    ``settings`` are those of the account, ``whole`` those of the run.
    """
    return Server(
        version=__version__,
        host=socket.gethostname(),
        started_at=now,
        zone=settings.mode.time_zone,
        currency=settings.mode.account_currency,
        mode=settings.account.mode.value,
        account=settings.account.key,
        sandbox=whole.uses_sandbox,
    )
