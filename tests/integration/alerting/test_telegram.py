"""Telegram by aiogram's own types over a made-up session: what is sent, what is heard, and that the
token stays inside.
"""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramConflictError, TelegramForbiddenError, TelegramNetworkError
from aiogram.methods import GetUpdates, SendMessage, TelegramMethod
from aiogram.types import Chat, Message, Update, User

from keter.alerting.channels import DeliveryError
from keter.alerting.telegram import Listener, TelegramChannel
from keter.alerting.telegram_commands import IncomingMessage
from keter.alerting.texts import Kind, message_of
from keter.domain.alerts import Alert
from tests.kit.support import eventually

TOKEN = "1234567890:" + "canary" * 6
AT = datetime.now(UTC).replace(microsecond=0)
MESSAGE = message_of(
    Kind.NEW, Alert("unknown-bets", "page", "Bets with unknown outcome", "<b>1 bet</b>", AT), AT
)


class Session(BaseSession):
    """Stands where the network would: keeps what is sent, hands out updates, fails on demand."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[int | str, str]] = []
        self.updates: list[Update] = []
        self.offsets: list[int | None] = []
        self.fault: Exception | None = None
        self.blocked: set[int | str] = set()
        self.closed = False

    async def make_request(
        self, bot: Bot, method: TelegramMethod[Any], timeout: int | None = None
    ) -> Any:
        if self.fault is not None:
            raise self.fault
        if isinstance(method, GetUpdates):
            self.offsets.append(method.offset)
            fresh = [update for update in self.updates if update.update_id >= (method.offset or 0)]
            if not fresh:
                await asyncio.Event().wait()
            return fresh
        assert isinstance(method, SendMessage)
        if method.chat_id in self.blocked:
            raise TelegramForbiddenError(method, "bot was blocked by the user")
        self.sent.append((method.chat_id, method.text))
        return None

    async def stream_content(self, *args: Any, **options: Any) -> AsyncGenerator[bytes, None]:
        yield b""

    async def close(self) -> None:
        self.closed = True


class EchoHandler:
    """Answers everything with what was heard."""

    def __init__(self) -> None:
        self.heard: list[IncomingMessage] = []

    async def answer(self, said: IncomingMessage) -> str | None:
        self.heard.append(said)
        return f"heard {said.text} {TOKEN}"


def update(
    number: int, text: str | None = "/status", kind: str = "private", chat: int = 7, **more: Any
) -> Update:
    sender = User(id=7, is_bot=False, first_name="Op")
    message = Message(
        message_id=number,
        date=AT - timedelta(seconds=5),
        chat=Chat(id=chat, type=kind),
        from_user=sender,
        text=text,
    )
    return Update(update_id=number, message=message.model_copy(update=more))


def listener(session: Session, handler: EchoHandler) -> Listener:
    return Listener(Bot(TOKEN, session=session), handler, lambda text: text.replace(TOKEN, "***"))  # type: ignore[arg-type]  # A handler by shape.


async def test_an_alert_reaches_every_listed_user_as_plain_text() -> None:
    session = Session()
    await TelegramChannel(Bot(TOKEN, session=session), [7, 8]).send(MESSAGE, None)
    assert [chat for chat, _ in session.sent] == [7, 8]
    assert "PAGE: Bets with unknown outcome\n<b>1 bet</b>" in session.sent[0][1]


async def test_one_user_who_blocked_the_bot_keeps_nothing_from_the_others() -> None:
    session = Session()
    session.blocked = {7}
    await TelegramChannel(Bot(TOKEN, session=session), [7, 8]).send(MESSAGE, None)
    assert [chat for chat, _ in session.sent] == [8]


async def test_when_nobody_could_be_told_it_has_failed_and_the_error_keeps_the_token() -> None:
    session = Session()
    session.fault = TelegramNetworkError(
        SendMessage(chat_id=7, text=""), f"https://api.telegram.org/bot{TOKEN}/sendMessage"
    )
    with structlog.testing.capture_logs() as logs, pytest.raises(DeliveryError) as caught:
        await TelegramChannel(Bot(TOKEN, session=session), [7]).send(MESSAGE, None)
    assert TOKEN not in f"{caught.value} {logs}"


async def test_a_command_is_heard_once_and_its_reply_holds_no_secret() -> None:
    session, handler = Session(), EchoHandler()
    session.updates = [update(5, "/halt"), update(5, "/halt"), update(6)]
    stop = asyncio.Event()
    running = asyncio.create_task(listener(session, handler).run(stop))
    await eventually(lambda: len(session.offsets) == 2)
    stop.set()
    await running
    assert [said.text for said in handler.heard] == ["/halt", "/status"]
    assert session.offsets == [0, 7]
    assert session.sent == [(7, "heard /halt ***"), (7, "heard /status ***")]


async def test_what_is_heard_says_who_where_and_when() -> None:
    session, handler = Session(), EchoHandler()
    ear = listener(session, handler)
    await ear.handle(update(1))
    await ear.handle(update(2, kind="group", chat=-100))
    await ear.handle(update(3, from_user=User(id=9, is_bot=True, first_name="Bot")))
    await ear.handle(update(4, text=None))
    await ear.handle(Update(update_id=5))
    first, group, bot = handler.heard
    assert (first.user, first.chat, first.private, first.at, first.by_person) == (
        7,
        7,
        True,
        AT - timedelta(seconds=5),
        True,
    )
    assert (group.private, group.chat) == (False, -100)
    assert not bot.by_person


async def test_a_fault_is_told_once_with_its_kind_and_without_the_token() -> None:
    session = Session()
    session.fault = TelegramConflictError(
        GetUpdates(), f"bot{TOKEN}: terminated by other getUpdates request"
    )
    ear = listener(session, EchoHandler())
    with structlog.testing.capture_logs() as logs:
        assert [await ear.poll(), await ear.poll()] == ["TelegramConflictError"] * 2
    [line] = logs
    assert line["hint"] == "another program uses this bot's token"
    assert TOKEN not in str(logs)
