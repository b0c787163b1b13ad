"""What the browser knows about a page's work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from playwright.sync_api import Page

# Runs before the page's own scripts: notes when the first panel with a figure in it stands in the
# document.
NOTE_USEFUL = r"""
globalThis.usefulAt = null;
new MutationObserver(() => {
  const text = document.querySelector('.tile .big')?.textContent ?? '';
  if (globalThis.usefulAt === null && /\d/.test(text)) {
    requestAnimationFrame(() => { globalThis.usefulAt ??= performance.now(); });
  }
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
FIRST_PAINT = """() => new Promise((done) => new PerformanceObserver((list) => {
  const found = list.getEntries().at(-1);
  if (found) done(found.startTime);
}).observe({ type: 'paint', buffered: true }))"""


class Read(Protocol):
    def __call__(self) -> dict[str, float]: ...


@contextmanager
def counters(page: Page) -> Iterator[Read]:
    """Return a call that gives the browser's counters of ``page``, in seconds and bytes.

    Durations are processor time of the page's thread, so that other work of the machine does
    not count as the page's.
    """
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def read() -> dict[str, float]:
        return {
            item["name"]: float(item["value"])
            for item in session.send("Performance.getMetrics")["metrics"]
        }

    yield read
    session.detach()


def busy(page: Page, seconds: float) -> float:
    """Return the share of the next ``seconds``, 0 to 1, in which the page's main thread works."""
    with counters(page) as read:
        before = read()
        page.wait_for_timeout(seconds * 1000)
        after = read()
    return (after["TaskDuration"] - before["TaskDuration"]) / (
        after["Timestamp"] - before["Timestamp"]
    )


def useful_ms(page: Page) -> float:
    """Milliseconds from navigation to the frame that shows the first figure.

    Needs NOTE_USEFUL as init script.
    """
    page.locator(".tile .big").first.wait_for()
    while (found := page.evaluate("globalThis.usefulAt")) is None:
        page.wait_for_timeout(20)
    return float(found)
