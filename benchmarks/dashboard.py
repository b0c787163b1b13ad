"""What the console costs: page weight, time to the first figure, the page's main thread, the
server's CPU with ten clients.

Run: python -m benchmarks.dashboard [--seconds 8] [--rate 500]
     python -m benchmarks.dashboard --heap-minutes 10 [--rate 500]
The second prints the page's heap over that time, and nothing else.

A real dashboard process, Redis and ledger on loopback, Debian's Chromium. Every figure stands
beside a baseline of the same run: the same server's /healthz in the same browser, the same server
with nothing coming in, or with nobody looking.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import psutil
from playwright.sync_api import Browser, sync_playwright
from tests.e2e.conftest import Dashboard, Life
from tests.e2e.measuring import FIRST_PAINT, NOTE_USEFUL, busy, counters, useful_ms
from tests.kit.console_load import Pressure
from tests.kit.support import RedisServer

from keter.dashboard.static import load_pages
from keter.system.addresses import free_port

CLIENTS = 10
VISITS = 7
WARM_UP_S = 10.0  # the tape fills up to its 200 rows
SAMPLE_EVERY_S = 5.0
FETCHED = r"""() => performance.getEntriesByType('resource')
  .filter((entry) => /\.(js|css)$/.test(entry.name) && entry.responseEnd <= globalThis.usefulAt)
  .map((entry) => entry.encodedBodySize)"""


@contextmanager
def running() -> Iterator[Dashboard]:
    """Run a seeded dashboard in a folder of its own."""
    folder, redis, port = (
        Path(tempfile.mkdtemp(prefix="keter-dashboard-")),
        RedisServer(),
        free_port(),
    )
    (folder / "data").mkdir()
    environ = {
        "DATA_DIR": str(folder / "data"),
        "HALT_FILE": str(folder / "HALT"),
        "DASH_PORT": str(port),
        "REDIS_URL": redis.url,
        "LOG_CONSOLE": "warnings",
    }
    dashboard = Dashboard(redis, folder, environ, port)
    try:
        dashboard.seed()
        dashboard.start()
        yield dashboard
    finally:
        if dashboard.process is not None:
            dashboard.stop()
        redis.close()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def chromium() -> Iterator[Browser]:
    found = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if found is None:
        raise SystemExit("no Chromium on this machine")
    sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=sandbox)
        yield browser
        browser.close()


def weigh(browser: Browser, address: str) -> None:
    """Return the bytes of scripts and styles: all, and those fetched before the first figure."""
    pages = {name: page for name, page in load_pages().items() if name.endswith((".js", ".css"))}
    packed = sum(len(page.packed) for page in pages.values())
    plain = sum(len(page.body) for page in pages.values())
    context = browser.new_context()
    context.add_init_script(NOTE_USEFUL)
    page = context.new_page()
    page.goto(address)
    useful_ms(page)
    first = sum(page.evaluate(FETCHED))
    context.close()
    print(
        f"page weight, gzipped JS and CSS: {first / 1000:.1f} kB before the first figure, ", end=""
    )
    print(
        f"{packed / 1000:.1f} kB with every screen and the charts ({len(pages)} files); not gzipped"
        f" {plain / 1000:.1f} kB"
    )


def visits(browser: Browser, address: str, *, useful: bool) -> tuple[float, float | None]:
    """Medians of first visits in milliseconds: first paint, and first figure shown."""
    paints, figures = [], []
    for _ in range(VISITS):
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        context.add_init_script(NOTE_USEFUL)
        page = context.new_page()
        page.goto(address)
        if useful:
            figures.append(useful_ms(page))
        paints.append(float(page.evaluate(FIRST_PAINT)))
        context.close()
    return statistics.median(paints), statistics.median(figures) if figures else None


def main_thread(browser: Browser, address: str, seconds: float) -> float:
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.goto(address)
    page.wait_for_timeout(2000)
    share = busy(page, seconds)
    page.close()
    return share


def heap(browser: Browser, address: str, minutes: float) -> list[tuple[float, float, float]]:
    """After each collection: minutes since the warm-up, the heap in use in megabytes, and the
    document's nodes.
    """
    page = browser.new_page(viewport={"width": 1366, "height": 768})
    page.goto(address)
    page.wait_for_timeout(WARM_UP_S * 1000)
    samples: list[tuple[float, float, float]] = []
    begun = time.monotonic()
    with counters(page) as read:
        while not samples or samples[-1][0] < minutes:
            page.request_gc()
            found = read()
            samples.append(
                ((time.monotonic() - begun) / 60, found["JSHeapUsedSize"] / 1e6, found["Nodes"])
            )
            page.wait_for_timeout(SAMPLE_EVERY_S * 1000)
    page.close()
    return samples


def tell_heap(samples: Sequence[tuple[float, float, float]], rate: float) -> None:
    """Last minute against first (or the halves of a run shorter than two minutes), and the slope
    over all of it.
    """
    length = samples[-1][0]
    window = min(1.0, length / 2)
    first = [sample for sample in samples if sample[0] <= window]
    last = [sample for sample in samples if sample[0] >= length - window]
    begin, end = (statistics.fmean(megabytes for _, megabytes, _ in part) for part in (first, last))
    nodes = [statistics.fmean(count for *_, count in part) for part in (first, last)]
    slope = statistics.linear_regression(
        [at for at, *_ in samples], [megabytes for _, megabytes, _ in samples]
    ).slope
    print(
        f"the page's heap after collections, {length:.1f} min at {rate:.0f} updates/s,"
        f" {len(samples)} samples: ",
        end="",
    )
    print(
        f"first {window * 60:.0f} s {begin:.2f} MB, last {window * 60:.0f} s {end:.2f} MB, ratio"
        f" {end / begin:.3f}; ",
        end="",
    )
    print(f"slope {slope * 1000:+.1f} kB/min; nodes {nodes[0]:.0f} and {nodes[1]:.0f}")


def watch_heap(minutes: float, rate: int) -> None:
    with (
        running() as dashboard,
        chromium() as browser,
        Pressure(dashboard.redis.url, dashboard.settings, rate) as pressure,
    ):
        tell_heap(heap(browser, dashboard.base, minutes), pressure.rate)


async def watch(dashboard: Dashboard, clients: int, seconds: float) -> tuple[float, float]:
    """Measure the server with ``clients`` sockets open.

    Returns its CPU in per cent of a core, and frames per second and client.
    """
    assert dashboard.process is not None
    process = psutil.Process(dashboard.process.pid)
    address, headers = f"{dashboard.base}/api/v1/live", {"Origin": dashboard.base}
    frames = 0

    async def read(socket: aiohttp.ClientWebSocketResponse) -> None:
        nonlocal frames
        async for _ in socket:
            frames += 1

    async with aiohttp.ClientSession() as http:
        sockets = [await http.ws_connect(address, headers=headers) for _ in range(clients)]
        readers = [asyncio.create_task(read(socket)) for socket in sockets]
        await asyncio.sleep(1)
        begun, frames = sum(process.cpu_times()[:2]), 0
        await asyncio.sleep(seconds)
        used = sum(process.cpu_times()[:2]) - begun
        rate = frames / seconds / clients if clients else 0.0
        for reader in readers:
            reader.cancel()
        for socket in sockets:
            await socket.close()
    return used / seconds * 100, rate


def main(seconds: float, rate: int) -> None:
    with running() as dashboard:
        servers: list[str] = []
        with chromium() as browser:
            life = Life(dashboard)
            weigh(browser, dashboard.base)
            empty, _ = visits(browser, f"{dashboard.base}/healthz", useful=False)
            paint, figure = visits(browser, dashboard.base, useful=True)
            print(
                f"first visit, median of {VISITS}: first paint {paint:.0f} ms, first figure"
                f" {figure:.0f} ms; ",
                end="",
            )
            print(f"first paint of /healthz {empty:.0f} ms")
            base = main_thread(browser, f"{dashboard.base}/healthz", seconds)
            quiet = main_thread(browser, dashboard.base, seconds)
            life.stop()
            with Pressure(dashboard.redis.url, dashboard.settings, rate) as pressure:
                loaded = main_thread(browser, dashboard.base, seconds)
                written = pressure.rate
        print(
            f"the page's main thread: {loaded:.1%} busy at {written:.0f} updates/s, {quiet:.1%} at"
            f" 16; /healthz {base:.1%}"
        )
        for name, per_second in (("nothing coming in", 0), (f"{rate} updates/s", rate)):
            with (
                Pressure(dashboard.redis.url, dashboard.settings, per_second)
                if per_second
                else contextlib.nullcontext()
            ):
                for clients in (0, CLIENTS):
                    cpu, frames = asyncio.run(watch(dashboard, clients, seconds))
                    servers.append(
                        f"  {name}, {clients:2} clients: {cpu:5.1f} % of a core, {frames:.1f}"
                        " frames/s each"
                    )
    print("server:", *servers, sep="\n")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}" if sys.platform != "win32" else "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--heap-minutes", type=float)
    arguments = parser.parse_args()
    if arguments.heap_minutes is not None:
        watch_heap(arguments.heap_minutes, arguments.rate)
    else:
        main(arguments.seconds, arguments.rate)
