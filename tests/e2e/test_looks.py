"""Each state as the page shows it, at both sizes and in both themes: made by what the server is
heard to say.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.e2e.conftest import SIZES, Dashboard, OpenTab, picture
from tests.e2e.test_screens import LOOKS, RESTACK, SCREENS, TOO_WIDE, axe, blemishes

Snapshot = dict[str, Any]
Change = Callable[[Snapshot], None]
STARTED = datetime.now(UTC)
SINCE = (
    STARTED - timedelta(days=3, hours=2)
).isoformat()  # an age as long as one that is seen, whatever the year
NO_LEDGER = "the ledger did not answer in time"
LICENCE = "the licence ended on 2026-11-26"
FOLLOWING = (
    "following 17 open bets only, nothing is bet: LIVE needs a valid licence: the licence ended on"
    " 2026-11-26 10:00 UTC; get a new one as docs/licences.md tells, and set KETER_LICENSE_KEY or"
    " put it into local/.keter_license."
)


def heard(
    change: Change, times: int = 0, streams: list[WebSocketRoute] | None = None
) -> Callable[[Page], None]:
    """Before a page is opened: its snapshots are changed by ``change`` (but the first ``times``),
    its stream says nothing.

    ``streams`` takes in the page's sockets, for those who would say something there.
    """
    sockets = streams if streams is not None else []

    def before(page: Page) -> None:
        seen = 0

        def answer(route: Route) -> None:
            nonlocal seen
            found = route.fetch()
            snapshot = found.json()
            if seen >= times:
                change(snapshot)
            seen += 1
            route.fulfill(response=found, json=snapshot)

        def listen(socket: WebSocketRoute) -> None:
            sockets.append(socket)

        page.route_web_socket("**/api/v1/live*", listen)
        page.route("**/api/v1/snapshot", answer)

    return before


def trading(**values: Any) -> Change:
    return lambda snapshot: snapshot["trading"].update(
        {"actor": "ops", "reason": "line check", "since": SINCE} | values
    )


def live(snapshot: Snapshot) -> None:
    snapshot["server"]["mode"] = "LIVE"
    snapshot["trading"]["armed"] = True


def disarmed(snapshot: Snapshot) -> None:
    live(snapshot)
    snapshot["trading"]["armed"] = False


def notice(number: int, level: str, **values: Any) -> Snapshot:
    return {
        "id": f"made-up-{number}",
        "level": level,
        "title": "The venue does not answer",
        "since": SINCE,
        "action": "Calls wait.",
        "detail": "Eleven calls to https://venue.example/Service/GetFeeds ended after 10 s. " * 2,
        "link": "#/health",
        "runbook": "venue-timeouts",
        "acknowledged_by": None,
        "resolved_at": None,
        **values,
    }


def unlicensed(snapshot: Snapshot) -> None:
    live(snapshot)
    snapshot["trading"]["unlicensed"] = LICENCE


def following(snapshot: Snapshot) -> None:
    unlicensed(snapshot)
    snapshot["trading"]["following"] = FOLLOWING


def many_alerts(snapshot: Snapshot) -> None:
    snapshot["attention"] = [
        notice(number, ("info", "ticket", "page")[number % 3]) for number in range(7)
    ]


def partial(snapshot: Snapshot) -> None:
    by_name = {worker["process"]: worker for worker in snapshot["workers"]}
    by_name["guard"] |= {"state": "lost", "last_error": "killed"}
    by_name["router"]["state"] = "slow"
    snapshot["feeds"][0] |= {"stale": True, "confirmed_at": None}


def no_ledger(snapshot: Snapshot) -> None:
    empty: list[Snapshot] = []
    snapshot |= {
        "money": None,
        "pnl": empty,
        "orders": empty,
        "signals": empty,
        "problems": ["the ledger did not answer in time"],
    }


def nothing_yet(snapshot: Snapshot) -> None:
    empty: list[Snapshot] = []
    snapshot |= {
        "orders": empty,
        "signals": empty,
        "ticks": empty,
        "attention": empty,
        "pnl": snapshot["pnl"][:1],
    }


def unknown_values(snapshot: Snapshot) -> None:
    for name in ("balance", "available", "as_of", "exposure", "exposure_pct"):
        snapshot["money"][name] = None


def ahead(snapshot: Snapshot) -> None:
    snapshot["at"] = (datetime.now(UTC) + timedelta(seconds=90)).isoformat()


STATES: dict[str, tuple[Change, str]] = {
    "paused": (
        trading(mode="PAUSED", until=(STARTED + timedelta(hours=2)).isoformat()),
        "PAUSED by ops: line check.",
    ),
    "halted": (trading(mode="HALTED", stops=["the HALT file"]), "Also stopped by the HALT file."),
    "halted-by-the-guard": (
        trading(mode="HALTED", actor="guard", reason="daily loss"),
        "HALTED by the guard: daily loss.",
    ),
    "reducing": (trading(mode="REDUCING"), "REDUCING by ops"),
    "stopped": (trading(mode="ACTIVE", stops=["GLOBAL_STOP"]), "STOPPED"),
    "state-unknown": (trading(mode=None), "Redis holds no trading state."),
    "live": (live, "LIVE"),
    "live-disarmed": (disarmed, "LIVE is not armed."),
    "live-unlicensed": (unlicensed, LICENCE),
    "live-following": (following, FOLLOWING),
    "live-following-word": (following, "FOLLOWING ONLY"),
    "many-alerts": (many_alerts, "and 3 more"),
    "partial": (partial, "lost"),
    "no-ledger": (no_ledger, NO_LEDGER),
    "no-ledger-tape": (no_ledger, "Unknown while the ledger cannot be read: bets"),
    "nothing-yet": (nothing_yet, "No bets today."),
    "unknown-values": (unknown_values, "not fetched yet"),
    "clock-ahead": (ahead, "ahead of this browser's"),
}


def few(snapshot: Snapshot) -> None:
    """Return some rows, which do for the looks; axe takes its time over each."""
    snapshot |= {rows: snapshot[rows][:5] for rows in ("orders", "signals", "ticks")}


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_every_state_is_told_and_accessible(
    gallery: Dashboard, open_tab: OpenTab, size: str, theme: str
) -> None:
    """One page goes through all of them: its stream tells it to fetch the snapshot again, and that
    has changed.
    """
    now: list[Change] = []
    streams: list[WebSocketRoute] = []

    def change(snapshot: Snapshot) -> None:
        few(snapshot)
        for made in now[-1:]:
            made(snapshot)

    tab = open_tab(gallery.base, size=size, theme=theme, before=heard(change, streams=streams))
    page, faults = tab.page, []
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
    for name, (state, sentence) in STATES.items():
        now.append(state)
        streams[-1].send(
            json.dumps({"v": 1, "id": "0-0", "ts": SINCE, "type": "resync", "data": {}})
        )
        expect(page.get_by_text(sentence).first).to_be_attached()
        picture(page, f"state-{name}-{size}-{theme}")
        faults += [f"{name}: wider than the screen: {box}" for box in page.evaluate(TOO_WIDE)]
        faults += [f"{name}: {blemish}" for blemish in blemishes(axe(page))]
        page.evaluate(RESTACK)
    assert not faults, "\n".join(faults)
    tab.quiet()


def test_a_silent_worker_marks_its_own_line_and_leaves_the_others(
    gallery: Dashboard, open_tab: OpenTab
) -> None:
    page = open_tab(gallery.base, before=heard(partial)).page
    line = page.locator("tr", has=page.get_by_role("rowheader", name="guard", exact=True))
    expect(line).to_contain_text("lost")
    expect(
        page.locator("tr", has=page.get_by_role("rowheader", name="router", exact=True))
    ).to_contain_text("slow")
    expect(page.locator(".statebar .fact.bad")).to_have_text(
        [re.compile(r"Feeds 2/3"), re.compile(r"Workers \d/8")]
    )
    expect(page.locator(".panel.stale")).to_have_count(0)


def test_unknown_amounts_are_dashes_that_say_why_and_never_noughts(
    gallery: Dashboard, open_tab: OpenTab
) -> None:
    page = open_tab(gallery.base, before=heard(unknown_values)).page
    tile = page.locator(".tile", has_text="Balance")
    expect(tile.locator(".big .unknown")).to_have_text(
        "\u2014 the venue has not told a balance yet"
    )
    expect(tile).not_to_contain_text("0.00")


def test_the_tab_tells_mode_profit_and_alerts(gallery: Dashboard, open_tab: OpenTab) -> None:
    page = open_tab(gallery.base, before=heard(many_alerts)).page
    expect(page).to_have_title(re.compile("^DRY \u00b7 .* \u00b7 7 alerts$"))
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", "/static/favicon-alert.svg")
    calm = open_tab(gallery.base, before=heard(nothing_yet)).page
    expect(calm).to_have_title(re.compile("^DRY \u00b7 [^\u00b7]*$"))
    expect(calm.locator("link[rel=icon]")).to_have_attribute("href", "/static/favicon.svg")


def test_the_worst_alert_comes_first(gallery: Dashboard, open_tab: OpenTab) -> None:
    page = open_tab(gallery.base, before=heard(many_alerts)).page
    expect(page.get_by_text("and 3 more")).to_be_visible()
    levels = page.locator(".attention li").evaluate_all(
        "(items) => items.map((item) => item.className)"
    )
    assert levels == ["page", "page", "ticket", "ticket", "more-notices"]


def test_another_version_of_the_server_is_told_and_never_loaded_by_itself(
    gallery: Dashboard, open_tab: OpenTab
) -> None:
    def newer(snapshot: Snapshot) -> None:
        snapshot["server"]["version"] = "99.0.0"

    page = open_tab(gallery.base, before=heard(newer, times=1)).page
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
    page.keyboard.press("Shift+P")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(page.get_by_text("The server runs version 99.0.0.")).to_be_attached(timeout=15_000)
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    picture(page, "version-changed-wide-dark")
    page.get_by_role("button", name="Reload the page").click()
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")


def test_a_panel_that_fails_fails_alone(gallery: Dashboard, open_tab: OpenTab) -> None:
    """What the server should never send breaks one panel; the others and the button go on."""

    def broken(snapshot: Snapshot) -> None:
        snapshot["ticks"] = [None]

    tab = open_tab(gallery.base, before=heard(broken))
    page = tab.page
    fault = page.get_by_role("alert").filter(has_text="This panel failed")
    expect(fault).to_contain_text("prices")
    expect(page.locator("tr.order").first).to_be_visible()
    picture(page, "panel-failed-wide-dark")
    assert blemishes(axe(page)) == []
    page.locator(".statebar").get_by_role("button", name="Stop").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Halt")).to_be_enabled()
    tab.quiet("panel prices")


def cut_off(page: Page) -> None:
    """Before a page is opened: it gets no snapshot."""
    page.route("**/api/v1/snapshot", lambda route: route.abort())


@pytest.mark.parametrize("size", SIZES)
def test_a_server_that_says_nothing_leaves_a_skeleton_then_a_reason_and_a_way_to_try(
    gallery: Dashboard, open_tab: OpenTab, size: str
) -> None:
    page = open_tab(gallery.base, size=size, before=cut_off).page
    expect(page.locator(".skeleton").first).to_be_visible()
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
    expect(page.get_by_text("Still loading.")).to_be_visible(timeout=9000)
    picture(page, f"loading-{size}-dark")
    assert blemishes(axe(page)) == []
    page.evaluate(RESTACK)
    page.unroute("**/api/v1/snapshot")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
    expect(page.get_by_text("Still loading.")).to_have_count(0)


def colour_of(page: Page, name: str) -> str:
    """Return the colour that text of class ``name`` has."""
    script = """(name) => {
      const box = document.body.appendChild(document.createElement('i'));
      box.className = name;
      const colour = getComputedStyle(box).color;
      box.remove();
      return colour;
    }"""
    return str(page.evaluate(script, name))


def test_theme_colours_zone_and_keys_are_the_reader_s_choice_and_stay(
    gallery: Dashboard, open_tab: OpenTab
) -> None:
    tab = open_tab(gallery.base + "/#/config", timezone_id="Asia/Tokyo")
    page = tab.page
    green, red = colour_of(page, "gain"), colour_of(page, "loss")
    page.get_by_label("Gain and loss").select_option("red-green")
    assert (colour_of(page, "gain"), colour_of(page, "loss")) == (red, green)
    page.get_by_label("Gain and loss").select_option("blue-orange")
    assert not {colour_of(page, "gain"), colour_of(page, "loss")} & {green, red}
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("Theme").select_option("light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.get_by_label("Keyboard shortcuts").select_option("off")
    page.get_by_label("Times in").select_option("server")
    page.reload()
    expect(page.get_by_label("Theme")).to_have_value("light")
    page.locator("body").press("?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.goto(gallery.base + "/#/")
    since = page.locator(".tile", has_text="P&L today")
    expect(since).to_contain_text("since 00:00:00 (UTC day)")
    picture(page, "chosen-colours-wide-light")
    page.goto(gallery.base + "/#/config")
    page.get_by_label("Times in").select_option("browser")
    page.goto(gallery.base + "/#/")
    expect(since).to_contain_text("since 09:00:00 (UTC day)")
    tab.quiet()


def test_twice_the_size_fits_and_forced_colours_keep_every_mark(
    gallery: Dashboard, open_tab: OpenTab
) -> None:
    zoomed = open_tab(
        gallery.base, viewport={"width": 683, "height": 384}, device_scale_factor=2
    ).page
    for name, address in SCREENS.items():
        zoomed.goto(f"{gallery.base}/{address}")
        expect(zoomed.get_by_role("heading", level=1)).to_have_count(1)
        assert zoomed.evaluate(TOO_WIDE) == [], name
    zoomed.goto(gallery.base)
    picture(zoomed, "zoom-200-dark")
    forced = open_tab(gallery.base, forced_colors="active").page
    expect(forced.locator("tr.order").first).to_be_visible()
    assert (
        forced.evaluate("getComputedStyle(document.querySelector('.mode')).borderTopStyle")
        == "solid"
    )
    assert (
        forced.evaluate("getComputedStyle(document.querySelector('progress')).borderTopStyle")
        == "solid"
    )
    underline = (
        "(here) => getComputedStyle(document.querySelector(`nav.main a${here}`)).borderBottomColor"
    )
    assert forced.evaluate(underline, "[aria-current]") != forced.evaluate(
        underline, ":not([aria-current])"
    )
    picture(forced, "forced-colours-wide")


def test_nothing_moves_for_those_who_asked_for_stillness(
    gallery: Dashboard, open_tab: OpenTab
) -> None:
    animation = "getComputedStyle(document.querySelector('.skeleton span')).animationName"
    still = open_tab(gallery.base, before=cut_off, reduced_motion="reduce").page
    expect(still.locator(".skeleton").first).to_be_visible()
    assert still.evaluate(animation) == "none"
    moving = open_tab(gallery.base, before=cut_off).page
    expect(moving.locator(".skeleton").first).to_be_visible()
    assert moving.evaluate(animation) == "breathe"


def test_the_first_screen_of_the_overview_holds_everything_without_scrolling(
    gallery: Dashboard, open_tab: OpenTab
) -> None:
    """State, one alert, money, workers, chart and the tape's first rows stand above the fold at
    1366 by 768.
    """
    page = open_tab(gallery.base).page
    rows = page.locator(".tape tbody tr")
    expect(rows.first).to_be_visible()
    expect(page.locator(".attention li")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollHeight") <= 768
    bottom = rows.nth(2).evaluate("(row) => row.getBoundingClientRect().bottom")
    assert bottom <= 768
    heights = rows.evaluate_all(
        "(rows) => new Set(rows.map((row) => Math.round(row.getBoundingClientRect().height))).size"
    )
    assert heights <= 2


def test_a_runbook_is_two_clicks_from_the_alert(gallery: Dashboard, open_tab: OpenTab) -> None:
    tab = open_tab(gallery.base)
    tab.page.locator(".attention").get_by_role("link", name="Runbook").first.click()
    expect(tab.page.get_by_role("heading", name="What it means")).to_be_visible()
    tab.quiet()


def test_live_is_armed_with_a_typed_word_only(gallery: Dashboard, open_tab: OpenTab) -> None:
    """The form asks for the word that the server wants; the server itself refuses here, where no
    password is set.
    """
    page = open_tab(gallery.base, before=heard(disarmed)).page
    page.get_by_role("button", name="Arm LIVE").click()
    expect(page.get_by_role("dialog", name="Arm LIVE")).to_be_visible()
    expect(page.get_by_role("dialog").get_by_role("button", name="Arm LIVE")).to_be_disabled()
    expect(page.get_by_role("button", name="Stay disarmed")).to_be_focused()
