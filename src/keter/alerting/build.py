"""Which alert channels there are, from the settings.

What is configured but cannot be had is logged once, and the rest works.
"""

import asyncio
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from keter.alerting.channels import Channel, LogChannel
from keter.alerting.dispatcher import Dispatcher
from keter.alerting.held import Held
from keter.alerting.telegram_commands import CommandHandler, Prove, Views
from keter.bus.connection import Bus
from keter.clock import Clock
from keter.control.commands import Control
from keter.extras import missing
from keter.logs import secret_values
from keter.redaction import Redactor
from keter.setting_groups import AlertSettings
from keter.settings import Settings

if TYPE_CHECKING:
    from keter.alerting.telegram import Listener

log = structlog.get_logger(__name__)


class Alerting:
    """What the dashboard's process runs: the dispatcher, and Telegram's commands where configured.

    ``load_heavy`` makes the channels whose ``modules`` take seconds to load. The page is served
    meanwhile, and the other channels get their alerts.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        modules: Sequence[str],
        load_heavy: "Callable[[], tuple[list[Channel], Listener | None]]",
    ) -> None:
        self.dispatcher = dispatcher
        self._modules = tuple(modules)
        self._load_heavy = load_heavy

    async def run(self, stop: asyncio.Event) -> None:
        """Run until ``stop``; then close every channel."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.dispatcher.run(stop))
                tasks.create_task(self._listen(stop))
        finally:
            await self.dispatcher.aclose()

    async def _listen(self, stop: asyncio.Event) -> None:
        listener = await self.load()
        if listener is not None:
            await listener.run(stop)

    async def load(self) -> "Listener | None":
        """Load the heavy channels, hand them to the dispatcher and return Telegram's listener."""
        for module in self._modules:
            await asyncio.to_thread(import_module, module)
        channels, listener = self._load_heavy()
        self.dispatcher.add(channels)
        return listener


def build_alerting(
    settings: Settings,
    bus: Bus,
    control: Control,
    views: Views,
    held: Held,
    clock: Clock,
    *,
    prove: Prove | None = None,
) -> Alerting:
    """Return the alerting; no connection is opened.

    ``views`` answer Telegram's questions and give the money at risk. ``held`` are the alerts of
    this process. ``prove`` checks a code of the operator's second factor, which a resume over
    Telegram may need.
    """
    clean = Redactor(secret_values(settings)).text
    alerts = settings.alerts
    apprise = bool(alerts.apprise_urls.get_secret_value()) and _installed("apprise", "notify")
    users = telegram_users(alerts.telegram_user_ids)
    telegram = _telegram_wanted(alerts, users)
    handler = CommandHandler(control, views, users, clock, prove=prove)

    def load_heavy() -> "tuple[list[Channel], Listener | None]":
        listener, more = _telegram(alerts, users, handler, clean) if telegram else (None, [])
        return [*(_apprise(alerts) if apprise else []), *more], listener

    modules = [*["keter.alerting.mail"] * apprise, *["keter.alerting.telegram"] * telegram]
    channels = [LogChannel(), *_webhook(alerts)]
    dispatcher = Dispatcher(bus, channels, views.status, held, clock, settings.mode.zone, clean)
    return Alerting(dispatcher, modules, load_heavy)


def _telegram(
    settings: AlertSettings,
    users: frozenset[int],
    handler: CommandHandler,
    clean: Callable[[str], str],
) -> "tuple[Listener | None, list[Channel]]":
    from aiogram import Bot
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer
    from aiogram.utils.token import TokenValidationError

    from keter.alerting.telegram import CALL_S, Listener, TelegramChannel

    session = AiohttpSession(
        api=TelegramAPIServer.from_base(settings.telegram_api_url), timeout=CALL_S
    )
    try:
        bot = Bot(settings.telegram_bot_token.get_secret_value(), session=session)
    except TokenValidationError:
        log.warning(
            "telegram_off",
            reason="TELEGRAM_BOT_TOKEN is not a bot's token (digits, colon, letters)",
        )
        return None, []
    return Listener(bot, handler, clean), [TelegramChannel(bot, sorted(users))]


def telegram_users(words: Sequence[str]) -> frozenset[int]:
    """Return the numeric users; whatever is no number is logged and left out."""
    wrong = [word for word in words if not (word.isascii() and word.isdigit())]
    if wrong:
        log.warning(
            "telegram_users_ignored",
            reason="TELEGRAM_USER_IDS takes numbers of users",
            entries=len(wrong),
        )
    return frozenset(int(word) for word in words if word not in wrong)


def _telegram_wanted(settings: AlertSettings, users: frozenset[int]) -> bool:
    if not settings.telegram_bot_token.get_secret_value():
        return False
    if not users:
        log.warning(
            "telegram_off", reason="TELEGRAM_USER_IDS is empty: nobody may be told or heard"
        )
        return False
    return _installed("aiogram", "telegram")


def _webhook(settings: AlertSettings) -> list[Channel]:
    url = settings.alert_webhook_url.get_secret_value()
    if not url:
        return []
    from keter.alerting.webhook import WebhookChannel

    return [WebhookChannel(url)]


def _apprise(settings: AlertSettings) -> list[Channel]:
    from keter.alerting.mail import AppriseChannel

    channel = AppriseChannel(settings.apprise_urls.get_secret_value())
    if channel.unusable:
        log.warning("apprise_addresses_unusable", count=channel.unusable)
    return [channel]


def _installed(module: str, extra: str) -> bool:
    if find_spec(module) is not None:
        return True
    log.warning(f"{extra}_off", reason=missing(f"the channel {extra}, which is configured,"))
    return False
