"""What each process of ``keter up`` costs while no page is open: CPU, memory, and how fast the
files of DATA_DIR grow.

Run: python -m benchmarks.idle_cpu [--warm 40] [--seconds 60] [--keep-ledger FILE]

A fresh folder each time: private Redis, sandbox, every process. CPU is per cent of one core over
``--seconds``, after ``--warm`` seconds. ``--keep-ledger`` leaves a copy of the ledger there.
"""

import argparse
import asyncio
import shutil
import tempfile
from pathlib import Path

import psutil
from benchmarks.first_bet import name_of
from tests.kit.keter_up import KeterUp

BYTES_PER_MB = 1e6


async def main(warm_s: float, seconds: float, keep: Path | None) -> None:
    folder = Path(tempfile.mkdtemp(prefix="keter-idle-"))
    one = KeterUp(folder)
    try:
        await one.ready()
        await asyncio.sleep(warm_s)
        before, grown = cpu(one), sizes(folder / "local")
        await asyncio.sleep(seconds)
        after, later = cpu(one), sizes(folder / "local")
        one.interrupt()
        if keep is not None:
            shutil.copy(folder / "local" / "ledger.db", keep)
    finally:
        one.close()
        shutil.rmtree(folder, ignore_errors=True)
    used = {name: (after[name] - before.get(name, 0.0)) * 100 / seconds for name in after}
    print(
        f"CPU over {seconds:g} s without a page, per cent of one core: {sum(used.values()):.1f}"
        " in all"
    )
    for name, share in sorted(used.items(), key=lambda pair: -pair[1]):
        print(f"  {share:5.1f} %  {name}")
    for name, size in later.items():
        print(
            f"{name}: {size / BYTES_PER_MB:.2f} MB,"
            f" {(size - grown[name]) * 3600 / seconds / BYTES_PER_MB:.1f} MB an hour"
        )


def cpu(one: KeterUp) -> dict[str, float]:
    """Seconds of CPU by process."""
    found: dict[str, float] = {}
    for process in [psutil.Process(one.process.pid), *one.family()]:
        times = process.cpu_times()
        name = name_of(process.cmdline())
        found[name] = found.get(name, 0.0) + times.user + times.system
    return found


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the ledger (its log included), the captures and the logs."""
    ledger = sum(path.stat().st_size for path in folder.glob("ledger.db*"))
    parts = {
        name: sum(path.stat().st_size for path in (folder / name).glob("*"))
        for name in ("captures", "logs")
    }
    return {"ledger": ledger, **parts}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warm", type=float, default=40)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--keep-ledger", type=Path, default=None)
    asked = parser.parse_args()
    asyncio.run(main(asked.warm, asked.seconds, asked.keep_ledger))
