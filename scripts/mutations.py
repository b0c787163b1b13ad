#!/usr/bin/env python3
"""Takes one safety mechanism out at a time, in a copy of the tree, and shows that a test notices.

    scripts/mutations.py            every mutation
    scripts/mutations.py fence ...  those whose name contains one of the words

A mutation that no test notices is printed as SURVIVED and makes the exit code 1.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("src", "tests", "pyproject.toml", "README.md", "LICENSE", ".env.example", "docs")
TIMEOUT_S = 1200


class Mutation(NamedTuple):
    """In ``file`` the text ``old`` becomes ``new``; one of the ``tests`` must then fail."""

    name: str
    promise: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


LIFE = "tests/faults/test_bet_life.py"
TOGETHER = "tests/integration/test_execution.py"
PLACING = "tests/unit/workers/test_placing.py"
LEDGER = "tests/unit/ledger/test_bets.py"
ROUTING = "src/keter/workers/routing/placing.py"
BETS = "src/keter/ledger/bets.py"
FIRST_SCHEMA = "src/keter/ledger/migrations/versions/v0001_first_schema.py"

INTENT = "        intent = self._intent(approved)\n"
QUOTE_FIRST = "        await Quoting(self._venue, approved, self._limits).find()\n"
SENDING = '        await self._step(intent, BetState.SENDING, "sending", facts, fenced=True)\n'
CALL = '            return await self._timed("place_call", self._venue.place(order))\n'
DENIED = "        if denied is None or denied.count < LEAST_DENIALS:\n            return False\n"
OPEN_INDEX = '        ["account", "mode", "event_uid", "selection_id"],\n        unique=True,\n'

MUTATIONS = (
    Mutation("fence", "a replaced owner cannot place", "src/keter/ledger/fences.py",
             "if current is not None and current > fence:", "if False:", (LEDGER,)),
    Mutation("intent-first", "the intent is committed before anything else", ROUTING,
             INTENT, INTENT + QUOTE_FIRST, (PLACING,)),
    Mutation("sending-first", "SENDING is committed before the call", ROUTING,
             SENDING, "        await self._call(order)\n" + SENDING, (PLACING,)),
    Mutation("one-call", "the venue is called once", ROUTING,
             CALL, "            await self._venue.place(order)\n" + CALL, (LIFE,)),
    Mutation("takeover", "a death while sending is a doubt", BETS,
             "(BetState.SENDING, BetState.UNKNOWN)):", "(BetState.SENDING, BetState.UNKNOWN))[:2]:", (LEDGER, LIFE)),
    Mutation("unknown", "a doubt is not a refusal", ROUTING,
             "return BetState.UNKNOWN, placement.kind, placement.kind",
             "return BetState.REFUSED, placement.kind, placement.kind", (LIFE,)),
    Mutation("denials", "one denial proves nothing", "src/keter/workers/tracking/absence.py",
             DENIED, "        if self._denied is not None:\n            return True\n", (TOGETHER,)),
    Mutation("audit", "risk book and ledger are made equal after a death", "src/keter/workers/tracking/reconciler.py",
             "        await self._audit.run()\n", "", (TOGETHER,)),
    Mutation("last-stop", "HALT and a lost lock stop the call", ROUTING,
             "if stop is not None else await self._call(order)", "if False else await self._call(order)", (PLACING,)),
    Mutation("duplicate-keeps", "a redelivered item does not free the exposure of its bet", "src/keter/workers/router.py",
             "        if reason is Reason.DUPLICATE_DECISION:\n            return\n",
             "        if reason is Reason.DUPLICATE_DECISION:\n            await self._risk.release(approved.decision_id)\n",
             (TOGETHER,)),
    Mutation("unique-decision", "one intent per decision", FIRST_SCHEMA,
             'sa.UniqueConstraint("decision_id", name="uq_bets_decision_id"),', "", (LEDGER,)),
    Mutation("unique-selection", "one open intent per selection", FIRST_SCHEMA,
             OPEN_INDEX, OPEN_INDEX.replace("True", "False"), (LEDGER,)),
)  # fmt: skip


def copy_tree(target: Path) -> None:
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, target / name)


def notices(mutation: Mutation, tree: Path) -> bool:
    """Whether a test fails with the mechanism taken out; the file is put back afterwards."""
    file = tree / mutation.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise SystemExit(f"{mutation.name}: the text to change stands {text.count(mutation.old)} times in {mutation.file}")
    file.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    world = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    options = ["-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=noshrink"]
    command = [sys.executable, "-m", "pytest", *options, *mutation.tests]
    try:
        done = subprocess.run(command, check=False, cwd=tree, env=world, capture_output=True, timeout=TIMEOUT_S)  # noqa: S603
    finally:
        file.write_text(text, encoding="utf-8")
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{mutation.name}: pytest could not run: {done.stdout.decode()[-2000:]}")
    return done.returncode == 1


def main(words: list[str]) -> int:
    chosen = [m for m in MUTATIONS if not words or any(word in m.name for word in words)]
    survived = 0
    with tempfile.TemporaryDirectory(prefix="keter-mutations-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        for mutation in chosen:
            started = time.monotonic()
            noticed = notices(mutation, tree)
            survived += not noticed
            word = "noticed " if noticed else "SURVIVED"
            sys.stdout.write(f"{word}  {mutation.name:18} {mutation.promise}  ({time.monotonic() - started:.0f} s)\n")
            sys.stdout.flush()
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
