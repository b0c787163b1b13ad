"""Every screen at both sizes in both themes: it fits, it says nothing on the console, axe finds
nothing.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import SIZES, THEMES, Dashboard, OpenTab, picture

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENS = {
    "overview": "#/",
    "orders": "#/orders",
    "signals": "#/signals",
    "risk": "#/risk",
    "health": "#/health",
    "alerts": "#/alerts",
    "perf": "#/perf",
    "logs": "#/logs",
    "config": "#/config",
    "runbook": "#/runbook/unknown-bets",
    "menu": "#/menu",
}


UNSTACK = """() => {
  const set = (selector, styles) => document.querySelectorAll(selector).forEach((box) => {
    box.dataset.flat = '';
    Object.assign(box.style, styles);
  });
  set('.scroller', { maxHeight: 'none', overflow: 'visible', contain: 'none', flex: 'none' });
  set('.top, nav.phone, thead th, .drawer-body > header', { position: 'static' });
  const cut = 'table.rows th, table.rows td, table.lines th, table.lines td, '
    + 'table.lines .sub, .what, .clip';
  set(cut, { maxWidth: 'none', overflow: 'visible' });
  set('.attention .what, .clip', { whiteSpace: 'normal' });
  set('table.lines', { tableLayout: 'auto' });
  set('#app, main, .pair, .overview', { display: 'block' });
  set('html, body, #app, main', { width: 'max-content', minWidth: '100%', maxWidth: 'none' });
  set('tbody tr:nth-child(n + 26)', { display: 'none' });
  set('.panel:has(table)', { width: 'max-content', minWidth: '100%' });
}"""
RESTACK = """() => document.querySelectorAll('[data-flat]').forEach((box) => {
  delete box.dataset.flat;
  box.removeAttribute('style');
})"""
# What sticks out of the screen, unless nothing can be scrolled to it.
TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? []
  : [...document.querySelectorAll('body *')]
    .filter((box) => box.getBoundingClientRect().right > innerWidth + 0.5
      && !box.parentElement.closest('.scroller'))
    .map((box) => `${box.tagName}.${box.className} ${box.getBoundingClientRect().right}`)
    .slice(0, 5)"""
LOOKS = [(size, theme) for size in SIZES for theme in THEMES]
COVERED = "overlapped by another element"
WAITING = re.compile("Asking the server|Loading this")
REVIEWED = ("only non-text characters", "too short to determine", "Element has no value")


def axe(page: Page) -> dict[str, Any]:
    """Return what axe says of the page.

    Scroll boxes are opened and sticky bars laid flat first, so that nothing covers a row.

    Of a long table the first 25 rows are looked at; the others are of the same kinds. What was
    drawn anew in between is not flat and may cover others. Then it is laid flat and looked at
    once more.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    found = looked_at(page)
    return looked_at(page) if COVERED in str(found["incomplete"]) else found


def looked_at(page: Page) -> dict[str, Any]:
    page.evaluate(UNSTACK)
    found: dict[str, Any] = page.evaluate(
        "(tags) => axe.run(document, { runOnly: tags, resultTypes: ['violations', 'incomplete'] })",
        TAGS,
    )
    return found


def blemishes(found: dict[str, Any]) -> list[str]:
    """Violations, and contrast that axe could not make up its mind about.

    Of a single sign or digit axe cannot tell whether it is text: reviewed once for all, because
    each has the colour of the words beside it, and the contrast of every token is computed in
    tests/unit/dashboard.
    """
    unsure = [item for item in found["incomplete"] if item["id"] == "color-contrast"]
    return [
        f"{item['id']}: {node['html'][:160]} ({node.get('failureSummary', '')[:200]})"
        for item in [*found["violations"], *unsure]
        for node in item["nodes"]
        if not (item in unsure and any(text in node.get("failureSummary", "") for text in REVIEWED))
    ]


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_every_screen_fits_and_is_accessible(
    gallery: Dashboard, open_tab: OpenTab, size: str, theme: str
) -> None:
    faults: list[str] = []
    tab = open_tab(f"{gallery.base}/#/nowhere", size=size, theme=theme)
    page = tab.page
    heading, before = page.get_by_role("heading", level=1), "No such screen"
    expect(heading).to_have_text(before)
    for name, address in SCREENS.items():
        page.evaluate("(address) => { location.hash = address }", address)
        expect(heading).not_to_have_text(before)
        expect(heading).to_have_count(1)
        expect(page.locator(".statebar .word")).to_contain_text("RUNNING")
        expect(page.get_by_text(WAITING)).to_have_count(0)
        page.wait_for_timeout(300)  # the chart draws on the next frames
        before = heading.inner_text()
        picture(page, f"{name}-{size}-{theme}")
        faults += [f"{name}: wider than the screen: {box}" for box in page.evaluate(TOO_WIDE)]
        faults += [f"{name}: {blemish}" for blemish in blemishes(axe(page))]
        page.evaluate(RESTACK)
    tab.quiet()
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(("size", "theme"), LOOKS)
def test_the_drawer_shows_the_trail_from_verdict_to_result(
    gallery: Dashboard, open_tab: OpenTab, size: str, theme: str
) -> None:
    tab = open_tab(gallery.base, size=size, theme=theme)
    page = tab.page
    row = page.locator("tr.order", has_text="won").first
    row.get_by_role("link").click()
    drawer = page.get_by_role("dialog")
    expect(drawer.get_by_role("heading", name="Trail")).to_be_visible()
    expect(drawer.locator(".trail li")).to_have_count(8)
    expect(drawer).to_contain_text("edge")
    expect(drawer).to_contain_text("settlement")
    assert page.evaluate(TOO_WIDE) == []
    picture(page, f"drawer-{size}-{theme}")
    assert blemishes(axe(page)) == []
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    assert page.evaluate("location.hash") == "#/"
    tab.quiet()


def test_no_screen_scrolls_sideways_at_320_pixels(gallery: Dashboard, open_tab: OpenTab) -> None:
    tab = open_tab(gallery.base, size="phone")
    tab.page.set_viewport_size({"width": 320, "height": 640})
    for address in SCREENS.values():
        tab.page.goto(f"{gallery.base}/{address}")
        expect(tab.page.get_by_text(WAITING)).to_have_count(0)
        assert tab.page.evaluate(TOO_WIDE) == [], address
