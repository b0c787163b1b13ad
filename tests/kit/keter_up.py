"""A whole Keter of the test's own: ``keter up`` in a folder, with its processes in view."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from keter.settings import child_environment
from keter.system.addresses import free_port
from tests.kit.support import eventually

START_STANDSTILL_S, START_MOST_S = 60, 200


def runs(process: psutil.Process) -> bool:
    """Return False for one that has ended, collected or not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class KeterUp:
    """One ``keter up`` (or ``keter record``). ``said`` holds its lines; ``environ`` are settings.

    ``through`` is a command that runs it, as under another user.
    """

    def __init__(
        self, folder: Path, command: str = "up", *, through: Sequence[str] = (), **environ: str
    ) -> None:
        self.folder = folder
        self.port = int(environ.get("DASH_PORT", free_port()))
        settings = {"DATA_DIR": "local", "DASH_PORT": str(self.port), **environ}
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [*through, sys.executable, "-m", "keter", command],
            cwd=folder,
            env=child_environment(**settings),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._environment = child_environment(**settings)
        self._family: dict[int, psutil.Process] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    async def ready(self) -> "KeterUp":
        """Wait until the page answers."""
        await eventually(
            lambda: "ready after" in self.text or self.process.poll() is not None,
            timeout_s=START_STANDSTILL_S,
            progress=lambda: len(self.said),
            most_s=START_MOST_S,
        )
        assert self.process.poll() is None, self.text
        self.family()
        return self

    def family(self) -> list[psutil.Process]:
        """Return every process below it, those seen before included while they live."""
        if self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self._family[child.pid] = child
        return [child for child in self._family.values() if runs(child)]

    def keter(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command in the same folder, as from a second terminal."""
        command = [sys.executable, "-m", "keter", *arguments]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def status(self) -> dict[str, Any]:
        """Return what the page's API says; empty while it does not answer."""
        try:
            code, text = self.fetch("/api/status")
        except OSError:
            return {}
        return json.loads(text) if code == 200 else {}

    def pids(self) -> dict[str, int]:
        """Return worker and process id, as the heartbeats say."""
        return {
            worker: beat["pid"] for worker, beat in (self.status().get("heartbeats") or {}).items()
        }

    def fetch(self, path: str) -> tuple[int, str]:
        """Return status and body of a page, errors included."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{path}", timeout=10
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def interrupt(self) -> int:
        """Send Ctrl+C; return the exit code."""
        self.family()
        os.kill(self.process.pid, signal.SIGINT)
        return self.wait()

    def wait(self, timeout_s: float = 30) -> int:
        code = self.process.wait(timeout_s)
        self._reader.join(5)
        return code

    def close(self) -> None:
        """End whatever of it is left."""
        left = self.family()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for child in left:
            if runs(child):
                child.kill()
        if self.process.stdout is not None:
            self._reader.join(5)
            self.process.stdout.close()


Start = Callable[..., KeterUp]  # starts one with these settings; it ends with the test
