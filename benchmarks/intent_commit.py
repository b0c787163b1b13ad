"""What the durable intent costs per bet: the ledger's commits beside a bare append and fsync, same
run, same disk.

    python benchmarks/intent_commit.py [--bets 300] [--folder DIR]

Per bet the router commits the intent, QUOTED and SENDING before the call; the ratio compares each
of those transactions with one append of as many bytes followed by fsync. The disk under DIR
(default: a temporary folder) decides both.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keter.bus.codec import encode
from keter.clock import SystemClock
from keter.domain.market_kinds import Outcome
from keter.domain.markets import parse_market
from keter.domain.order_states import OrderState
from keter.domain.orders import Intent
from keter.domain.references import make_reference
from keter.domain.trading import ExecutionMode
from keter.ledger import Ledger, open_ledger
from keter.venues.asianodds.limits import CAPABILITY

SIGNAL = encode({"made": "up", "filler": "x" * 3000})


def an_intent(number: int, fence: int) -> Intent:
    now = datetime.now(UTC)
    intent_id = f"bench{number:027d}"
    return Intent(
        intent_id,
        f"decision-{number}",
        f"trace-{number}",
        "BENCH",
        ExecutionMode.DRY,
        "asianodds",
        "1|1|1",
        f"event-{number}",
        "League",
        "Home",
        "Away",
        now + timedelta(hours=2),
        parse_market("fb", "ft.ou.2.5"),
        Outcome.OVER,
        1000,
        "2.05",
        1.9,
        6.0,
        "PIN",
        make_reference(intent_id, CAPABILITY.reference_form),
        fence,
        now,
        SIGNAL,
    )


def timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def bare_appends(folder: Path, count: int, size: int) -> list[float]:
    """Seconds of each append of ``size`` bytes with its fsync."""
    payload = b"x" * size
    with (folder / "bare").open("ab", buffering=0) as file:

        def append() -> None:
            file.write(payload)
            os.fsync(file.fileno())

        return [timed(append) for _ in range(count)]


async def commits(ledger: Ledger, count: int) -> dict[str, list[float]]:
    """Seconds of each transaction of a bet, as the router sees them: through the ledger's thread
    and back.
    """
    now = datetime.now(UTC)
    fence = (await ledger.orders.takeover("BENCH", ExecutionMode.DRY, at=now, worker="bench")).fence
    found: dict[str, list[float]] = {"intent": [], "QUOTED": [], "SENDING": []}
    for number in range(count):
        intent = an_intent(number, fence)
        started = time.perf_counter()
        await ledger.orders.create(intent, worker="bench")
        found["intent"].append(time.perf_counter() - started)
        for state in (OrderState.QUOTED, OrderState.SENDING):
            started = time.perf_counter()
            await ledger.orders.transition(
                intent.intent_id,
                state,
                at=datetime.now(UTC),
                cause="bench",
                worker="bench",
                fence=fence,
            )
            found[state.value].append(time.perf_counter() - started)
    return found


def row(name: str, seconds: list[float], base: list[float]) -> str:
    median, high = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
    base_median, base_high = statistics.median(base), statistics.quantiles(base, n=100)[98]
    return (
        f"{name:22} median {median * 1000:8.3f} ms   p99 {high * 1000:8.3f} ms"
        f"   x{median / base_median:5.2f} of fsync   p99 x{high / base_high:5.2f}"
    )


async def main(bets: int, folder: Path) -> None:
    ledger = await open_ledger(f"sqlite:///{folder}/bench.db", clock=SystemClock())
    before = bare_appends(folder, bets, len(SIGNAL))
    found = await commits(ledger, bets)
    # Half before, half after: the disk may change its mood.
    base = before + bare_appends(folder, bets, len(SIGNAL))
    await ledger.aclose()
    whole = [sum(parts) for parts in zip(*found.values(), strict=True)]
    lines = [
        row("append + fsync", base, base),
        *(row(name, seconds, base) for name, seconds in found.items()),
    ]
    sys.stdout.write("\n".join([*lines, row("whole bet (3 commits)", whole, base)]) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bets", type=int, default=300)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keter-bench-", dir=options.folder) as made:
        asyncio.run(main(options.bets, Path(made)))
