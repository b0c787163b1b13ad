"""Which channels there are, from the settings. What is configured but cannot be had is told once, and the rest works."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import structlog

from keter.alerting.channels import Channel, LogChannel
from keter.alerting.courier import Courier
from keter.alerting.desk import Desk, Views
from keter.bus.connection import Bus
from keter.clock import Clock
from keter.control import Control
from keter.logs import secret_values
from keter.redaction import Redactor
from keter.setting_groups import AlertSettings
from keter.settings import Settings

if TYPE_CHECKING:
    from keter.alerting.telegram import Listener

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Alerting:
    """What the dashboard's process runs: the courier, and the ear for commands where Telegram is configured."""

    courier: Courier
    listener: "Listener | None" = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``; then closes every channel."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.courier.run(stop))
                if self.listener is not None:
                    tasks.create_task(self.listener.run(stop))
        finally:
            await self.courier.aclose()


def build_alerting(settings: Settings, bus: Bus, control: Control, views: Views, clock: Clock) -> Alerting:
    """Opens no connection. ``views`` answer Telegram's questions and tell the money at risk."""
    clean = Redactor(secret_values(settings)).text
    channels: list[Channel] = [LogChannel(), *_webhook(settings.alerts), *_apprise(settings.alerts)]
    listener = None
    users = telegram_users(settings.alerts.telegram_user_ids)
    if _telegram_wanted(settings.alerts, users):
        from aiogram import Bot
        from aiogram.client.session.aiohttp import AiohttpSession
        from aiogram.client.telegram import TelegramAPIServer
        from aiogram.utils.token import TokenValidationError

        from keter.alerting.telegram import CALL_S, Listener, TelegramChannel

        session = AiohttpSession(api=TelegramAPIServer.from_base(settings.alerts.telegram_api_url), timeout=CALL_S)
        try:
            bot = Bot(settings.alerts.telegram_bot_token.get_secret_value(), session=session)
        except TokenValidationError:
            log.warning("telegram_off", reason="TELEGRAM_BOT_TOKEN is not a bot's token (digits, colon, letters)")
        else:
            channels.append(TelegramChannel(bot, sorted(users)))
            listener = Listener(bot, Desk(control, views, users, clock), clean)
    courier = Courier(bus, channels, views.position, clock, settings.mode.zone, clean)
    return Alerting(courier, listener)


def telegram_users(words: Sequence[str]) -> frozenset[int]:
    """The numeric users; whatever is no positive number is told and left out."""
    wrong = [word for word in words if not (word.isascii() and word.isdigit())]
    if wrong:
        log.warning("telegram_users_ignored", reason="TELEGRAM_USER_IDS takes numbers of users", entries=len(wrong))
    return frozenset(int(word) for word in words if word not in wrong)


def _telegram_wanted(settings: AlertSettings, users: frozenset[int]) -> bool:
    if not settings.telegram_bot_token.get_secret_value():
        return False
    if not users:
        log.warning("telegram_off", reason="TELEGRAM_USER_IDS is empty: nobody may be told or heard")
        return False
    return _installed("aiogram", "telegram")


def _webhook(settings: AlertSettings) -> list[Channel]:
    url = settings.alert_webhook_url.get_secret_value()
    if not url:
        return []
    from keter.alerting.webhook import WebhookChannel

    return [WebhookChannel(url)]


def _apprise(settings: AlertSettings) -> list[Channel]:
    urls = settings.apprise_urls.get_secret_value()
    if not urls or not _installed("apprise", "notify"):
        return []
    from keter.alerting.mail import AppriseChannel

    channel = AppriseChannel(urls)
    if channel.unusable:
        log.warning("apprise_addresses_unusable", count=channel.unusable)
    return [channel]


def _installed(module: str, extra: str) -> bool:
    if find_spec(module) is not None:
        return True
    log.warning(f"{extra}_off", reason=f"it is configured, but the optional extra is missing: pip install 'keter[{extra}]'")
    return False
