"""From ``keter up`` to the first DRY bet that its book has confirmed, and what the whole stack
holds in memory then.

Run: python -m benchmarks.first_bet [--timeout 120]

A fresh folder each time: private Redis, sandbox, every process. Memory is the proportional set
size: shared pages count once.
"""

import argparse
import asyncio
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

import psutil
from tests.kit.keter_up import KeterUp

CONFIRMED = frozenset({"RUNNING", "WON", "LOST", "HALF_WON", "HALF_LOST", "PUSHED"})
BYTES_PER_MB = 1e6


async def main(timeout_s: float) -> None:
    folder = Path(tempfile.mkdtemp(prefix="keter-first-bet-"))
    begun = time.monotonic()
    one = KeterUp(folder)
    try:
        await one.ready()
        ready_s = time.monotonic() - begun
        intended_s = await seen(one, frozenset(), begun, timeout_s)
        confirmed_s = await seen(one, CONFIRMED, begun, timeout_s)
        sizes = sorted(memory(one), reverse=True)
        stop_begun = time.monotonic()
        one.interrupt()
        stop_s = time.monotonic() - stop_begun
    finally:
        one.close()
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"page ready {ready_s:.1f} s, first intent {intended_s:.1f} s, first confirmed bet"
        f" {confirmed_s:.1f} s"
    )
    print(f"stopped in {stop_s:.1f} s")
    print(f"memory of {len(sizes)} processes: {sum(size for size, _ in sizes):.0f} MB")
    for size, name in sizes:
        print(f"  {size:5.0f} MB  {name}")


async def seen(one: KeterUp, states: frozenset[str], begun: float, timeout_s: float) -> float:
    """Seconds from ``begun`` until the ledger holds a bet in one of ``states`` (in any state when
    empty).
    """
    ledger = one.folder / "local" / "ledger.db"
    while time.monotonic() - begun < timeout_s:
        found = bet_states(ledger) if ledger.exists() else set()
        if found & states or (found and not states):
            return time.monotonic() - begun
        await asyncio.sleep(0.1)
    raise SystemExit(
        f"no bet in {sorted(states) or 'any state'} within {timeout_s:g} s:\n{one.text}"
    )


def bet_states(ledger: Path) -> set[str]:
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    try:
        return {str(row[0]) for row in connection.execute("SELECT DISTINCT state FROM bets")}
    except sqlite3.OperationalError:  # its tables are being made
        return set()
    finally:
        connection.close()


def memory(one: KeterUp) -> list[tuple[float, str]]:
    """Megabytes and name of every process."""
    family = [psutil.Process(one.process.pid), *one.family()]
    return [
        (child.memory_full_info().pss / BYTES_PER_MB, name_of(child.cmdline())) for child in family
    ]


def name_of(command: list[str]) -> str:
    if "-m" in command:
        words = command[command.index("-m") + 2 :]
        return " ".join(word for word in words[:2] if not word.startswith("-"))
    return Path(command[-2] if command[-1].replace(".", "").isdigit() else command[0]).name


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timeout", type=float, default=120)
    asyncio.run(main(parser.parse_args().timeout))
