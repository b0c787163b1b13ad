"""Connects the console with the alert channels: their answers, and the operator's test alert."""

from collections.abc import Sequence

import msgspec

from keter.alerting.dispatcher import Dispatcher
from keter.alerting.held import Held
from keter.alerting.telegram_commands import Prove, Views
from keter.alerting.texts import StatusLine
from keter.bus.connection import Bus
from keter.bus.telemetry.alerts import read_alerts
from keter.clock import Clock
from keter.dashboard.accounts import AccountConsoles
from keter.dashboard.auth import Authenticator
from keter.dashboard.errors import ApiError
from keter.dashboard.ledgers import LazyLedgers
from keter.dashboard.models import Snapshot, TestAlertResult
from keter.dashboard.routes import Role
from keter.domain.alerts import Alert
from keter.domain.orders import Order
from keter.errors import KeterError
from keter.settings import Settings

TEST_EVERY_S = 10.0


def telegram_views(accounts: AccountConsoles, bus: Bus, ledgers: LazyLedgers, held: Held) -> Views:
    """Return the answers for Telegram, from the same sources as the page."""

    async def status() -> StatusLine:
        first, *others = [
            status_of(await one.hub.newest(), one.settings, known=one.hub.problem is None)
            for one in accounts
        ]
        return msgspec.structs.replace(first, others=tuple(others))

    async def open_orders() -> Sequence[Order]:
        intents = (await ledgers.reading()).orders
        own = [one.settings.account for one in accounts]
        found = [bet for one in own for bet in await intents.open_orders(one.mode, one.key)]
        return sorted(found, key=lambda bet: bet.intent.created_at)

    async def alerts() -> Sequence[Alert]:
        try:
            stored = await read_alerts(bus)
        except (KeterError, OSError, TimeoutError):
            # The alerts of this process itself say that Redis is away.
            stored = []
        return held.active(stored)

    return Views(status, open_orders, alerts)


def code_proof(authenticator: Authenticator) -> Prove | None:
    """Return a check of a Telegram user's code against the operator's second factor.

    Return None where the operator has none. A code is good for the page or for Telegram, never for
    both. Wrong ones make the next wait, as wrong passwords do.
    """
    if not authenticator.asks_code(Role.OPERATOR):
        return None
    return lambda user, code: authenticator.check_code(f"telegram {user}", code)


def status_of(latest: Snapshot | None, settings: Settings, *, known: bool = True) -> StatusLine:
    """Return the newest snapshot of an account in a few figures.

    What came from Redis is left out when that is no longer ``known``.
    """
    mode = settings.account.mode.value
    account = settings.account.key if settings.label else ""
    if latest is None:
        return StatusLine(mode, account=account)
    money = latest.money
    return StatusLine(
        execution_mode=mode,
        trading=latest.trading.mode if known else None,
        currency=settings.mode.account_currency,
        open=money.open if money else None,
        outstanding=money.outstanding if money else None,
        unknown=money.unknown if money else None,
        pnl_today=money.pnl_today if money else None,
        stops=tuple(latest.trading.stops) if known else (),
        problems=(
            *latest.problems,
            *([latest.trading.following] if latest.trading.following else []),
        ),
        account=account,
    )


class Tester:
    """Sends test alerts, at most one every TEST_EVERY_S."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._sent_s: float | None = None

    async def send(self, actor: str) -> TestAlertResult:
        """Send a test alert to every channel and return what each did with it.

        Raises ApiError 429 when the last one was just sent.
        """
        at = self._clock.monotonic()
        if self._sent_s is not None and at - self._sent_s < TEST_EVERY_S:
            wait_s = TEST_EVERY_S - (at - self._sent_s)
            raise ApiError(429, "slow_down", "a test alert was just sent", retry_after_s=wait_s)
        self._sent_s = at
        results = await self._dispatcher.test(actor)
        sent = [name for name, fault in results.items() if fault is None]
        failed = {name: fault for name, fault in results.items() if fault is not None}
        faults = "; ".join(f"{name}: {fault}" for name, fault in failed.items())
        sentence = f"Sent to {', '.join(sent) or 'nobody'}." + (
            f" Not sent to {faults}." if failed else ""
        )
        return TestAlertResult(sentence=sentence, sent=sent, failed=failed)
