"""How long the questions take that processes ask all the time, of a ledger with a long history.

Run: python -m benchmarks.big_ledger [--bets 200000] [--short 2000]

Two baselines in the same run: the same question of a short ledger, and of the long one without its
indexes for what is open. Exit code 1 when a question takes longer than 20 ms. Times are the best of
five, in milliseconds.
"""

import argparse
import asyncio
import shutil
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from tests.kit.execution import NOW
from tests.kit.large_ledger import QUESTIONS, make_large_ledger

from keter.clock import ManualClock
from keter.ledger import open_ledger

LIMIT_MS = 20.0
TRIES = 5
WITHOUT = (
    "ix_bets_open",
    "ix_foreign_tickets_open",
    "ix_paper_tickets_waiting",
    "ix_decisions_stage_reason_id",
    "ix_decisions_stage_id",
)


async def main(bets: int, short: int) -> int:
    folder = Path(tempfile.mkdtemp(prefix="keter-big-ledger-"))
    try:
        files = {name: folder / f"{name}.db" for name in ("long", "short", "without")}
        await make_large_ledger(files["long"], bets)
        await make_large_ledger(files["short"], short)
        shutil.copy(files["long"], files["without"])
        with sqlite3.connect(files["without"]) as file:
            for index in WITHOUT:
                file.execute(f"DROP INDEX {index}")
        file.close()
        found = {name: await times(path) for name, path in files.items()}
        print(
            f"{bets} bets, file of {files['long'].stat().st_size / 1e6:.0f} MB; milliseconds, best"
            f" of {TRIES}"
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(
        f"{'question':28} {'now':>8} {f'at {short}':>10} {'ratio':>7} {'no index':>10} {'ratio':>7}"
    )
    for name, ms in found["long"].items():
        few, none = found["short"][name], found["without"][name]
        print(f"{name:28} {ms:8.2f} {few:10.2f} {ms / few:7.1f} {none:10.2f} {none / ms:7.1f}")
    return int(max(found["long"].values()) > LIMIT_MS)


async def times(path: Path) -> dict[str, float]:
    """Milliseconds by question, through a read-only ledger as the dashboard has one."""
    book = await open_ledger(f"sqlite:///{path}", read_only=True, clock=ManualClock(NOW))
    found: dict[str, float] = {}
    for name, question in QUESTIONS.items():
        tries = []
        for _ in range(TRIES):
            begun = time.perf_counter()
            await question(book)
            tries.append(time.perf_counter() - begun)
        found[name] = min(tries) * 1000
    await book.aclose()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bets", type=int, default=200_000)
    parser.add_argument("--short", type=int, default=2_000)
    asked = parser.parse_args()
    sys.exit(asyncio.run(main(asked.bets, asked.short)))
