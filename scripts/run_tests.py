"""Runs pytest over one part or all of the tests and prints what failed and one closing line for all
of it, last.

python -m scripts.run_tests all|quick|unit|integration|faults|e2e

Most tests wait for real processes and servers more than they compute, so they run side by side. The
browser tests have pytest processes of their own, because their driver keeps an event loop that no
other test can share. Those that measure the page (marked ``alone``) come last, one after another.
In ``all`` style, types and the fault tests, which wait most, run beside the unit and integration
tests; what they said follows when they have ended. ``quick`` is style, types, the unit tests and
those integration tests that are not marked ``slow``. What fails is repeated once, alone: see
``sessions``.
"""

import os
import sys

from scripts.sessions import HOME, PYTEST, Command, Plan, Session

CORES = os.cpu_count() or 1
MOST_WORKERS = 8
LONGEST = "--durations=10"
# Importing aiogram takes some 6 s and 150 MB: once, not in each worker that collects tests.
TELEGRAM = "tests/integration/alerting/test_telegram.py"
LINT = Command("lint", ("bash", "scripts/lint.sh"), is_pytest=False)


def main(part: str) -> int:
    """Run the part; returns the exit code."""
    # Hundreds of processes would each compile the sources anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return Session(HOME).carry_out(plan_of(part))


def plan_of(part: str) -> Plan:
    """Return what runs, and what beside what."""
    browser = tests(CORES, "e2e", only="not alone")
    measured = pytest("e2e, alone", "tests/e2e", "-m", "alone")
    match part:
        case "all":
            return Plan(
                (tests(CORES + 1, "integration", "unit"), browser),
                beside=(faults(), telegram(), LINT),
                last=(measured,),
            )
        case "quick":
            quick = tests(CORES + 1, "integration", "unit", only="not slow")
            return Plan((quick,), beside=(telegram(), LINT))
        case "e2e":
            return Plan((browser,), last=(measured,))
        case "faults":
            return Plan((faults(),))
        case "integration":
            return Plan((tests(CORES + 1, part),), beside=(telegram(),))
        case _:
            return Plan((tests(CORES + 1, part),))


def faults() -> Command:
    """Up to a minute and a half each: a worker takes the next one when it has done one."""
    return pytest(
        "faults",
        "tests/faults",
        "-n",
        str(min(MOST_WORKERS, CORES)),
        "--dist",
        "load",
        "--maxschedchunk",
        "1",
    )


def telegram() -> Command:
    return pytest("telegram", TELEGRAM)


def tests(workers: int, *folders: str, only: str = "") -> Command:
    chosen = ("-m", only) if only else ()
    paths = [f"tests/{folder}" for folder in folders]
    return pytest(
        " and ".join(folders),
        *paths,
        f"--ignore={TELEGRAM}",
        "-n",
        str(min(MOST_WORKERS, workers)),
        "--dist",
        "worksteal",
        *chosen,
    )


def pytest(name: str, *arguments: str) -> Command:
    return Command(name, (*PYTEST, LONGEST, *arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
