"""Child processes: started, restarted with growing pauses, given up on where restarting cannot help, stopped in order.

Each child holds the reading end of a pipe on its standard input and ends when that does, so that none outlives its parent.
What it is told to begin with (its settings, which may be secret) comes through the same pipe.
"""

import asyncio
import contextlib
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from keter.clock import Clock
from keter.errors import ExitCode, KeterError
from keter.process import spawn_options
from keter.roster import STAGE_GRACE_S, Stage

HOPELESS = frozenset({ExitCode.USAGE, ExitCode.PERMISSION, ExitCode.CONFIGURATION})
SENTENCE = "keter: "  # how the command line begins the sentence that explains its exit code
LINE_LIMIT = 1 << 20
DRAIN_S = 0.5  # a dead child's grandchildren may hold its pipe open; we do not wait for them

log = structlog.get_logger("keter.supervisor")
Echo = Callable[[str], None]


class ChildGaveUpError(KeterError):
    """A child left with a code that restarting does not cure. Carries the child's own sentence and code."""

    def __init__(self, name: str, code: int, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.exit_code = ExitCode(code)


@dataclass(frozen=True, slots=True)
class Spec:
    """One child: its name, its command and the stage in which it stops.

    ``told_restarts``: its command takes ``--restarts N``, how often it has been started again.
    """

    name: str
    command: Sequence[str]
    stage: Stage
    told_restarts: bool = False

    def line(self, restarts: int) -> tuple[str, ...]:
        """The command line of its start after ``restarts`` restarts."""
        return (*self.command, "--restarts", str(restarts)) if self.told_restarts and restarts else tuple(self.command)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses between restarts double from ``first_s`` to ``ceiling_s``; a run of ``healthy_s`` starts them over."""

    first_s: float = 0.5
    ceiling_s: float = 30.0
    healthy_s: float = 60.0

    def pause_s(self, failures: int) -> float:
        """Seconds to wait before the restart after ``failures`` failures in a row (1 for the first)."""
        return min(self.first_s * 2.0 ** min(failures - 1, 30), self.ceiling_s)


class Child:
    """One operating-system process at a time."""

    def __init__(self, spec: Spec, environment: Mapping[str, str], echo: Echo, told: bytes = b"") -> None:
        self.spec = spec
        self._environment = environment
        self._told = told
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

    async def run(self, restarts: int = 0) -> int:
        """Starts it, passes its output on, and returns its exit code (negative: the signal that ended it)."""
        self._last_lines.clear()
        self._process = await asyncio.create_subprocess_exec(
            *self.spec.line(restarts),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self._environment),
            limit=LINE_LIMIT,
            **spawn_options(),
        )
        if self._process.stdin is not None:
            self._process.stdin.write(self._told)
        if self._unwanted:  # asked to stop while it was being made
            self.kill()
        reader = asyncio.create_task(self._pass_on(self._process.stdout))
        code = await self._process.wait()
        await asyncio.wait({reader}, timeout=DRAIN_S)
        reader.cancel()
        return code

    async def _pass_on(self, stream: asyncio.StreamReader | None) -> None:
        while stream is not None:
            try:
                raw = await stream.readline()
            except ValueError:  # a line longer than LINE_LIMIT: its log file has it
                continue
            if not raw:
                return
            line = raw.decode("utf-8", "replace").rstrip()
            self._last_lines.append(line)
            self._echo(line)

    def sentence(self, code: int) -> str:
        """What it said last about its end."""
        said = [line.removeprefix(SENTENCE) for line in self._last_lines if line.startswith(SENTENCE)]
        return said[-1] if said else f"ended with exit code {code}"

    def ask_to_stop(self) -> None:
        """Closes its standard input, which every child takes for the wish that it stop. It is not to run again."""
        self._unwanted = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """Ends it at once; it is not to run again."""
        self._unwanted = True
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):  # it may leave between the check and the call
                self._process.kill()


class Fleet:
    """All children. ``failed`` is set when one of them gave up; ``error`` then says which and why."""

    def __init__(self, clock: Clock, echo: Echo, backoff: Backoff | None = None) -> None:
        self._clock = clock
        self._echo = echo
        self._backoff = backoff or Backoff()
        self._children: dict[str, Child] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stopping: dict[Stage, asyncio.Event] = {stage: asyncio.Event() for stage in Stage}
        self.restarts: dict[str, int] = {}
        self.failed = asyncio.Event()
        self.error: ChildGaveUpError | None = None

    def start(self, specs: Iterable[Spec], environment: Mapping[str, str], told: bytes = b"") -> None:
        """Starts each of ``specs`` and keeps it alive until ``stop``; ``told`` is the first it reads on standard input."""
        for spec in specs:
            child = Child(spec, environment, self._echo, told)
            self._children[spec.name] = child
            self._keepers[spec.name] = asyncio.create_task(self._keep(child), name=f"keep-{spec.name}")

    def pids(self) -> dict[str, int]:
        """Name and process id of every child that runs."""
        return {name: child.pid for name, child in self._children.items() if child.pid is not None}

    async def _keep(self, child: Child) -> None:
        failures = 0
        stopping = self._stopping[child.spec.stage]
        while not stopping.is_set():
            started = self._clock.monotonic()
            try:
                code = await child.run(self.restarts.get(child.spec.name, 0))
            except OSError as e:  # the system had no room for another process; it may have later
                log.warning("process could not be started", process=child.spec.name, error=str(e))
                code = ExitCode.UNAVAILABLE
            if stopping.is_set() or self.failed.is_set():
                return
            if code in HOPELESS:
                self.error = ChildGaveUpError(child.spec.name, code, child.sentence(code))
                self.failed.set()
                return
            failures = 1 if self._clock.monotonic() - started >= self._backoff.healthy_s else failures + 1
            pause_s = self._backoff.pause_s(failures)
            self.restarts[child.spec.name] = self.restarts.get(child.spec.name, 0) + 1
            log.warning("process ended; restarting", process=child.spec.name, exit_code=code, pause_s=pause_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause_s)

    async def stop(self) -> None:
        """Stops stage after stage, each within its grace. Leaves no child."""
        for stage in Stage:
            self._stopping[stage].set()
            children = [child for child in self._children.values() if child.spec.stage is stage]
            for child in children:
                child.ask_to_stop()
            if children:
                await asyncio.wait({self._keepers[child.spec.name] for child in children}, timeout=STAGE_GRACE_S[stage])
            for child in children:
                if child.running:
                    log.warning("process did not stop in time; ended", process=child.spec.name)
                    child.kill()
        await asyncio.gather(*self._keepers.values())

    def kill(self) -> None:
        """Ends every child at once; ``stop`` then has nothing to wait for."""
        for stopping in self._stopping.values():
            stopping.set()
        for child in self._children.values():
            child.kill()
