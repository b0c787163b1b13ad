"""Prepare and commit: one effect whatever is pressed, clicked or sent twice, and a halt that needs
nothing but the disk.
"""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from argon2 import PasswordHasher

from keter.bus.locks import Locks
from keter.bus.state.cooldowns import cool_down
from keter.bus.state.trading import change_trading, read_trading
from keter.bus.telemetry.alerts import read_alerts
from keter.clock import random_id
from keter.dashboard.auth import session_source
from keter.dashboard.second_factor import totp
from keter.domain.accounts import AccountId
from keter.domain.trading import TradingMode, TradingState
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.kit.console_seed import ACCOUNT, seed_bus, seed_ledger
from tests.kit.execution import LIVE_RUN, own_redis
from tests.kit.support import eventually

PASSWORD = "seven wet herons walk"
LOCKED = {
    "DASH_PASSWORD_HASH": PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
}
PREPARE, COMMIT = "/api/v1/commands/prepare", "/api/v1/commands/commit"


async def state_of(console: Console) -> TradingState | None:
    return (await read_trading(console.bus, datetime.now(UTC))).state


async def set_state(console: Console, mode: TradingMode, actor: str = "ops") -> TradingState:
    now = datetime.now(UTC)
    return await change_trading(
        console.bus, TradingState(mode, actor, "test", now), expected_revision=None, now=now
    )


async def test_a_halt_writes_the_file_changes_the_state_and_is_audited(console: Console) -> None:
    await seed_bus(console.bus)
    status, prepared = await console.post(PREPARE, {"action": "halt", "reason": "odd prices"})
    assert status == 200
    assert "Halt: no new bets" in prepared["summary"]
    status, done = await console.post(COMMIT, {"token": prepared["token"]})
    assert status == 200
    state = await state_of(console)
    assert state is not None
    assert (state.mode, state.reason) == (TradingMode.HALTED, "odd prices")
    assert done["revision"] == state.revision
    assert done["audited"] is True
    assert console.settings.router.halt_file.exists()
    rows = await console.ledger.commands.recent()
    assert [(row.action.value, row.source, row.actor) for row in rows] == [
        ("halt", "page", "operator@127.0.0.1")
    ]
    assert rows[0].before is not None
    assert rows[0].before.mode is TradingMode.ACTIVE


async def test_ten_commits_of_one_token_are_one_effect_with_one_result(console: Console) -> None:
    await seed_bus(console.bus)
    _, prepared = await console.post(PREPARE, {"action": "pause"})
    answers = await asyncio.gather(
        *[console.post(COMMIT, {"token": prepared["token"]}) for _ in range(10)]
    )
    assert {status for status, _ in answers} == {200}
    assert len({answer["command_id"] for _, answer in answers}) == 1
    assert len(await console.ledger.commands.recent()) == 1


async def test_a_start_prepared_on_an_old_state_is_refused_with_a_fresh_look(
    console: Console,
) -> None:
    await seed_bus(console.bus)
    await set_state(console, TradingMode.PAUSED)
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    await set_state(console, TradingMode.REDUCING, "ops")
    status, refused = await console.post(COMMIT, {"token": prepared["token"]})
    assert status == 409
    fresh = refused["error"]["details"]
    assert fresh["token"] != prepared["token"]
    status, _ = await console.post(COMMIT, {"token": fresh["token"]})
    assert status == 200


@pytest.mark.parametrize(
    ("action", "mode"),
    [("pause", TradingMode.PAUSED), ("reduce", TradingMode.REDUCING), ("halt", TradingMode.HALTED)],
)
async def test_what_only_stops_is_done_however_old_its_look_at_the_state(
    console: Console, action: str, mode: TradingMode
) -> None:
    await seed_bus(console.bus)
    _, prepared = await console.post(PREPARE, {"action": action})
    await set_state(console, TradingMode.ACTIVE, "somebody else")
    console.context.commands._tokens._tokens[prepared["token"]].made_s -= 300
    status, done = await console.post(COMMIT, {"token": prepared["token"]})
    assert (status, done.get("action")) == (200, action)
    state = await state_of(console)
    assert state is not None
    assert state.mode is mode


async def test_what_may_start_bets_is_not_done_when_its_confirmation_is_old(
    console: Console,
) -> None:
    await set_state(console, TradingMode.PAUSED)
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    console.context.commands._tokens._tokens[prepared["token"]].made_s -= 31
    status, refused = await console.post(COMMIT, {"token": prepared["token"]})
    assert (status, refused["error"]["code"]) == (410, "token_gone")


async def test_a_pause_is_resumed_with_one_press_and_a_halt_with_word_and_password(
    start_console: StartConsole,
) -> None:
    console = await start_console(**LOCKED)
    await console.login("operator", PASSWORD)
    console.context.authenticator.sessions._sessions = {
        key: session.__class__(
            session.role, session.started_at, session.seen_at, datetime(2020, 1, 1, tzinfo=UTC)
        )
        for key, session in console.context.authenticator.sessions._sessions.items()
    }
    await set_state(console, TradingMode.PAUSED)
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    assert prepared["needs"] == []
    await set_state(console, TradingMode.HALTED)
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    assert prepared["needs"] == ["word", "password"]
    token = prepared["token"]
    assert (await console.post(COMMIT, {"token": token, "word": "resume", "password": PASSWORD}))[
        0
    ] == 403
    assert (await console.post(COMMIT, {"token": token, "word": "RESUME"}))[0] == 403
    assert (await console.post(COMMIT, {"token": token, "word": "RESUME", "password": "wrong"}))[
        0
    ] == 403
    state = await state_of(console)
    assert state is not None
    assert state.mode is TradingMode.HALTED
    refused = [
        (row.action.value, row.accepted, row.result)
        for row in await console.ledger.commands.recent()
    ]
    assert refused[0] == ("resume", False, "refused: user, password or code is wrong")
    assert [accepted for _, accepted, _ in refused] == [False] * 3
    caller = console.context.authenticator.who(console.token)
    assert caller is not None
    backoff, source = console.context.authenticator.backoff, session_source(caller)
    await eventually(lambda: backoff.wait_s("operator", "127.0.0.1", source) == 0)
    assert (await console.post(COMMIT, {"token": token, "word": "RESUME", "password": PASSWORD}))[
        0
    ] == 200


async def test_a_halt_file_that_came_after_the_look_asks_for_more_than_a_press(
    console: Console,
) -> None:
    await set_state(console, TradingMode.PAUSED)
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    assert prepared["needs"] == []
    console.settings.router.halt_file.write_text("by hand")
    status, refused = await console.post(COMMIT, {"token": prepared["token"]})
    assert (status, refused["error"]["details"]["needs"]) == (409, ["word"])
    assert console.settings.router.halt_file.exists()


async def test_with_a_second_factor_an_old_proof_asks_for_its_code_too(
    start_console: StartConsole,
) -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    console = await start_console(**LOCKED, DASH_TOTP_SECRET=secret)

    def code(step: int = 0) -> str:
        return totp(secret, int(datetime.now(UTC).timestamp()) // 30 + step)

    body = {"user": "operator", "password": PASSWORD, "code": code(-1)}
    async with console.http.post(
        f"{console.base}/api/v1/login", json=body, headers=console.page_headers
    ) as answer:
        console.token = answer.cookies["__Host-sid"].value
    console.context.authenticator.sessions._sessions = {
        key: session.__class__(
            session.role, session.started_at, session.seen_at, datetime(2020, 1, 1, tzinfo=UTC)
        )
        for key, session in console.context.authenticator.sessions._sessions.items()
    }
    await set_state(console, TradingMode.HALTED)
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    assert prepared["needs"] == ["word", "password", "code"]
    proof = {"token": prepared["token"], "word": "RESUME", "password": PASSWORD}
    status, refused = await console.post(COMMIT, proof)
    assert (status, refused["error"]["code"]) == (403, "code_missing")
    assert (await console.post(COMMIT, {**proof, "code": code(1)}))[0] == 200


async def test_a_pause_laid_over_the_guards_does_not_spare_what_its_end_asks_for(
    console: Console,
) -> None:
    now = datetime.now(UTC)
    until = TradingState(
        TradingMode.PAUSED, "guard", "losing streak", now, now + timedelta(hours=1)
    )
    await change_trading(console.bus, until, expected_revision=None, now=now)
    _, prepared = await console.post(PREPARE, {"action": "pause"})
    assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 200
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    assert prepared["needs"] == ["word"]


async def two_accounts(console: Console) -> tuple[str, str]:
    """Make this Redis one of a run on two accounts; return theirs, that of the page first."""
    own = console.settings.account
    other = msgspec.structs.replace(own, id=AccountId(own.id.venue, "other"))
    await own_redis(console.bus, msgspec.structs.replace(LIVE_RUN, accounts=(own, other)))
    await set_state(console, TradingMode.ACTIVE)
    return own.key, other.key


async def test_a_command_on_another_account_names_it_and_leaves_the_pages_alone(
    console: Console,
) -> None:
    own, other = await two_accounts(console)
    _, prepared = await console.post(PREPARE, {"action": "pause", "account": "other"})
    assert prepared["summary"].startswith(f"Pause {other}: no new bets")
    status, done = await console.post(COMMIT, {"token": prepared["token"]})
    view = await read_trading(console.bus, datetime.now(UTC), [own, other])
    assert (status, done["account"]) == (200, other)
    assert done["revision"] == view.scoped[other].revision
    assert {name: state.mode for name, state in view.scoped.items()} == {other: TradingMode.PAUSED}
    assert (
        await console.context.accounts.first.reader.facts()
    ).bus.standing.mode is TradingMode.ACTIVE
    for action in ("reduce", "resume", "halt"):
        _, prepared = await console.post(PREPARE, {"action": action, "account": other})
        said = prepared["summary"] if "summary" in prepared else prepared["error"]["message"]
        assert ("HALT file" in said, action == "reduce" or other in said) == (False, True)


async def test_the_page_shows_and_resumes_a_pause_of_its_account_alone(console: Console) -> None:
    """The guard's pause asks for as much as if it held for everything."""
    own, _ = await two_accounts(console)
    now = datetime.now(UTC)
    guards = TradingState(TradingMode.PAUSED, "guard", "losing streak: 7", now)
    await change_trading(console.bus, guards, expected_revision=0, now=now, scope=own)
    standing = (await console.context.accounts.first.reader.facts()).bus.standing
    assert (standing.mode, standing.cause and standing.cause.actor) == (TradingMode.PAUSED, "guard")
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    assert f"PAUSED of {own} by guard: losing streak: 7." in prepared["summary"]
    assert prepared["needs"] == ["word"]
    proof = {"token": prepared["token"], "word": "RESUME"}
    status, done = await console.post(COMMIT, proof)
    assert (status, done["account"]) == (200, None)
    assert (
        await console.context.accounts.first.reader.facts()
    ).bus.standing.mode is TradingMode.ACTIVE


async def test_a_resume_is_refused_when_another_account_was_paused_meanwhile(
    console: Console,
) -> None:
    own, other = await two_accounts(console)
    await set_state(console, TradingMode.PAUSED)
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    now = datetime.now(UTC)
    guards = TradingState(TradingMode.PAUSED, "guard", "losing streak: 7", now)
    await change_trading(console.bus, guards, expected_revision=0, now=now, scope=other)
    status, refused = await console.post(COMMIT, {"token": prepared["token"]})
    assert (status, refused["error"]["code"]) == (409, "state_changed")
    assert other in refused["error"]["details"]["summary"]
    view = await read_trading(console.bus, now, [own, other])
    assert (view.scoped[other].mode, view.scoped[other].revision) == (TradingMode.PAUSED, 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"action": "pause", "account": "third"}, "third names none of the accounts"),
        ({"action": "acknowledge", "account": "other"}, "acknowledge takes no account"),
        ({"action": "resume", "account": "other"}, "is not stopped by a state of its own"),
    ],
)
async def test_what_an_account_cannot_be_asked_for_is_said(
    console: Console, body: dict[str, str], words: str
) -> None:
    await two_accounts(console)
    status, refused = await console.post(PREPARE, body)
    assert (status, refused["error"]["code"]) == (409, "not_now")
    assert words in refused["error"]["message"]


async def test_reducing_is_prepared_committed_and_resumed_with_one_press_each(
    console: Console,
) -> None:
    await set_state(console, TradingMode.ACTIVE)
    _, prepared = await console.post(PREPARE, {"action": "reduce", "reason": "odd prices"})
    assert "do not raise the worst case" in prepared["summary"]
    assert prepared["needs"] == []
    assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 200
    state = await state_of(console)
    assert state is not None
    assert (state.mode, state.reason) == (TradingMode.REDUCING, "odd prices")
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    assert prepared["needs"] == []
    rows = await console.ledger.commands.recent()
    assert [(row.action.value, row.source, row.accepted) for row in rows] == [
        ("reduce", "page", True)
    ]


async def test_reducing_from_the_page_weakens_no_stop_and_acts_on_no_other_state_than_was_shown(
    console: Console,
) -> None:
    await set_state(console, TradingMode.ACTIVE)
    _, prepared = await console.post(PREPARE, {"action": "reduce"})
    for stronger in (TradingMode.PAUSED, TradingMode.HALTED):
        await set_state(console, stronger)
        status, refused = await console.post(COMMIT, {"token": prepared["token"]})
        assert (status, refused["error"]["code"]) == (409, "not_now")
        assert (await console.post(PREPARE, {"action": "reduce"}))[0] == 409
        state = await state_of(console)
        assert state is not None
        assert state.mode is stronger


async def test_resuming_removes_the_halt_file(console: Console) -> None:
    await set_state(console, TradingMode.HALTED)
    console.settings.router.halt_file.write_text("stop")
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    assert "HALT file is removed" in prepared["summary"]
    assert (await console.post(COMMIT, {"token": prepared["token"], "word": "RESUME"}))[0] == 200
    assert not console.settings.router.halt_file.exists()


async def test_a_token_is_good_for_its_own_session_only(start_console: StartConsole) -> None:
    console = await start_console(**LOCKED)
    await console.login("operator", PASSWORD)
    _, prepared = await console.post(PREPARE, {"action": "halt"})
    await console.login("operator", PASSWORD)
    status, refused = await console.post(COMMIT, {"token": prepared["token"]})
    assert (status, refused["error"]["code"]) == (410, "token_gone")
    assert not console.settings.router.halt_file.exists()


async def test_a_pause_that_would_change_nothing_says_so_before_and_after(console: Console) -> None:
    await set_state(console, TradingMode.PAUSED, "guard")
    _, prepared = await console.post(PREPARE, {"action": "pause", "for_s": 60})
    assert (
        prepared["summary"]
        == "Pause: guard has paused already, until somebody resumes (test); that stands."
    )
    status, done = await console.post(COMMIT, {"token": prepared["token"]})
    assert (status, done["sentence"]) == (
        200,
        "paused already by guard (test), until somebody resumes; that stands",
    )
    state = await state_of(console)
    assert state is not None
    assert (state.actor, state.revision) == ("guard", done["revision"])


async def test_the_end_of_the_guards_own_pause_asks_for_the_word(console: Console) -> None:
    """One press ends what an operator began; a daily loss or a losing streak is looked at first."""
    await set_state(console, TradingMode.PAUSED, "guard")
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    assert prepared["needs"] == ["word"]
    await set_state(console, TradingMode.PAUSED, "ops")
    _, prepared = await console.post(PREPARE, {"action": "resume"})
    assert prepared["needs"] == []


async def test_an_alert_is_acknowledged_once_and_stands_until_its_cause_is_gone(
    console: Console,
) -> None:
    await seed_bus(console.bus)
    _, prepared = await console.post(PREPARE, {"action": "acknowledge", "target": "unknown-bets"})
    assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 200
    (alert,) = [alert for alert in await read_alerts(console.bus) if alert.id == "unknown-bets"]
    assert alert.acknowledged_by == "operator@127.0.0.1"
    _, prepared = await console.post(PREPARE, {"action": "acknowledge", "target": "no-such"})
    assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 409


LOWER = {"action": "set_limit", "target": "MAX_STAKE", "value": "5"}
RAISE = {**LOWER, "value": "40"}


async def test_asking_too_often_is_slowed_down_but_never_what_stops_or_lowers(
    console: Console,
) -> None:
    await seed_bus(console.bus)
    _, prepared = await console.post(PREPARE, {**LOWER, "value": "30"})
    assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 200
    asked = [await console.post(PREPARE, RAISE) for _ in range(61)]
    assert [status for status, _ in asked] == [200] * 60 + [429]
    stops = [
        LOWER,
        {"action": "disarm", "target": "asianodds:acc"},
        {"action": "reduce"},
        {"action": "pause"},
        {"action": "halt"},
    ]
    for body in stops:
        status, prepared = await console.post(PREPARE, body)
        assert status == 200, body
        assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 200, body
    assert (await console.post(PREPARE, RAISE))[1]["error"]["code"] == "slow_down"
    assert (await console.post(PREPARE, {"action": "resume"}))[1]["error"]["code"] == "slow_down"
    rows = await console.ledger.commands.recent(5)
    assert [row.action.value for row in rows] == ["halt", "pause", "reduce", "disarm", "set_limit"]


async def test_any_number_of_stops_takes_nothing_of_what_else_may_be_asked(
    console: Console,
) -> None:
    await seed_bus(console.bus)
    for _ in range(65):
        assert (await console.post(PREPARE, {"action": "pause"}))[0] == 200
    assert (await console.post(PREPARE, RAISE))[0] == 200


async def test_a_flood_of_stops_pushes_out_nobody_elses_confirmation(
    start_console: StartConsole,
) -> None:
    """Each session has its own room, of which its oldest confirmations go; and stopping asks for a
    login like all else.
    """
    console = await start_console(**LOCKED)
    await seed_bus(console.bus)
    assert (await console.post(PREPARE, {"action": "pause"}))[0] == 401
    await console.login("operator", PASSWORD)
    _, prepared = await console.post(PREPARE, {"action": "halt"})
    mine, console.token = console.token, None
    await console.login("operator", PASSWORD)
    for _ in range(550):
        status, last = await console.post(PREPARE, {"action": "pause"})
        assert status == 200
    assert len(console.context.commands._tokens) == 101
    assert (await console.post(COMMIT, {"token": last["token"]}))[0] == 200
    console.token = mine
    assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 200


async def test_lowering_a_limit_takes_one_press_and_raising_it_a_typed_word(
    console: Console,
) -> None:
    await seed_bus(console.bus)
    lower = {"action": "set_limit", "target": "MAX_STAKE", "value": "5"}
    _, prepared = await console.post(PREPARE, lower)
    assert (prepared["needs"], prepared["summary"]) == ([], "Set MAX_STAKE to 5; it is 50.")
    assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 200
    _, prepared = await console.post(PREPARE, lower | {"value": "50"})
    assert prepared["needs"] == ["word"]
    assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 403
    assert (await console.post(COMMIT, {"token": prepared["token"], "word": "RAISE"}))[0] == 200
    assert (await console.post(PREPARE, lower | {"value": "51"}))[0] == 409
    rows = await console.ledger.commands.recent()
    assert [row.action.value for row in rows] == ["set_limit"] * 3
    assert [row.accepted for row in rows] == [True, False, True]
    assert rows[0].result == "MAX_STAKE is 50, was 5; the settings allow 50"
    _, risk = await console.get("/api/v1/risk")
    assert [(row["before"], row["after"]) for row in risk["audit"]] == [
        ("5", "50"),
        (None, None),
        ("50", "5"),
    ]
    async with console.http.get(console.base + "/api/v1/audit.csv") as answer:
        exported = list(csv.DictReader(io.StringIO(await answer.text(), newline="")))
    of = console.settings.account.key
    assert [(row["target"], row["before"], row["after"]) for row in exported][::2] == [
        (f"max_stake=50@{of}", "5", "50"), (f"max_stake=5@{of}", "50", "5"),
    ]  # fmt: skip


async def test_a_lowered_limit_is_the_one_that_every_screen_and_the_metrics_show(
    console: Console,
) -> None:
    """What is used is held against what the guard holds it against."""
    seed = await seed_ledger(console.ledger, count=3, unknown=False)
    await seed_bus(console.bus, now=seed.now)
    for name, value in (("MAX_EXPOSURE_TOTAL", "100"), ("DAILY_LOSS_LIMIT_UNITS", "2")):
        _, prepared = await console.post(
            PREPARE, {"action": "set_limit", "target": name, "value": value}
        )
        assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 200
    await console.context.accounts.first.hub.refresh()
    _, snapshot = await console.get("/api/v1/snapshot")
    loss = f"{2 * console.settings.stake.fixed_stake:.2f}"
    assert (snapshot["money"]["exposure_limit"], snapshot["money"]["loss_limit"]) == (
        "100.00",
        loss,
    )
    _, risk = await console.get("/api/v1/risk")
    shown = {row["name"]: row["limit"] for row in risk["limits"]}
    assert (shown["total"], shown["daily_loss"]) == ("100.00", loss)
    async with console.http.get(console.base + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    of = f'{{account="{console.settings.account.key}"}}'
    wanted = {f"keter_limit_exposure{of} 100.0", f"keter_limit_day_loss{of} {float(loss)}"}
    assert wanted <= set(lines)


async def test_a_rest_and_a_lock_are_shown_and_cleared_from_the_risk_screen(
    console: Console,
) -> None:
    await seed_bus(console.bus)
    await cool_down(
        console.bus,
        ACCOUNT,
        event_uid="e/1",
        seconds=60,
        reason="refused",
        selection_id="AH|-0.5|HOME",
    )
    lock = console.bus.keys.exec_lock("e/1", "AH|-0.5|HOME", ACCOUNT)
    assert await Locks(console.bus, owner="router", ids=random_id).acquire(lock, 60) is not None
    _, risk = await console.get("/api/v1/risk")
    shown = [(row["action"], row["key"]) for row in risk["holds"]]
    assert ("clear_lock", lock) in shown
    assert len(shown) == 2
    for action, key in shown:
        _, prepared = await console.post(PREPARE, {"action": action, "target": key})
        assert (await console.post(COMMIT, {"token": prepared["token"]}))[0] == 200
    assert (await console.get("/api/v1/risk"))[1]["holds"] == []
