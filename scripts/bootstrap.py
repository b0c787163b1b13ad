"""Makes or completes the environment in .venv from a hash-locked set, and .env from .env.example.

    python scripts/bootstrap.py [--dev] [--extras]

``--extras`` adds the packages of Telegram, e-mail, PostgreSQL and Parquet, hash-locked too; later
starts keep them up to date. Called by start.sh, start.bat and scripts/test.sh with a Python that
they found new enough; does nothing when everything is in place. Standard library only. Exit code
69: something needed is missing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

UNAVAILABLE = 69
EXTRAS = "requirements-extras.lock"
ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PIP = (str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input")


def main() -> int:
    """Brings everything about; returns an exit code."""
    locks = (
        ["requirements-dev.lock", "requirements.lock"]
        if "--dev" in sys.argv[1:]
        else ["requirements.lock"]
    )
    # Once asked for, the optional packages follow every change of the base that they stand on.
    extras = "--extras" in sys.argv[1:] or stamp_file(EXTRAS).exists()
    if not bring(locks) or (extras and not bring([EXTRAS])):
        return UNAVAILABLE
    make_env_file()
    return 0


def bring(locks: list[str]) -> bool:
    """Installs the first of ``locks``, which contains the others, unless all are in place; says
    what went wrong.
    """
    if all(in_place(lock) for lock in locks):
        return True
    problem = install(locks[0])
    if problem:
        say(problem)
        return False
    for lock in locks:
        stamp_file(lock).write_text(stamp(lock), encoding="utf-8")
    return True


def install(lock: str) -> str | None:
    """Installs ``lock`` and the project; returns what went wrong, or None."""
    say(f"making the environment in .venv from {lock} (once; takes a minute or two) ...")
    if not PYTHON.exists():
        shutil.rmtree(VENV, ignore_errors=True)
        if run(sys.executable, "-m", "venv", str(VENV)):
            shutil.rmtree(VENV, ignore_errors=True)
            return (
                "no virtual environment could be made; on Debian and Ubuntu run: apt install"
                " python3-venv"
            )
    if run(*PIP, "--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / lock)):
        return (
            "the packages could not be installed (see above); check the connection to the package"
            " index and start again"
        )
    if run(*PIP, "--no-deps", "--no-build-isolation", "-e", str(ROOT)):
        return "Keter itself could not be installed (see above)"
    return None


def run(*command: str) -> int:
    """Run a command with its output shown; returns its exit code."""
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - commands of this file only


def in_place(lock: str) -> bool:
    """Return whether .venv works and holds exactly this lock, for this project in this folder."""
    file = stamp_file(lock)
    return PYTHON.exists() and file.exists() and file.read_text(encoding="utf-8") == stamp(lock)


def stamp_file(lock: str) -> Path:
    return VENV / f"{lock}.stamp"


def stamp(lock: str) -> str:
    """Return what the environment depends on: the lock, the project's metadata and place."""
    parts = (str(ROOT).encode(), (ROOT / lock).read_bytes(), (ROOT / "pyproject.toml").read_bytes())
    return hashlib.sha256(b"".join(parts)).hexdigest()


def make_env_file() -> None:
    """Copy .env.example to .env, readable for its owner only, unless there is one."""
    target = ROOT / ".env"
    if target.exists():
        return
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write((ROOT / ".env.example").read_bytes())
    say("made .env with the default settings (DRY)")


def say(text: str) -> None:
    sys.stderr.write(f"keter: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
