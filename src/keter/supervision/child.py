"""One child process: how it is started, read and ended.

A child holds the reading end of a pipe on its standard input and ends when that does.
So no child outlives its parent, however the parent dies.
Its settings, which may be secret, come through the same pipe.
"""

import asyncio
import contextlib
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from keter.domain.processes import Stage
from keter.supervision.liveness import PULSE
from keter.system.process import spawn_options

ERROR_PREFIX = "keter: "  # the command line begins with it the sentence about its exit code
LINE_LIMIT = 1 << 20
CHUNK = 1 << 16
DRAIN_S = 0.5  # grandchildren of a dead child may hold its pipe open: they are not waited for

Echo = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Spec:
    """One child: its name, its command and the stage in which it stops.

    A ``supervised`` child gives a pulse every second.
    Its command takes ``--restarts N`` and ``--kills N``.
    These are how often it was started again, and how often of these because it hung.
    """

    name: str
    command: Sequence[str]
    stage: Stage
    supervised: bool = False

    def line(self, restarts: int, kills: int = 0) -> tuple[str, ...]:
        """Return the command line for a start after ``restarts`` restarts and ``kills`` kills."""
        counts = {"--restarts": restarts, "--kills": kills} if self.supervised else {}
        more = [word for option, n in counts.items() if n for word in (option, str(n))]
        return (*self.command, *more)


class Child:
    """At most one operating-system process at a time.

    ``handover`` is the first that it reads on standard input.
    ``echo`` gets each line of its output, ``on_pulse`` is called for its pulses.
    """

    def __init__(
        self,
        spec: Spec,
        environment: Mapping[str, str],
        echo: Echo,
        handover: bytes = b"",
        *,
        on_pulse: Callable[[], None] = lambda: None,
    ) -> None:
        self.spec = spec
        self._on_pulse = on_pulse
        self._environment = environment
        self._handover = handover
        self._echo = echo
        self._process: asyncio.subprocess.Process | None = None
        self._last_lines: deque[str] = deque(maxlen=20)
        self._unwanted = False

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def run(self, restarts: int = 0, kills: int = 0) -> int:
        """Run one process to its end and pass its output on.

        Return its exit code. A negative one is the signal that ended it.

        Raises OSError where the process cannot be started.
        """
        self._last_lines.clear()
        self._process = await asyncio.create_subprocess_exec(
            *self.spec.line(restarts, kills),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self._environment),
            limit=LINE_LIMIT,
            **spawn_options(),
        )
        if self._process.stdin is not None:
            self._process.stdin.write(self._handover)
        if self._unwanted:  # asked to stop while it was being made
            self.kill()
        reader = asyncio.create_task(self._pass_on(self._process.stdout))
        code = await self._process.wait()
        await asyncio.wait({reader}, timeout=DRAIN_S)
        reader.cancel()
        return code

    async def _pass_on(self, stream: asyncio.StreamReader | None) -> None:
        """Take the pulses out of the output and pass its lines on.

        A line longer than LINE_LIMIT is left out: the child's log file has it.
        """
        unfinished, skipping = b"", False
        while stream is not None and (raw := await stream.read(CHUNK)):
            if PULSE in raw:
                self._on_pulse()
            *lines, unfinished = (unfinished + raw.replace(PULSE, b"")).split(b"\n")
            for line in lines:
                if not skipping:
                    self._pass_line(line)
                skipping = False
            if len(unfinished) > LINE_LIMIT:
                unfinished, skipping = b"", True
        if unfinished and not skipping:
            self._pass_line(unfinished)

    def _pass_line(self, raw: bytes) -> None:
        line = raw.decode("utf-8", "replace").rstrip()
        self._last_lines.append(line)
        self._echo(line)

    def last_sentence(self, code: int) -> str:
        """Return the sentence that it wrote last about its end, else one with its exit code."""
        said = [
            line.removeprefix(ERROR_PREFIX)
            for line in self._last_lines
            if line.startswith(ERROR_PREFIX)
        ]
        return said[-1] if said else f"ended with exit code {code}"

    def ask_to_stop(self) -> None:
        """Close its standard input: every child stops then. It will not run again."""
        self._unwanted = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """End it at once. It will not run again."""
        self._unwanted = True
        self.end()

    def end(self) -> None:
        """End this process at once, also one that is suspended."""
        if self._process is not None and self.running:
            # It may leave between the check and the call.
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
