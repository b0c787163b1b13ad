"""Who may command over Telegram, what, when and how often."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from keter.alerting.telegram_commands import HELP, CommandHandler, IncomingMessage, Prove, Views
from keter.alerting.texts import StatusLine
from keter.bus.connection import Bus, absent
from keter.bus.state.trading import change_trading
from keter.bus.telemetry.alerts import raise_alert, read_alerts
from keter.clock import ManualClock, random_id
from keter.control.commands import Control
from keter.dashboard.alert_views import code_proof
from keter.dashboard.auth import Authenticator
from keter.dashboard.errors import ApiError
from keter.dashboard.second_factor import totp
from keter.domain.alerts import Alert
from keter.domain.orders import Order
from keter.domain.trading import CommandAction, OperatorCommand, TradingMode, TradingState
from keter.setting_groups import DashboardSettings

START = datetime.now(UTC).replace(microsecond=0)
ME = 4711
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


class Office:
    """A desk over a real bus, and everything that was audited."""

    def __init__(
        self,
        bus: Bus,
        folder: Path,
        allowed: frozenset[int] = frozenset({ME}),
        prove: Prove | None = None,
    ) -> None:
        self.clock = ManualClock(START)
        self.bus = bus
        self.audited: list[OperatorCommand] = []
        self.ledgers: Authenticator
        self.halt_file = folder / "HALT"
        self.control = Control(
            bus, halt_file=self.halt_file, clock=self.clock, audit=self._audit, ids=random_id
        )
        self.codes = iter(["111111", "222222", "333333"])
        self.handler = CommandHandler(
            self.control,
            Views(self._position, self._bets, self._alerts),
            allowed,
            self.clock,
            lambda: next(self.codes),
            prove=prove,
        )

    async def _audit(self, row: OperatorCommand) -> None:
        self.audited.append(row)

    async def _position(self) -> StatusLine:
        return StatusLine("DRY", "ACTIVE", "EUR", 2, "20.00", 0, "-4.50")

    async def _bets(self) -> Sequence[Order]:
        return []

    async def _alerts(self) -> Sequence[Alert]:
        return await read_alerts(self.bus)

    async def start(self, mode: TradingMode, actor: str = "ops") -> None:
        await change_trading(
            self.bus, TradingState(mode, actor, "test", START), expected_revision=None, now=START
        )

    async def say(
        self,
        text: str,
        *,
        user: int = ME,
        chat: int = ME,
        private: bool = True,
        age_s: float = 1,
        person: bool = True,
    ) -> str | None:
        return await self.handler.answer(
            IncomingMessage(
                user, chat, private, text, self.clock.now() - timedelta(seconds=age_s), person
            )
        )

    async def mode(self) -> TradingMode | None:
        return (await self.control.standing()).mode


@pytest.fixture
async def office(bus: Bus, tmp_path: Path) -> Office:
    office = Office(bus, tmp_path)
    await office.start(TradingMode.ACTIVE)
    return office


@pytest.mark.parametrize(
    "where",
    [
        {"user": 1, "chat": 1},
        {"chat": -100, "private": False},
        {"chat": -100},
        {"chat": 1},
        {"person": False},
    ],
    ids=[
        "stranger",
        "group",
        "group that claims to be private",
        "another's chat",
        "bot or forwarded",
    ],
)
async def test_nobody_else_and_nowhere_else_is_heard_or_answered(
    office: Office, where: dict[str, int]
) -> None:
    assert await office.say("/halt", **where) is None  # type: ignore[arg-type]  # bools are ints here
    assert await office.mode() is TradingMode.ACTIVE
    assert office.audited == []


async def test_an_empty_list_is_nobody(bus: Bus, tmp_path: Path) -> None:
    office = Office(bus, tmp_path, frozenset())
    assert await office.say("/status") is None


AGES = [61, 90, 86_400, -61, -7_200]


@pytest.mark.parametrize("age_s", AGES)
@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("/halt", TradingMode.HALTED),
        ("/pause", TradingMode.PAUSED),
        ("/pause 5", TradingMode.PAUSED),
        ("/reduce", TradingMode.REDUCING),
    ],
)
async def test_what_only_stops_is_done_however_old_or_skewed_it_arrives(
    office: Office, text: str, mode: TradingMode, age_s: float
) -> None:
    answer = await office.say(text, age_s=age_s) or ""
    assert "is done all the same" in answer
    assert f"{abs(age_s)} s {'ago' if age_s > 0 else 'ahead'}" in answer
    assert await office.mode() is mode


@pytest.mark.parametrize("age_s", AGES)
async def test_what_may_start_bets_or_quiet_an_alert_is_not_done_when_old(
    office: Office, age_s: float
) -> None:
    await office.start(TradingMode.PAUSED)
    for text in ("/resume", "/ack x"):
        assert "is not done. Say it again." in (await office.say(text, age_s=age_s) or "")
    assert "/resume 111111" in (await office.say("/resume") or "")
    assert "is not done" in (await office.say("/resume 111111", age_s=age_s) or "")
    assert await office.mode() is TradingMode.PAUSED


@pytest.mark.parametrize("age_s", AGES)
async def test_questions_are_answered_however_old_they_are(office: Office, age_s: float) -> None:
    assert "ACTIVE" in (await office.say("/status", age_s=age_s) or "")
    for text in ("/open", "/pnl", "/alerts"):
        assert "not done" not in (await office.say(text, age_s=age_s) or "")


async def test_halt_is_done_at_once_and_audited_with_its_source(office: Office) -> None:
    assert "halted" in (await office.say("/halt odd prices") or "")
    assert await office.mode() is TradingMode.HALTED
    assert office.halt_file.exists()
    [row] = office.audited
    assert (row.action, row.source, row.actor, row.reason) == (
        CommandAction.HALT,
        "telegram",
        f"telegram:{ME}",
        "odd prices",
    )


async def test_a_halt_needs_no_redis_and_what_needs_it_says_so(tmp_path: Path) -> None:
    gone = absent("no answer from Redis")
    office = Office(gone, tmp_path)
    assert "the HALT file stops the router" in (await office.say("/halt") or "")
    assert office.halt_file.exists()
    assert "HALTED (stopped by the HALT file)" in (await office.say("/status") or "")
    for text in ("/resume", "/pause", "/alerts", "/ack x"):
        assert "no answer from Redis" in (await office.say(text) or ""), text


async def test_a_resume_asks_for_its_code_first(office: Office) -> None:
    await office.start(TradingMode.PAUSED)
    assert "/resume 111111" in (await office.say("/resume") or "")
    assert await office.mode() is TradingMode.PAUSED
    assert "running" in (await office.say("/resume 111111") or "")
    assert await office.mode() is TradingMode.ACTIVE


async def test_a_code_is_good_once_right_or_wrong(office: Office) -> None:
    await office.start(TradingMode.PAUSED)
    await office.say("/resume")
    assert "not good" in (await office.say("/resume 999999") or "")
    assert "not good" in (await office.say("/resume 111111") or "")
    assert await office.mode() is TradingMode.PAUSED


async def test_a_code_does_not_last(office: Office) -> None:
    await office.start(TradingMode.PAUSED)
    await office.say("/resume")
    office.clock.set(office.clock.now() + timedelta(seconds=61))
    assert "not good" in (await office.say("/resume 111111") or "")
    assert await office.mode() is TradingMode.PAUSED


async def test_a_code_is_void_when_the_state_has_changed(office: Office) -> None:
    await office.start(TradingMode.PAUSED)
    await office.say("/resume")
    await office.start(TradingMode.HALTED)
    assert "changed" in (await office.say("/resume 111111") or "")
    assert await office.mode() is TradingMode.HALTED


def factor(clock: ManualClock) -> Authenticator:
    """Return the console's own authenticator, whose operator has a second factor."""
    hashed = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(
        "seven wet herons walk"
    )
    settings = DashboardSettings.model_validate(
        {"dash_password_hash": hashed, "dash_totp_secret": SECRET}
    )
    return Authenticator(settings, clock)


def digits(clock: ManualClock) -> str:
    return totp(SECRET, int(clock.now().timestamp()) // 30)


STRONGER = [
    ("ops", TradingMode.HALTED),
    ("guard", TradingMode.PAUSED),
    ("guard", TradingMode.HALTED),
]


@pytest.fixture
async def proving(bus: Bus, tmp_path: Path) -> Office:
    office = Office(bus, tmp_path)
    office.ledgers = factor(office.clock)
    office.handler = CommandHandler(
        office.control,
        Views(office._position, office._bets, office._alerts),
        frozenset({ME}),
        office.clock,
        lambda: next(office.codes),
        prove=code_proof(office.ledgers),
    )
    await office.start(TradingMode.ACTIVE)
    return office


@pytest.mark.parametrize(("actor", "mode"), STRONGER)
async def test_without_a_second_factor_a_halt_and_the_guards_pause_are_not_resumed_here(
    office: Office, actor: str, mode: TradingMode
) -> None:
    await office.start(mode, actor)
    assert "resume on the page or with `keter resume`" in (await office.say("/resume") or "")
    for code in ("111111", "222222", ""):
        await office.say(f"/resume {code}")
    assert await office.mode() is mode


async def test_the_guards_pause_of_one_account_is_resumed_with_the_second_factor(
    proving: Office,
) -> None:
    paused = TradingState(TradingMode.PAUSED, "guard", "losses", START)
    await change_trading(proving.bus, paused, expected_revision=0, now=START, scope="asianodds:one")
    asked = await proving.say("/resume") or ""
    assert asked.startswith("PAUSED of asianodds:one by guard: losses. ")
    assert "second factor" in asked
    await proving.say(f"/resume {digits(proving.clock)}")
    assert await proving.mode() is TradingMode.ACTIVE


async def test_a_code_is_void_when_an_account_has_been_paused_since(office: Office) -> None:
    await office.start(TradingMode.PAUSED)
    await office.say("/resume")
    paused = TradingState(TradingMode.PAUSED, "ops", "lunch", START)
    await change_trading(office.bus, paused, expected_revision=0, now=START, scope="asianodds:one")
    assert "changed meanwhile" in (await office.say("/resume 111111") or "")
    assert await office.mode() is TradingMode.PAUSED


@pytest.mark.parametrize(("actor", "mode"), STRONGER)
async def test_a_halt_and_the_guards_pause_ask_for_the_second_factor_not_for_a_code_of_this_chat(
    proving: Office, actor: str, mode: TradingMode
) -> None:
    await proving.start(mode, actor)
    asked = await proving.say("/resume") or ""
    assert "second factor" in asked
    assert "111111" not in asked
    assert "wrong" in (await proving.say("/resume 111111") or "")
    assert await proving.mode() is mode
    proving.clock.set(proving.clock.now() + timedelta(seconds=2))
    await proving.say("/resume")
    assert "running" in (await proving.say(f"/resume {digits(proving.clock)}") or "")
    assert await proving.mode() is TradingMode.ACTIVE


async def test_a_code_of_the_second_factor_is_spent_for_the_page_too(proving: Office) -> None:
    await proving.start(TradingMode.HALTED)
    used = digits(proving.clock)
    await proving.say("/resume")
    await proving.say(f"/resume {used}")
    assert await proving.mode() is TradingMode.ACTIVE
    with pytest.raises(ApiError):
        await proving.ledgers.login("operator", "seven wet herons walk", used, "127.0.0.1")
    await proving.start(TradingMode.HALTED)
    await proving.say("/resume")
    assert "wrong" in (await proving.say(f"/resume {used}") or "")
    assert await proving.mode() is TradingMode.HALTED


async def test_guessing_the_second_factor_gets_slower(proving: Office) -> None:
    await proving.start(TradingMode.HALTED)
    answers = []
    for number in range(40):
        await proving.say("/resume")
        answers.append(await proving.say(f"/resume {number:06}") or "")
        proving.clock.set(proving.clock.now() + timedelta(seconds=1))
    assert sum("wrong" in answer for answer in answers) <= 6
    assert sum("too many failures" in answer for answer in answers) >= 34
    assert await proving.mode() is TradingMode.HALTED


async def test_a_code_for_a_light_resume_is_void_when_a_halt_file_has_come(proving: Office) -> None:
    """The file changes no revision of the state."""
    await proving.start(TradingMode.PAUSED)
    assert "/resume 111111" in (await proving.say("/resume") or "")
    proving.halt_file.write_text("by hand")
    assert "changed" in (await proving.say("/resume 111111") or "")
    assert proving.halt_file.exists()
    assert await proving.mode() is TradingMode.HALTED


async def test_reducing_is_done_at_once_and_weakens_no_pause(office: Office) -> None:
    assert "reducing" in (await office.say("/reduce odd prices") or "")
    assert await office.mode() is TradingMode.REDUCING
    [row] = office.audited
    assert (row.action, row.source, row.reason) == (CommandAction.REDUCE, "telegram", "odd prices")
    await office.start(TradingMode.PAUSED)
    assert "stronger" in (await office.say("/reduce") or "")
    assert await office.mode() is TradingMode.PAUSED


async def test_a_pause_ends_by_itself_after_its_minutes(office: Office) -> None:
    assert "paused" in (await office.say("/pause 5") or "")
    assert await office.mode() is TradingMode.PAUSED
    office.clock.set(office.clock.now() + timedelta(seconds=301))
    assert await office.mode() is TradingMode.ACTIVE


@pytest.mark.parametrize("rest", ["x", "0", "-1", "1441", "1 2", "٣"])
async def test_a_pause_of_nonsense_is_not_done(office: Office, rest: str) -> None:
    assert "Not done" in (await office.say(f"/pause {rest}") or "")
    assert await office.mode() is TradingMode.ACTIVE


async def test_the_only_alert_is_acknowledged_without_naming_it(office: Office) -> None:
    await raise_alert(office.bus, Alert("feed_stale:A:live", "page", "Stale", "70 s", START))
    assert "acknowledged" in (await office.say("/ack") or "")
    assert (await read_alerts(office.bus))[0].acknowledged_by == f"telegram:{ME}"
    assert "Not done" in (await office.say("/ack") or "")


async def test_questions_are_answered(office: Office) -> None:
    assert "2 open" in (await office.say("/status") or "")
    assert "-4.50" in (await office.say("/pnl@keter_bot") or "")
    assert await office.say("/alerts") == "No alert stands."
    assert await office.say("/open") == "0 open"
    assert await office.say("hello") == HELP
