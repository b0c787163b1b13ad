"""Passwords, codes, sessions and what slows guessing down."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from argon2 import PasswordHasher
from pydantic import ValidationError

from keter.clock import ManualClock
from keter.dashboard.auth import Authenticator
from keter.dashboard.errors import ApiError
from keter.dashboard.models.commands import LoginBody
from keter.dashboard.routes import Role
from keter.dashboard.second_factor import totp
from keter.errors import ConfigurationError
from keter.setting_groups import DashboardSettings
from keter.settings import load_settings

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
PASSWORD = "seven wet herons walk"
# Cheap on purpose: the cost of a hash is not what these tests are about.
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
HASHED = CHEAP.hash(PASSWORD)


def new_authenticator(
    clock: ManualClock, folder: Path | None = None, **extra: str
) -> Authenticator:
    values = {"dash_password_hash": HASHED, **extra}
    return Authenticator(DashboardSettings.model_validate(values), clock, folder)


async def test_the_right_password_opens_and_the_wrong_one_does_not() -> None:
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    token = await authenticator.login("operator", PASSWORD, None, "127.0.0.1")
    caller = authenticator.who(token)
    assert caller is not None
    assert caller.role is Role.OPERATOR
    assert len(token) >= 43
    with pytest.raises(ApiError, match="wrong") as refused:
        await authenticator.login("operator", "wrong", None, "127.0.0.1")
    assert refused.value.status == 401


@pytest.mark.parametrize("user", ["viewer", "root", ""])
async def test_a_user_without_a_password_never_gets_in(user: str) -> None:
    with pytest.raises(ApiError):
        await new_authenticator(ManualClock(START)).login(user, PASSWORD, None, "127.0.0.1")


async def test_guessing_gets_slower_and_never_locks_for_ever() -> None:
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    waits = []
    for _ in range(12):
        with pytest.raises(ApiError):
            await authenticator.login("operator", "wrong", None, "10.0.0.9")
        waits.append(authenticator.backoff.wait_s("operator", "10.0.0.9"))
        clock.set(clock.now() + timedelta(seconds=waits[-1]))
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 900
    assert await authenticator.login("operator", PASSWORD, None, "10.0.0.9")


async def test_during_the_wait_even_the_right_password_is_refused_from_that_address_only() -> None:
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    with pytest.raises(ApiError):
        await authenticator.login("operator", "wrong", None, "10.0.0.9")
    with pytest.raises(ApiError) as refused:
        await authenticator.login("operator", PASSWORD, None, "10.0.0.9")
    assert refused.value.status == 429
    assert refused.value.retry_after_s == 1
    assert await authenticator.login("operator", PASSWORD, None, "127.0.0.1")


async def test_tries_sent_at_once_do_not_outrun_the_wait() -> None:
    """Fifty guesses in flight together are one guess; the rest is told to wait."""
    authenticator = new_authenticator(ManualClock(START))
    tries = [authenticator.login("operator", f"wrong {n}", None, "10.0.0.9") for n in range(50)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    statuses = Counter(answer.status for answer in answers if isinstance(answer, ApiError))
    assert statuses == {401: 1, 429: 49}
    assert authenticator.backoff.wait_s("operator", "10.0.0.9") == 1
    assert await authenticator.login("operator", PASSWORD, None, "127.0.0.1")


async def test_names_that_nobody_has_share_one_wait() -> None:
    authenticator = new_authenticator(ManualClock(START))
    with pytest.raises(ApiError):
        await authenticator.login("root", "wrong", None, "10.0.0.9")
    with pytest.raises(ApiError) as refused:
        await authenticator.login("admin", "wrong", None, "10.0.0.9")
    assert refused.value.status == 429


async def test_a_later_slip_elsewhere_does_not_hide_who_is_guessing() -> None:
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    for address in [*["10.0.0.9"] * 5, "127.0.0.1"]:
        with pytest.raises(ApiError):
            await authenticator.login("operator", "wrong", None, address)
        clock.set(clock.now() + timedelta(seconds=20))
    assert authenticator.backoff.worst(600) == ("10.0.0.9", 5)
    clock.set(clock.now() + timedelta(minutes=11))
    assert authenticator.backoff.worst(600) is None


async def test_logins_and_failures_are_in_the_log_without_password_or_made_up_name() -> None:
    authenticator = new_authenticator(ManualClock(START))
    with structlog.testing.capture_logs() as logs:
        token = await authenticator.login("operator", PASSWORD, None, "127.0.0.1")
        with pytest.raises(ApiError):
            await authenticator.login("canary-4711", "canary-4712", None, "10.0.0.9")
        caller = authenticator.who(token)
        assert caller is not None
        authenticator.logout(caller)
    assert [line["event"] for line in logs] == ["logged_in", "login_failed", "logged_out"]
    assert "canary" not in str(logs)
    assert PASSWORD not in str(logs)


async def test_a_session_ends_after_30_idle_minutes_and_after_12_hours_in_any_case() -> None:
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    token = await authenticator.login("operator", PASSWORD, None, "127.0.0.1")
    for _ in range(35):
        clock.set(clock.now() + timedelta(minutes=20))
        assert authenticator.who(token) is not None
    clock.set(START + timedelta(hours=12))
    assert authenticator.who(token) is None
    other = await authenticator.login("operator", PASSWORD, None, "127.0.0.1")
    clock.set(clock.now() + timedelta(minutes=30))
    assert authenticator.who(other) is None


async def test_a_session_tells_when_it_ends_and_staying_puts_that_off_up_to_12_hours() -> None:
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    token = await authenticator.login("operator", PASSWORD, None, "127.0.0.1")
    caller = authenticator.who(token)
    assert caller is not None
    last = START + timedelta(hours=12)
    assert authenticator.sessions.ends_at(caller.session) == (START + timedelta(minutes=30), last)
    clock.set(START + timedelta(minutes=20))
    authenticator.who(token, poll=True)
    assert authenticator.sessions.ends_at(caller.session) == (START + timedelta(minutes=30), last)
    while clock.now() < last - timedelta(minutes=20):
        authenticator.who(token)
        clock.set(clock.now() + timedelta(minutes=20))
    authenticator.who(token)
    assert authenticator.sessions.ends_at(caller.session) == (last, last)
    authenticator.logout(caller)
    assert authenticator.sessions.ends_at(caller.session) is None


async def test_watching_does_not_keep_a_session_awake() -> None:
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    caller = authenticator.who(await authenticator.login("operator", PASSWORD, None, "127.0.0.1"))
    assert caller is not None
    for _ in range(3):
        clock.set(clock.now() + timedelta(minutes=11))
        alive = authenticator.alive(caller)
    assert not alive


async def test_a_page_that_asks_by_itself_does_not_keep_its_session_awake() -> None:
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    token = await authenticator.login("operator", PASSWORD, None, "127.0.0.1")
    answers = []
    for _ in range(3):
        clock.set(clock.now() + timedelta(minutes=11))
        answers.append(authenticator.who(token, poll=True) is not None)
    assert answers == [True, True, False]


async def test_logging_out_ends_the_session() -> None:
    authenticator = new_authenticator(ManualClock(START))
    token = await authenticator.login("operator", PASSWORD, None, "127.0.0.1")
    caller = authenticator.who(token)
    assert caller is not None
    authenticator.logout(caller)
    assert authenticator.who(token) is None
    assert not authenticator.alive(caller)


async def test_a_code_is_good_once_and_for_its_half_minute() -> None:
    """The second factor, with a step of clock difference either way."""
    clock = ManualClock(START)
    authenticator = new_authenticator(clock, dash_totp_secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
    code = totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", int(START.timestamp()) // 30)
    assert await authenticator.login("operator", PASSWORD, code, "127.0.0.1")
    with pytest.raises(ApiError):
        await authenticator.login("operator", PASSWORD, code, "127.0.0.1")
    with pytest.raises(ApiError):
        await authenticator.login("operator", PASSWORD, None, "127.0.0.2")


@pytest.mark.parametrize("secret", ["not base32!", "AAAA", "GEZDGNBVGY3TQ"])
def test_a_second_factor_that_could_be_guessed_or_not_read_is_refused_at_the_start(
    secret: str,
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        new_authenticator(ManualClock(START), dash_totp_secret=secret)
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    "code", ["\u0661\u0662\u0663\u0664\u0665\u0666", "12345", "1234567", "12345x"]
)
def test_a_code_is_six_plain_digits(code: str) -> None:
    """Digits of other scripts would pass for digits and then not compare."""
    with pytest.raises(ValidationError):
        LoginBody(user="operator", password=PASSWORD, code=code)


@pytest.mark.parametrize(
    "token",
    [
        "short",
        "change-me-change-me-please",
        "example-token-of-the-docs",
        "a" * 40,
        "YOUR_TOKEN_in_here",
    ],
)
def test_a_token_for_metrics_that_is_a_placeholder_is_refused(token: str) -> None:
    with pytest.raises(ValidationError):
        DashboardSettings.model_validate({"metrics_token": token})


@pytest.mark.parametrize(
    "hashed",
    ["plain-text-password", "$2b$12$abcdefghijklmnopqrstuv", "5f4dcc3b5aa765d61d8327deb882cf99"],
)
def test_anything_but_an_argon2id_hash_is_a_configuration_error(hashed: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Authenticator(
            DashboardSettings.model_validate({"dash_password_hash": hashed}), ManualClock(START)
        )
    assert hashed not in str(refused.value)


OPERATORS, VIEWERS = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"
VIEWER_PASSWORD = "six dry cranes stand still"


def code(secret: str, clock: ManualClock, steps: int = 0) -> str:
    return totp(secret, int(clock.now().timestamp()) // 30 + steps)


def both(clock: ManualClock, folder: Path | None = None, **extra: str) -> Authenticator:
    viewer = CHEAP.hash(VIEWER_PASSWORD)
    return new_authenticator(
        clock, folder, dash_viewer_password_hash=viewer, dash_totp_secret=OPERATORS, **extra
    )


async def test_a_viewer_has_codes_of_its_own_and_cannot_make_the_operators() -> None:
    clock = ManualClock(START)
    authenticator = both(clock, dash_viewer_totp_secret=VIEWERS)
    with pytest.raises(ApiError):
        await authenticator.login("viewer", VIEWER_PASSWORD, code(OPERATORS, clock), "10.0.0.1")
    with pytest.raises(ApiError):
        await authenticator.login("operator", PASSWORD, code(VIEWERS, clock), "10.0.0.2")
    assert await authenticator.login("viewer", VIEWER_PASSWORD, code(VIEWERS, clock), "10.0.0.3")
    assert await authenticator.login("operator", PASSWORD, code(OPERATORS, clock), "10.0.0.4")


async def test_with_the_operators_secret_alone_the_viewers_login_is_off() -> None:
    """It would be open to the password alone, or ask for a code that only the operator's secret
    makes.
    """
    clock = ManualClock(START)
    with structlog.testing.capture_logs() as logs:
        authenticator = both(clock)
    assert "DASH_VIEWER_TOTP_SECRET" in str(logs)
    assert not authenticator.has_viewer
    for number, given in enumerate((None, code(OPERATORS, clock))):
        with pytest.raises(ApiError):
            await authenticator.login("viewer", VIEWER_PASSWORD, given, f"10.0.0.{number}")
    assert await authenticator.login("operator", PASSWORD, code(OPERATORS, clock), "10.0.0.4")


@pytest.mark.parametrize("other", [OPERATORS, OPERATORS.lower(), f"{OPERATORS}===="])
def test_one_secret_for_both_is_a_wrong_setting(other: str) -> None:
    with pytest.raises(ConfigurationError, match="DASH_VIEWER_TOTP_SECRET must differ") as refused:
        load_settings(None, {"DASH_TOTP_SECRET": OPERATORS, "DASH_VIEWER_TOTP_SECRET": other})
    assert OPERATORS not in str(refused.value)


async def test_a_code_that_was_used_is_refused_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock(START)
    used = code(OPERATORS, clock)
    assert await both(clock, folder=tmp_path).login("operator", PASSWORD, used, "10.0.0.1")
    clock.set(START + timedelta(seconds=20))
    again = both(clock, folder=tmp_path)
    with pytest.raises(ApiError):
        await again.login("operator", PASSWORD, used, "10.0.0.1")
    assert await again.login("operator", PASSWORD, code(OPERATORS, clock, 1), "10.0.0.2")
    assert (tmp_path / "used-codes.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"[]", b'{"operator": ["x"]}', b'{"operator": 1e400}']
)
async def test_where_nobody_knows_which_codes_were_used_only_a_later_one_is_good(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "used-codes.json").write_bytes(content)
    clock = ManualClock(START)
    authenticator = both(clock, folder=tmp_path)
    with pytest.raises(ApiError):
        await authenticator.login("operator", PASSWORD, code(OPERATORS, clock), "10.0.0.1")
    clock.set(START + timedelta(seconds=60))
    assert await authenticator.login("operator", PASSWORD, code(OPERATORS, clock), "10.0.0.2")


async def test_a_folder_that_cannot_be_written_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file, no folder")
    clock = ManualClock(START)
    with structlog.testing.capture_logs() as logs:
        authenticator = both(clock, folder=tmp_path / "run")
        clock.set(START + timedelta(seconds=60))
        assert await authenticator.login("operator", PASSWORD, code(OPERATORS, clock), "10.0.0.1")
    assert {"used_codes_not_kept", "device_key_not_kept"} <= {line["event"] for line in logs}


async def test_a_clock_that_is_set_back_does_not_refuse_codes_that_nobody_used() -> None:
    clock = ManualClock(START)
    authenticator = both(clock)
    assert await authenticator.login("operator", PASSWORD, code(OPERATORS, clock), "10.0.0.1")
    clock.set(START - timedelta(hours=2))
    assert await authenticator.login("operator", PASSWORD, code(OPERATORS, clock), "10.0.0.1")


async def test_a_proof_asks_for_the_code_too_and_spends_it() -> None:
    clock = ManualClock(START)
    authenticator = both(clock)
    caller = authenticator.who(
        await authenticator.login("operator", PASSWORD, code(OPERATORS, clock), "10.0.0.1")
    )
    assert caller is not None
    assert authenticator.asks_code(caller.role)
    for wrong in (None, code(OPERATORS, clock)):
        with pytest.raises(ApiError, match="wrong"):
            await authenticator.prove(caller, PASSWORD, wrong, "10.0.0.1")
        clock.set(clock.now() + timedelta(seconds=5))
    clock.set(clock.now() + timedelta(minutes=6))
    assert not authenticator.sessions.proved(caller.session)
    await authenticator.prove(caller, PASSWORD, code(OPERATORS, clock), "10.0.0.1")
    assert authenticator.sessions.proved(caller.session)


async def hammer(authenticator: Authenticator, clock: ManualClock, address: str) -> Counter[int]:
    """86 wrong tries in 40 s; how each was answered.

    A 401 has cost a look at the password, a 429 nothing.
    """
    answers: Counter[int] = Counter()
    for number in range(86):
        with pytest.raises(ApiError) as refused:
            await authenticator.login("operator", f"wrong {number}", None, address)
        answers[int(refused.value.status)] += 1
        clock.set(clock.now() + timedelta(seconds=40 / 86))
    return answers


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.9"])
async def test_86_wrong_tries_in_40_seconds_are_a_handful_of_looks_at_the_password(
    address: str,
) -> None:
    clock = ManualClock(START)
    answers = await hammer(new_authenticator(clock), clock, address)
    assert answers[401] <= 8
    assert answers[401] + answers[429] == 86


async def test_a_known_browser_is_not_refused_because_somebody_guesses_at_its_address() -> None:
    """A tunnel, a proxy that names nobody, another user of the machine."""
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    cookie = authenticator.devices.sign("operator")
    await hammer(authenticator, clock, "127.0.0.1")
    with pytest.raises(ApiError) as refused:
        await authenticator.login("operator", PASSWORD, None, "127.0.0.1")
    assert refused.value.status == 429
    assert await authenticator.login("operator", PASSWORD, None, "127.0.0.1", cookie)


async def test_after_any_failures_on_this_machine_the_right_password_waits_seconds_at_most() -> (
    None
):
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    for _ in range(3):
        await hammer(authenticator, clock, "127.0.0.1")
    assert authenticator.backoff.wait_s("operator", "127.0.0.1") <= 10
    clock.set(clock.now() + timedelta(seconds=10))
    assert await authenticator.login("operator", PASSWORD, None, "127.0.0.1")


async def test_a_known_browser_that_guesses_is_slowed_down_by_itself() -> None:
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    cookie = authenticator.devices.sign("operator")
    answers: Counter[int] = Counter()
    for number in range(86):
        with pytest.raises(ApiError) as refused:
            await authenticator.login("operator", f"wrong {number}", None, "127.0.0.1", cookie)
        answers[int(refused.value.status)] += 1
        clock.set(clock.now() + timedelta(seconds=40 / 86))
    assert answers[401] <= 8
    assert await authenticator.login("operator", PASSWORD, None, "127.0.0.1")


async def test_a_session_proves_itself_again_whatever_others_try_at_its_address() -> None:
    clock = ManualClock(START)
    authenticator = new_authenticator(clock)
    caller = authenticator.who(await authenticator.login("operator", PASSWORD, None, "127.0.0.1"))
    assert caller is not None
    await hammer(authenticator, clock, "127.0.0.1")
    await authenticator.prove(caller, PASSWORD, None, "127.0.0.1")


async def test_the_operator_on_this_machine_does_not_wait_for_a_crowd_from_elsewhere() -> None:
    authenticator = new_authenticator(ManualClock(START))
    crowd = [
        authenticator.login("operator", "wrong", None, f"10.0.{n // 250}.{n % 250}")
        for n in range(300)
    ]
    mine = authenticator.login("operator", PASSWORD, None, "127.0.0.1")
    *others, token = await asyncio.gather(*crowd, mine, return_exceptions=True)
    assert isinstance(token, str)
    statuses = Counter(int(answer.status) for answer in others if isinstance(answer, ApiError))
    assert statuses[401] <= 20


def test_the_cookie_of_a_known_browser_is_good_for_its_account_password_and_time(
    tmp_path: Path,
) -> None:
    clock = ManualClock(START)
    authenticator = both(clock, folder=tmp_path, dash_viewer_totp_secret=VIEWERS)
    cookie = authenticator.devices.sign("operator")
    assert authenticator.devices.known(cookie, "operator")
    assert not authenticator.devices.known(authenticator.devices.sign("viewer"), "operator")
    account, device, ends, signature = cookie.split(".")
    for forged in (
        "", "a.b.c", f"{account}.{device}.{ends}.", f"{cookie}\u00e9",
        f"{account}.{device}.{int(ends) + 1}.{signature}",
        f"{account}.{'0' * 16}.{ends}.{signature}", f"viewer.{device}.{ends}.{signature}",
    ):  # fmt: skip
        assert not authenticator.devices.known(forged, "operator")
        assert not authenticator.devices.known(forged, "viewer")
    assert both(clock, folder=tmp_path).devices.known(cookie, "operator"), "it outlives the process"
    assert not both(clock, folder=tmp_path, dash_password_hash=CHEAP.hash("another")).devices.known(
        cookie, "operator"
    )
    assert (tmp_path / "device-key").stat().st_mode & 0o777 == 0o600
    clock.set(START + timedelta(days=181))
    assert not authenticator.devices.known(cookie, "operator")
