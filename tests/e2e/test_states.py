"""What the page shows when things are not as they should be, and what its dangerous button does."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from playwright.sync_api import Page, Route, expect

from keter.bus.connection import Bus
from keter.bus.state.trading import read_trading
from keter.clock import SystemClock
from keter.domain.limits import LIVE_LIMITS
from keter.domain.trading import TradingState
from keter.ledger import Ledger
from tests.e2e.conftest import Dashboard, OpenTab, StartDashboard, picture
from tests.e2e.test_screens import axe, blemishes
from tests.kit.execution import licence, own_redis

PASSWORD = "seven wet herons walk"
LOCKED = {
    "DASH_PASSWORD_HASH": PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
}
NETWORK = ("WebSocket connection", "Failed to load resource", "net::ERR")


def state_of(dashboard: Dashboard) -> TradingState | None:
    async def read(bus: Bus, _: Ledger) -> Any:
        return (await read_trading(bus, SystemClock().now())).state

    found: TradingState | None = dashboard.do(read)
    return found


def commands_of(dashboard: Dashboard) -> list[str]:
    async def read(_: Bus, ledger: Ledger) -> Any:
        return [row.action.value for row in await ledger.commands.recent() if row.source == "page"]

    found: list[str] = dashboard.do(read)
    return found


def open_stop(page: Page) -> None:
    page.locator(".statebar").get_by_role("button", name="Stop").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Halt")).to_be_enabled()


def test_enter_pressed_twice_on_halt_is_one_effect(dashboard: Dashboard, open_tab: OpenTab) -> None:
    tab = open_tab(dashboard.base)
    page = tab.page
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
    page.keyboard.press("Shift+P")
    halt = page.get_by_role("dialog").get_by_role("button", name="Halt")
    expect(halt).to_be_enabled()
    expect(page.get_by_role("button", name="Keep running")).to_be_focused()
    picture(page, "stop-dialog-wide-dark")
    assert blemishes(axe(page)) == []
    halt.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("halted: no new bets")
    expect(page.locator(".statebar .word")).to_contain_text("HALTED", timeout=3000)
    assert commands_of(dashboard) == ["halt"]
    assert dashboard.halt_file.exists()
    expect(page.get_by_role("dialog")).to_contain_text("use the command line", timeout=8000)
    picture(page, "halted-unconfirmed-wide-dark")
    tab.quiet()


def test_a_halt_is_shown_as_applied_when_guard_and_router_have_seen_it(
    dashboard: Dashboard, open_tab: OpenTab
) -> None:
    page = open_tab(dashboard.base).page
    open_stop(page)
    page.get_by_role("button", name="Halt").click()
    expect(page.get_by_role("heading", name="Accepted")).to_be_visible()
    state = state_of(dashboard)
    assert state is not None
    dashboard.life.revision = state.revision
    expect(page.get_by_role("heading", name="Applied")).to_be_visible()
    expect(page.get_by_role("dialog")).to_contain_text("Applied by guard and router")


def test_two_tabs_that_halt_at_once_are_both_told_and_stay_halted(
    dashboard: Dashboard, open_tab: OpenTab
) -> None:
    first = open_tab(dashboard.base)
    second = open_tab(dashboard.base, context=first.page.context)
    for tab in (first, second):
        open_stop(tab.page)
    for tab in (first, second):
        tab.page.get_by_role("button", name="Halt").click()
    for tab in (first, second):
        expect(tab.page.get_by_role("dialog")).to_contain_text("halted: no new bets")
    state = state_of(dashboard)
    assert state is not None
    assert state.mode.value == "HALTED"


@pytest.mark.alone
def test_with_eight_tabs_open_a_halt_takes_less_than_a_second(
    dashboard: Dashboard, open_tab: OpenTab
) -> None:
    """Streams must never starve the button."""
    tabs = [open_tab(dashboard.base)]
    tabs += [open_tab(dashboard.base, context=tabs[0].page.context) for _ in range(7)]
    page = tabs[-1].page
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING", timeout=20_000)
    open_stop(page)
    began = time.monotonic()
    page.get_by_role("button", name="Halt").click()
    expect(page.get_by_role("dialog")).to_contain_text("halted: no new bets", timeout=1000)
    assert time.monotonic() - began < 1


def test_a_pause_ends_with_one_press_and_a_halt_with_a_typed_word(
    dashboard: Dashboard, open_tab: OpenTab
) -> None:
    page = open_tab(dashboard.base).page
    open_stop(page)
    page.get_by_role("button", name="Pause", exact=True).last.click()
    page.get_by_role("button", name="Close").click()
    bar = page.locator(".statebar")
    expect(bar.locator(".word")).to_contain_text("PAUSED")
    expect(page.locator(".banner")).to_contain_text("PAUSED by operator@127.0.0.1")
    bar.get_by_role("button", name="Resume").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Close").click()
    expect(bar.locator(".word")).to_contain_text("RUNNING")
    open_stop(page)
    page.get_by_role("button", name="Halt").click()
    page.get_by_role("button", name="Close").click()
    bar.get_by_role("button", name="Resume").click()
    go = page.get_by_role("dialog").get_by_role("button", name="Resume")
    expect(page.get_by_label("Type RESUME")).to_be_visible()
    expect(go).to_be_disabled()
    page.get_by_label("Type RESUME").fill("RESUME")
    go.click()
    expect(bar.locator(".word")).to_contain_text("RUNNING")
    assert not dashboard.halt_file.exists()


@pytest.mark.parametrize("size", ["wide", "phone"])
def test_a_server_that_dies_makes_the_page_look_stale_after_six_seconds(
    dashboard: Dashboard, open_tab: OpenTab, size: str
) -> None:
    tab = open_tab(dashboard.base, size=size)
    page = tab.page
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
    dashboard.stop()
    began = time.monotonic()
    expect(page.get_by_text("Disconnected")).to_be_visible(timeout=3000)
    expect(page.get_by_text("DATA STALE")).to_be_visible(timeout=9000)
    assert time.monotonic() - began > 4
    expect(page.locator(".panel.stale").first).to_be_visible()
    assert (
        page.evaluate(
            "getComputedStyle(document.querySelector('.panel.stale .num')).textDecorationStyle"
        )
        == "dotted"
    )
    expect(page.locator(".statebar .word")).to_contain_text("WAS RUNNING")
    picture(page, f"stale-{size}-dark")
    assert blemishes(axe(page)) == []
    dashboard.start()
    expect(page.get_by_text("DATA STALE")).to_have_count(0, timeout=25_000)
    tab.quiet(*NETWORK)


def test_a_redis_that_dies_is_said_and_halting_still_works(
    dashboard: Dashboard, open_tab: OpenTab
) -> None:
    tab = open_tab(dashboard.base)
    page = tab.page
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
    dashboard.redis.kill()
    expect(page.get_by_text("Redis is down.")).to_be_visible(timeout=10_000)
    expect(page.locator(".statebar .word")).to_have_text("STATE UNKNOWN")
    expect(page.locator(".panel.stale").first).to_be_visible()
    picture(page, "redis-down-wide-dark")
    page.locator(".statebar").get_by_role("button", name="Stop").click()
    halt = page.get_by_role("dialog").get_by_role("button", name="Halt")
    expect(halt).to_be_enabled(timeout=8000)
    halt.click()
    expect(page.get_by_role("dialog")).to_contain_text(
        "the HALT file stops the router", timeout=10_000
    )
    assert dashboard.halt_file.exists()
    page.get_by_role("button", name="Close").click()
    dashboard.redis.start()
    expect(page.get_by_text("Redis is down.")).to_have_count(0, timeout=15_000)
    tab.quiet(*NETWORK)


def test_a_redis_that_takes_no_writes_is_said_and_what_it_holds_is_still_shown(
    dashboard: Dashboard, open_tab: OpenTab
) -> None:
    page = open_tab(dashboard.base).page
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
    dashboard.do(lambda bus, _: bus.redis.execute_command("CONFIG", "SET", "maxmemory", "1"))
    banner = page.locator(".banner.critical", has_text="Redis takes no writes")
    expect(banner).to_be_visible(timeout=20_000)
    expect(banner).to_contain_text("out of memory")
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
    expect(page.get_by_text("Redis runs out of memory").first).to_be_visible(timeout=30_000)
    picture(page, "redis-no-writes-wide-dark")
    dashboard.do(lambda bus, _: bus.redis.execute_command("CONFIG", "SET", "maxmemory", "0"))
    expect(banner).to_have_count(0, timeout=20_000)


def test_a_limit_is_lowered_with_two_presses_and_raised_with_a_typed_word(
    dashboard: Dashboard, open_tab: OpenTab
) -> None:
    tab = open_tab(dashboard.base + "/#/risk")
    panel = tab.page.locator("form", has=tab.page.get_by_label("New amount"))
    amount = panel.get_by_label("New amount")
    amount.fill("5")
    panel.get_by_role("button", name="Set").click()
    expect(panel.get_by_role("status")).to_have_text("Set MAX_STAKE to 5; it is 50.")
    panel.get_by_role("button", name="Confirm").click()
    expect(amount).to_have_value("")
    amount.fill("50")
    panel.get_by_role("button", name="Set").click()
    panel.get_by_label("Type RAISE").fill("RAISE")
    picture(tab.page, "risk-raise-limit")
    panel.get_by_role("button", name="Confirm").click()
    expect(amount).to_have_value("")
    expect(tab.page.get_by_text("MAX_STAKE is 50, was 5").first).to_be_attached(timeout=8000)
    tab.quiet()


def test_an_empty_system_says_why_it_is_empty(
    start_dashboard: StartDashboard, open_tab: OpenTab
) -> None:
    dashboard = start_dashboard(seed=False, alive=False)

    async def nothing(_: Bus, __: Ledger) -> None:
        """Make a ledger with empty tables: opening it is enough."""

    page = open_tab(dashboard.base).page
    expect(page.get_by_text("there is no ledger yet")).to_be_visible()
    dashboard.do(nothing)
    for size in ("wide", "phone"):
        page = open_tab(dashboard.base, size=size).page
        expect(page.locator(".statebar .word")).to_contain_text("STATE UNKNOWN")
        expect(
            page.get_by_text("No bets today, and no market has reached the edge gate.")
        ).to_be_visible()
        expect(page.locator(".tile", has_text="Balance").locator(".unknown").first).to_contain_text(
            "\u2014"
        )
        expect(page.locator(".tile", has_text="Balance")).not_to_contain_text("0.00")
        picture(page, f"empty-{size}-dark")
        assert blemishes(axe(page)) == []


def test_a_filter_that_hides_everything_can_be_cleared(
    gallery: Dashboard, open_tab: OpenTab
) -> None:
    page = open_tab(gallery.base).page
    page.get_by_label("Filter the tape").fill("no such team")
    expect(page.get_by_text(re.compile(r"0 of \d+ rows match"))).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.locator("tr.order").first).to_be_visible()


def test_the_tape_stands_still_while_somebody_reads_it(
    dashboard: Dashboard, open_tab: OpenTab
) -> None:
    page = open_tab(dashboard.base).page
    rows = page.locator(".tape tbody tr")
    expect(rows.first).to_be_visible()
    page.locator(".tape").get_by_role("button", name="Pause").click()
    before = rows.all_inner_texts()

    async def more(bus: Bus, ledger: Ledger) -> None:
        from tests.kit.console_seed import decisions_of, intent_of

        intent = intent_of(999, SystemClock().now(), 1, dashboard.settings.mode.execution_mode)
        await ledger.decisions.add_many(decisions_of(intent, SystemClock().now()))

    dashboard.do(more)
    expect(page.get_by_role("button", name=re.compile(r"\d+ new, show"))).to_be_visible()
    assert rows.all_inner_texts() == before
    page.get_by_role("button", name=re.compile(r"\d+ new, show")).click()
    expect(rows).not_to_have_count(len(before))


def test_live_never_looks_like_dry_and_is_armed_with_a_typed_word(
    start_dashboard: StartDashboard, open_tab: OpenTab
) -> None:
    needed = {"EXECUTION_MODE": "LIVE", "AO_USER": "acc", "AO_PASS": "made-up-pass"} | {
        name.upper(): "50" for name in LIVE_LIMITS
    }
    dashboard = start_dashboard(**needed, **licence(), **LOCKED)

    async def own(bus: Bus, _: Ledger) -> None:
        await own_redis(bus)  # only a Keter that runs can be armed

    dashboard.do(own)
    page = open_tab(dashboard.base).page
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    badge = page.locator(".statebar .mode")
    expect(badge).to_have_text("LIVE")
    expect(page).to_have_title(re.compile("^LIVE"))
    assert page.evaluate("getComputedStyle(document.querySelector('.top')).borderTopWidth") == "4px"
    picture(page, "live-wide-dark")
    expect(page.get_by_text("LIVE is not armed.")).to_be_visible()
    page.get_by_role("button", name="Arm LIVE").click()
    page.get_by_label("Type LIVE").fill("LIVE")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Applied")).to_contain_text("acc is armed")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text("LIVE is not armed.")).to_have_count(0)
    assert commands_of(dashboard) == ["arm"]


def test_login_is_an_overlay_that_keeps_the_page(
    start_dashboard: StartDashboard, open_tab: OpenTab
) -> None:
    dashboard = start_dashboard(**LOCKED)
    tab = open_tab(f"{dashboard.base}/#/orders?state=REFUSED")
    page = tab.page
    expect(page.get_by_role("heading", name="Log in to Keter")).to_be_visible()
    picture(page, "login-wide-dark")
    assert blemishes(axe(page)) == []
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="wrong")).to_be_visible()
    page.wait_for_timeout(1100)  # the back-off after the first failure
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Log in to Keter")).to_have_count(0)
    expect(page.locator("tbody .state").first).to_contain_text("refused")
    assert page.evaluate("document.cookie") == ""
    tab.quiet("401", *NETWORK)


def test_a_session_that_ends_puts_the_login_over_the_page_and_takes_nothing_away(
    start_dashboard: StartDashboard, open_tab: OpenTab
) -> None:
    """Another tab logs out: this one asks for the password, and behind it screen, filter and rows
    are as they were.
    """
    dashboard = start_dashboard(**LOCKED)
    tab = open_tab(f"{dashboard.base}/#/orders?state=REFUSED")
    page, login = tab.page, tab.page.get_by_role("heading", name="Log in to Keter")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("tbody .state").first).to_contain_text("refused")
    rows = page.locator("tr.order").count()
    headers = {"Origin": dashboard.base, "X-Requested-By": "keter"}
    page.request.post(f"{dashboard.base}/api/v1/logout", data={}, headers=headers)
    expect(login).to_be_visible(timeout=10_000)
    assert page.locator("tr.order").count() == rows
    picture(page, "session-ended-wide-dark")
    assert blemishes(axe(page)) == []
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(login).to_have_count(0)
    assert page.evaluate("location.hash") == "#/orders?state=REFUSED"
    expect(page.locator("tbody .state").first).to_contain_text("refused")
    expect(page.get_by_text("Disconnected")).to_have_count(0)
    tab.quiet("401", *NETWORK)


def test_a_login_that_is_about_to_end_says_so_and_can_be_prolonged(
    start_dashboard: StartDashboard, open_tab: OpenTab
) -> None:
    """The server's word on the session is shown as if 29 of the 30 idle minutes had passed, until
    the page does something.
    """
    dashboard = start_dashboard(**LOCKED)
    tab = open_tab(dashboard.base)
    page = tab.page
    asked: list[bool] = []

    def near_its_end(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        if not asked and body["ends_at"]:
            body["ends_at"] = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
        route.fulfill(response=answer, json=body)

    page.route("**/api/v1/session", near_its_end)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    banner = page.locator(".banner", has_text="Your login ends in")
    expect(banner).to_be_visible()
    picture(page, "login-ending-wide-dark")
    assert blemishes(axe(page)) == []
    page.on(
        "request",
        lambda request: (
            asked.append("x-poll" not in request.headers) if "session" in request.url else None
        ),
    )
    asked.append(True)
    banner.get_by_role("button", name="Stay logged in").click()
    expect(banner).to_have_count(0)
    assert asked[1:] == [True]
    tab.quiet("401", *NETWORK)


def test_trading_is_halted_and_resumed_with_the_keyboard_alone(
    dashboard: Dashboard, open_tab: OpenTab
) -> None:
    page = open_tab(dashboard.base).page
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
    page.keyboard.press("Shift+P")
    halt = page.get_by_role("dialog").get_by_role("button", name="Halt")
    expect(halt).to_be_enabled()
    press_tab_until(page, "Halt")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("halted: no new bets")
    page.keyboard.press("Escape")
    expect(page.locator(".statebar .word")).to_contain_text("HALTED")
    press_tab_until(page, "Resume")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Type RESUME")).to_be_visible()
    page.get_by_label("Type RESUME").focus()
    page.keyboard.type("RESUME")
    page.keyboard.press("Enter")
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")


def press_tab_until(page: Page, name: str) -> None:
    """Move the focus on until it is on a control whose text begins with ``name``."""
    for _ in range(60):
        if page.evaluate("document.activeElement?.innerText ?? ''").startswith(name):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"Tab never reached {name}")


def test_the_page_can_be_used_with_the_keyboard_alone(
    gallery: Dashboard, open_tab: OpenTab
) -> None:
    page = open_tab(gallery.base).page
    expect(page.locator("tr.order").first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Trail")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Trail")).to_have_count(0)
    # The focus returns when the page has drawn itself without the trail.
    page.wait_for_function("document.activeElement.closest('tr')?.className === 'order'")
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(page.get_by_role("heading", name="Health", level=1)).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("next and previous row")


@pytest.mark.alone
def test_the_process_leaves_within_two_seconds_with_pages_open(
    dashboard: Dashboard, open_tab: OpenTab
) -> None:
    for _ in range(3):
        page = open_tab(dashboard.base).page
        expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
    assert dashboard.stop() < 2
