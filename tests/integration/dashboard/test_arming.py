"""LIVE is armed from the page with all that the command line asks for; guard and router wait for
nothing else.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher

from keter.bus.state.permissions import read_arming
from keter.bus.telemetry.alerts import read_alerts
from keter.dashboard.alert_views import status_of
from keter.dashboard.auth import session_source
from keter.dashboard.commands import TOKEN_LASTS_S
from keter.domain.limits import LIVE_LIMITS
from keter.domain.order_states import OrderState
from keter.domain.trading import ExecutionMode
from keter.license.token import issue, load_private_key, new_key
from keter.risk.permission import Permission
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.integration.test_control import ACC
from tests.kit.console_seed import seed_bus, seed_ledger
from tests.kit.execution import LIVE_RUN, own_redis
from tests.kit.support import eventually

PREPARE, COMMIT = "/api/v1/commands/prepare", "/api/v1/commands/commit"
PASSWORD, VIEWERS = "seven wet herons walk", "nine dry storks sleep"
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
LOCKED = {
    "DASH_PASSWORD_HASH": CHEAP.hash(PASSWORD),
    "DASH_VIEWER_PASSWORD_HASH": CHEAP.hash(VIEWERS),
}
ARM = {"action": "arm", "target": ACC, "reason": "open the day"}
LIMITS = {name.upper(): "50" for name in LIVE_LIMITS}


def live(valid_for: timedelta = timedelta(days=1)) -> dict[str, str]:
    """LIVE with credentials and a licence of our own making; without limits."""
    pem, public = new_key()
    made = datetime.now(UTC) - timedelta(hours=1)
    licence = issue(
        load_private_key(pem), "tests", now=made, valid_for=timedelta(hours=1) + valid_for
    )
    return {
        "EXECUTION_MODE": "LIVE",
        "AO_USER": "acc",
        "AO_PASS": "made-up",
        "LICENSE_PUBLIC_KEY": public,
        "KETER_LICENSE_KEY": licence,
    }


@pytest.fixture
async def ready(start_console: StartConsole) -> Console:
    """Return a console of a LIVE installation that lacks nothing but the arming.

    The operator has just logged in.
    """
    console = await start_console(**LOCKED, **live(), **LIMITS)
    await own_redis(console.bus)
    await console.login("operator", PASSWORD)
    return console


@pytest.mark.parametrize(
    ("valid_for", "blocked"), [(timedelta(hours=20), False), (timedelta(minutes=-30), True)]
)
async def test_a_licence_blocks_live_once_it_has_ended_and_not_on_its_last_day(
    start_console: StartConsole, valid_for: timedelta, blocked: bool
) -> None:
    """The alert is a page on the last day already; the banner that says "blocked" must be true."""
    console = await start_console(**live(valid_for), **LIMITS)
    await console.context.accounts.first.hub.refresh()
    _, found = await console.get("/api/v1/snapshot")
    assert ("the licence ended" in str(found["trading"]["unlicensed"])) == blocked
    assert (found["trading"]["unlicensed"] is None) != blocked


@pytest.mark.parametrize(
    ("environ", "alert", "why"),
    [
        (live(timedelta(minutes=-30)) | LIMITS, "licence-ending", "the licence ended on"),
        (
            live() | LIMITS | {"LICENSE_PUBLIC_KEY": ""},
            "licence-ending",
            "set LICENSE_PUBLIC_KEY to the key that its issuer",
        ),
        (
            live() | LIMITS | {"LICENSE_PUBLIC_KEY": "rubbish"},
            "licence-ending",
            "not an Ed25519 public key",
        ),
        (live(), "limits-missing", "missing: MAX_STAKE"),
        (live(timedelta(minutes=-30)), "limits-missing", "missing: MAX_STAKE"),
    ],
    ids=["ended", "no-public-key", "bad-public-key", "limits", "both"],
)
@pytest.mark.slow
async def test_live_that_follows_its_open_bets_only_says_so_everywhere(
    start_console: StartConsole, environ: dict[str, str], alert: str, why: str
) -> None:
    console = await start_console(**environ)
    account = console.settings.account
    await seed_ledger(console.ledger, count=8, mode=account.mode, account=account.key)
    await seed_bus(console.bus)
    number = len(await console.ledger.orders.open_orders(ExecutionMode.LIVE))
    assert number > 1

    async def told(words: str) -> bool:
        await console.context.accounts.first.hub.refresh()
        _, page = await console.get("/api/v1/snapshot")
        _, status = await console.get("/api/status")
        await console.context.watch.look()
        details = {one.id: one.detail for one in await read_alerts(console.bus)}
        said = [page["trading"]["following"], status["following"], details.get(alert, "")]
        return all(words in text and why in text for text in said)

    assert await eventually(lambda: told(f"following {number} open bets only, nothing is bet"))
    position = status_of(console.context.accounts.first.hub.latest(), console.settings)
    assert any("open bets only" in problem for problem in position.problems)
    for bet in await console.ledger.orders.open_orders(ExecutionMode.LIVE):
        target = (
            OrderState.SKIPPED
            if bet.state in {OrderState.INTENDED, OrderState.QUOTED}
            else OrderState.REFUSED
        )
        await console.ledger.orders.transition(
            bet.intent.intent_id, target, at=bet.updated_at, cause="venue", worker="t"
        )
    assert await eventually(lambda: told("nothing is left to follow"))


async def test_live_that_may_bet_and_dry_follow_nothing_only(start_console: StartConsole) -> None:
    for environ in (live() | LIMITS, {"EXECUTION_MODE": "DRY"}):
        console = await start_console(**environ)
        await console.context.accounts.first.hub.refresh()
        _, page = await console.get("/api/v1/snapshot")
        assert page["trading"]["following"] is None


async def missing(console: Console) -> str | None:
    """Return what keeps guard and router from betting LIVE."""
    return await Permission(
        console.bus, console.settings, console.context.clock, ACC, LIVE_RUN.mark
    ).missing()


async def prepared(console: Console, body: dict[str, str] = ARM) -> dict[str, Any]:
    status, answer = await console.post(PREPARE, body)
    assert status == 200, answer
    return dict(answer)


def typed_long_ago(console: Console) -> None:
    """More than five minutes have passed since anybody typed a password."""
    sessions = console.context.authenticator.sessions._sessions
    console.context.authenticator.sessions._sessions = {
        key: replace(session, proved_at=datetime(2020, 1, 1, tzinfo=UTC))
        for key, session in sessions.items()
    }


async def test_what_the_page_arms_lets_guard_and_router_bet_until_it_is_disarmed(
    ready: Console,
) -> None:
    assert await missing(ready) == "arming"
    command = await prepared(ready)
    assert (command["needs"], command["summary"]) == (
        ["word"],
        "Arm asianodds:acc: LIVE bets with real money may be made.",
    )
    assert await missing(ready) == "arming", "preparing arms nothing"
    answers = [
        await ready.post(COMMIT, {"token": command["token"], "word": "LIVE"}) for _ in range(2)
    ]
    assert {(status, answer["sentence"], answer["audited"]) for status, answer in answers} == {
        (200, "asianodds:acc is armed", True)
    }
    assert await missing(ready) is None
    arming = await read_arming(ready.bus, ACC, LIVE_RUN.mark)
    assert arming is not None
    assert arming.actor == "operator@127.0.0.1"
    command = await prepared(ready, {"action": "disarm", "target": ACC})
    assert command["needs"] == []
    assert (await ready.post(COMMIT, {"token": command["token"]}))[0] == 200
    assert await missing(ready) == "arming"
    rows = [
        (row.action.value, row.accepted, row.value_before, row.value_after)
        for row in await ready.ledger.commands.recent()
    ]
    assert rows == [("disarm", True, "armed", "not armed"), ("arm", True, "not armed", "armed")]


async def test_a_halt_from_the_page_takes_the_arming_back(ready: Console) -> None:
    command = await prepared(ready)
    assert (await ready.post(COMMIT, {"token": command["token"], "word": "LIVE"}))[0] == 200
    command = await prepared(ready, {"action": "halt"})
    assert (await ready.post(COMMIT, {"token": command["token"]}))[0] == 200
    assert await missing(ready) == "arming"


async def test_an_old_password_must_be_typed_again_with_the_word(ready: Console) -> None:
    """Each refusal arms nothing and is in the audit; the right word and password then arm with the
    same confirmation.
    """
    typed_long_ago(ready)
    command = await prepared(ready)
    assert command["needs"] == ["word", "password"]
    backoff = ready.context.authenticator.backoff
    for proof, code in (
        ({}, "word_missing"),
        ({"word": "live", "password": PASSWORD}, "word_missing"),
        ({"word": "LIVE"}, "password_missing"),
        ({"word": "LIVE", "password": VIEWERS}, "wrong_login"),
    ):
        status, refused = await ready.post(COMMIT, {"token": command["token"], **proof})
        assert (status, refused["error"]["code"]) == (403, code)
        assert await missing(ready) == "arming"
    rows = await ready.ledger.commands.recent()
    assert [(row.action.value, row.accepted, row.value_after) for row in rows] == [
        ("arm", False, None)
    ] * 4
    status, refused = await ready.post(
        COMMIT, {"token": command["token"], "word": "LIVE", "password": PASSWORD}
    )
    assert (status, refused["error"]["code"]) == (429, "slow_down"), (
        "a wrong password makes the next one wait"
    )
    caller = ready.context.authenticator.who(ready.token)
    assert caller is not None
    backoff.succeeded("operator", "127.0.0.1", session_source(caller))
    assert (
        await ready.post(COMMIT, {"token": command["token"], "word": "LIVE", "password": PASSWORD})
    )[0] == 200
    assert await missing(ready) is None


async def test_a_confirmation_that_is_old_or_of_another_login_arms_nothing(ready: Console) -> None:
    command = await prepared(ready)
    ready.context.commands._tokens._tokens[command["token"]].made_s -= TOKEN_LASTS_S + 1
    old = await ready.post(COMMIT, {"token": command["token"], "word": "LIVE"})
    command = await prepared(ready)
    await ready.login("operator", PASSWORD)
    foreign = await ready.post(COMMIT, {"token": command["token"], "word": "LIVE"})
    for status, refused in (old, foreign):
        assert (status, refused["error"]["code"]) == (410, "token_gone")
    assert await missing(ready) == "arming"


async def test_a_viewer_and_a_stranger_arm_nothing(ready: Console) -> None:
    command = await prepared(ready)
    await ready.login("viewer", VIEWERS)
    for path, body in ((PREPARE, ARM), (COMMIT, {"token": command["token"], "word": "LIVE"})):
        assert (await ready.post(path, body))[0] == 403
    ready.token = None
    for path, body in ((PREPARE, ARM), (COMMIT, {"token": command["token"], "word": "LIVE"})):
        assert (await ready.post(path, body))[0] == 401
    assert await missing(ready) == "arming"


async def test_live_cannot_be_armed_from_a_page_without_a_password(console: Console) -> None:
    status, refused = await console.post(PREPARE, ARM)
    assert (status, refused["error"]["code"]) == (403, "password_not_set")


@pytest.mark.parametrize(
    ("environ", "target", "why"),
    [
        ({}, ACC, "EXECUTION_MODE is DRY"),
        (live(), ACC, "MAX_STAKE"),
        (live() | LIMITS | {"KETER_LICENSE_KEY": ""}, ACC, "there is no licence"),
        (live(timedelta(hours=-0.5)) | LIMITS, ACC, "ended"),
        (live() | LIMITS | {"LICENSE_PUBLIC_KEY": new_key()[1]}, ACC, "licence"),
        (live() | LIMITS, "other", "not the account"),
        (live() | LIMITS | {"AO_USER": "", "AO_PASS": ""}, ACC, "LIVE needs an account"),
    ],
    ids=["dry", "limits", "no-licence", "ended", "foreign-licence", "account", "credentials"],
)
async def test_what_live_needs_is_asked_for_before_the_word(
    start_console: StartConsole, environ: dict[str, str], target: str, why: str
) -> None:
    console = await start_console(**LOCKED, **environ)
    await console.login("operator", PASSWORD)
    status, answer = await console.post(PREPARE, ARM | {"target": target})
    assert (status, answer["error"]["code"]) == (409, "not_now")
    assert why in answer["error"]["message"]
    assert await read_arming(console.bus, target, LIVE_RUN.mark) is None
