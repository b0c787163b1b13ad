"""Telegram through aiogram (the optional extra ``telegram``): sends alerts, takes commands.

The bot's token is part of every address. So of an error only its kind is passed on, never its text.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramAPIError
from aiogram.types import Message as Received
from aiogram.types import Update

from keter.alerting.channels import DeliveryError
from keter.alerting.telegram_commands import CommandHandler, IncomingMessage
from keter.alerting.texts import LONGEST, Message, StatusLine, body, subject
from keter.system.tasks import run_until, stopped_within

log = structlog.get_logger(__name__)
CALL_S = 10
POLL_S = 20
RETRY_AFTER_S = 10.0
FAULTS = (AiogramError, TelegramAPIError, OSError, TimeoutError)


class TelegramChannel:
    """Sends to each listed user's private chat, whose number is the user's own."""

    name = "telegram"

    def __init__(self, bot: Bot, users: Sequence[int]) -> None:
        self._bot = bot
        self._users = tuple(users)

    async def send(self, message: Message, status: StatusLine | None) -> None:
        """Send to every user; one who has blocked the bot keeps nothing from the others.

        Raises DeliveryError when nobody was reached.
        """
        text = f"{subject(message)}\n{body(message, status)}"
        faults = [
            fault
            for user in self._users
            if (fault := await send_text(self._bot, user, text)) is not None
        ]
        if len(faults) == len(self._users):
            raise DeliveryError(f"Telegram told nobody ({', '.join(sorted(set(faults)))})")
        if faults:
            figures = {"told": len(self._users) - len(faults), "of": len(self._users)}
            log.warning("telegram_told_some_only", **figures, faults=faults)

    async def aclose(self) -> None:
        await self._bot.session.close()


async def send_text(bot: Bot, user: int, text: str) -> str | None:
    """Send plain text; return the kind of what went wrong, or None."""
    try:
        await bot.send_message(user, text[:LONGEST], request_timeout=CALL_S)
    except FAULTS as e:
        return type(e).__name__
    return None


class Listener:
    """Asks Telegram for commands and answers them in order.

    ``clean`` takes secrets out of replies.
    """

    def __init__(self, bot: Bot, handler: CommandHandler, clean: Callable[[str], str]) -> None:
        self._bot = bot
        self._handler = handler
        self._clean = clean
        self._next = 0
        self._fault: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until ``stop``. A fault is logged once, and again when it changes."""
        while not stop.is_set():
            polling = asyncio.create_task(self.poll())
            ended = await run_until(stop, polling)
            if ended and polling.result() is not None:
                await stopped_within(stop, RETRY_AFTER_S)

    async def poll(self) -> str | None:
        """Ask once and answer what came; return the kind of fault, or None."""
        try:
            updates = await self._bot.get_updates(
                offset=self._next,
                timeout=POLL_S,
                allowed_updates=["message"],
                request_timeout=POLL_S + CALL_S,
            )
        except FAULTS as e:
            return self._note_fault(type(e).__name__)
        self._note_fault(None)
        for update in updates:
            await self.handle(update)
        return None

    async def handle(self, update: Update) -> None:
        """Answer one update, once: a repeated one is known by its number."""
        if update.update_id < self._next:
            return
        self._next = update.update_id + 1
        command = incoming(update.message)
        reply = await self._handler.answer(command) if command is not None else None
        if command is not None and reply is not None:
            fault = await send_text(self._bot, command.chat, self._clean(reply))
            if fault is not None:
                log.warning("telegram_reply_lost", fault=fault)

    def _note_fault(self, fault: str | None) -> str | None:
        if fault is not None and fault != self._fault:
            hints = {
                "TelegramConflictError": "another program uses this bot's token",
                "TelegramUnauthorizedError": "wrong token",
            }
            log.warning("telegram_deaf", fault=fault, hint=hints.get(fault, "tried again"))
        self._fault = fault
        return fault


def incoming(message: Received | None) -> IncomingMessage | None:
    """Return what somebody wrote; None for pictures, channels and the like."""
    if message is None or message.text is None or message.from_user is None:
        return None
    return IncomingMessage(
        user=message.from_user.id,
        chat=message.chat.id,
        private=message.chat.type == "private",
        text=message.text,
        at=message.date,
        by_person=not message.from_user.is_bot
        and message.forward_origin is None
        and message.sender_chat is None,
    )
