"""Child processes: started, restarted with growing pauses, given up on where restarting cannot
help, stopped in order.

Each child holds the reading end of a pipe on its standard input and ends when that does, so that
none outlives its parent. What it is told to begin with (its settings, which may be secret) comes
through the same pipe.
"""

import asyncio
import contextlib
import subprocess
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from keter.backoff import HEALTHY_S, Backoff, restart_backoff
from keter.clock import Clock
from keter.domain.processes import STAGE_GRACE_S, Stage
from keter.errors import ExitCode, KeterError
from keter.supervision.pulse import PULSE, Patience, Vigil
from keter.system.process import spawn_options
from keter.system.tasks import stopped_within

HOPELESS = frozenset({ExitCode.USAGE, ExitCode.PERMISSION, ExitCode.CONFIGURATION})
SENTENCE = "keter: "  # how the command line begins the sentence that explains its exit code
LINE_LIMIT = 1 << 20
CHUNK = 1 << 16
WATCH_EVERY_S = 1.0
LATE_S = 5.0  # a supervisor that comes this late was away itself, and so was perhaps the machine
DRAIN_S = 0.5  # a dead child's grandchildren may hold its pipe open; we do not wait for them

log = structlog.get_logger("keter.supervision.supervisor")
Echo = Callable[[str], None]


class ChildGaveUpError(KeterError):
    """A child left with a code that restarting does not cure.

    Carries the child's own sentence and code.
    """

    def __init__(self, name: str, code: int, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.exit_code = ExitCode(code)


@dataclass(frozen=True, slots=True)
class Spec:
    """One child: its name, its command and the stage in which it stops.

    ``told_restarts``: it is a worker. Its command takes ``--restarts N`` and ``--kills N``, how
    often it has been started again and how often of these because it hung; it gives a sign of life
    every second.
    """

    name: str
    command: Sequence[str]
    stage: Stage
    told_restarts: bool = False

    def line(self, restarts: int, kills: int = 0) -> tuple[str, ...]:
        """The command line of its start after ``restarts`` restarts, ``kills`` of them because it
        hung.
        """
        counts = {"--restarts": restarts, "--kills": kills} if self.told_restarts else {}
        more = [word for option, n in counts.items() if n for word in (option, str(n))]
        return (*self.command, *more)


class Child:
    """One operating-system process at a time."""

    def __init__(
        self,
        spec: Spec,
        environment: Mapping[str, str],
        echo: Echo,
        told: bytes = b"",
        *,
        on_pulse: Callable[[], None] = lambda: None,
    ) -> None:
        self.spec = spec
        self._on_pulse = on_pulse
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

    async def run(self, restarts: int = 0, kills: int = 0) -> int:
        """Start it, passes its output on, and returns its exit code (negative: the signal that
        ended it).
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
            self._process.stdin.write(self._told)
        if self._unwanted:  # asked to stop while it was being made
            self.kill()
        reader = asyncio.create_task(self._pass_on(self._process.stdout))
        code = await self._process.wait()
        await asyncio.wait({reader}, timeout=DRAIN_S)
        reader.cancel()
        return code

    async def _pass_on(self, stream: asyncio.StreamReader | None) -> None:
        """Take the pulses out of the output and passes its lines on; one longer than LINE_LIMIT is
        in the log file only.
        """
        rest, skipping = b"", False
        while stream is not None and (raw := await stream.read(CHUNK)):
            if PULSE in raw:
                self._on_pulse()
            *lines, rest = (rest + raw.replace(PULSE, b"")).split(b"\n")
            for line in lines:
                if not skipping:
                    self._pass_line(line)
                skipping = False
            if len(rest) > LINE_LIMIT:
                rest, skipping = b"", True
        if rest and not skipping:
            self._pass_line(rest)

    def _pass_line(self, raw: bytes) -> None:
        line = raw.decode("utf-8", "replace").rstrip()
        self._last_lines.append(line)
        self._echo(line)

    def sentence(self, code: int) -> str:
        """What it said last about its end."""
        said = [
            line.removeprefix(SENTENCE) for line in self._last_lines if line.startswith(SENTENCE)
        ]
        return said[-1] if said else f"ended with exit code {code}"

    def ask_to_stop(self) -> None:
        """Close its standard input, which every child takes for the wish that it stop.

        It is not to run again.
        """
        self._unwanted = True
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def kill(self) -> None:
        """End it at once; it is not to run again."""
        self._unwanted = True
        self.end()

    def end(self) -> None:
        """End this process at once, also one that is stopped."""
        if self._process is not None and self.running:
            # It may leave between the check and the call.
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


class Fleet:
    """All children.

    ``failed`` is set when one of them gave up; ``error`` then says which and why.
    """

    def __init__(
        self,
        clock: Clock,
        echo: Echo,
        backoff: Backoff | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._clock = clock
        self._patience = patience or Patience()
        self._vigils: dict[str, Vigil] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._echo = echo
        self._backoff = backoff or restart_backoff()
        self._children: dict[str, Child] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stopping: dict[Stage, asyncio.Event] = {stage: asyncio.Event() for stage in Stage}
        self.restarts: dict[str, int] = {}
        self.kills: dict[str, int] = {}
        self.failed = asyncio.Event()
        self.error: ChildGaveUpError | None = None

    def start(
        self, specs: Iterable[Spec], environment: Mapping[str, str], told: bytes = b""
    ) -> None:
        """Start each of ``specs`` and keeps it alive until ``stop``; one that hangs is killed and
        started again.

        ``told`` is the first it reads on standard input.
        """
        for spec in specs:
            vigil = Vigil(self._patience)
            child = Child(spec, environment, self._echo, told, on_pulse=partial(self._heard, vigil))
            self._children[spec.name], self._vigils[spec.name] = child, vigil
            self._keepers[spec.name] = asyncio.create_task(
                self._keep(child), name=f"keep-{spec.name}"
            )
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch(), name="watch-children")

    def _heard(self, vigil: Vigil) -> None:
        vigil.pulsed(self._clock.monotonic())

    def pids(self) -> dict[str, int]:
        """Name and process id of every child that runs."""
        return {name: child.pid for name, child in self._children.items() if child.pid is not None}

    async def _keep(self, child: Child) -> None:
        backoff = replace(self._backoff)  # one count of failures for each child
        stopping = self._stopping[child.spec.stage]
        while not stopping.is_set():
            name, started = child.spec.name, self._clock.monotonic()
            self._vigils[name].started(started)
            try:
                code = await child.run(self.restarts.get(name, 0), self.kills.get(name, 0))
            except OSError as e:  # the system had no room for another process; it may have later
                log.warning("process could not be started", process=child.spec.name, error=str(e))
                code = ExitCode.UNAVAILABLE
            if stopping.is_set() or self.failed.is_set():
                return
            if code in HOPELESS:
                self.error = ChildGaveUpError(child.spec.name, code, child.sentence(code))
                self.failed.set()
                return
            if self._clock.monotonic() - started >= HEALTHY_S:
                backoff.reset()
            pause_s = backoff.next()
            self.restarts[child.spec.name] = self.restarts.get(child.spec.name, 0) + 1
            log.warning(
                "process ended; restarting",
                process=child.spec.name,
                exit_code=code,
                pause_s=pause_s,
            )
            await stopped_within(stopping, pause_s)

    async def _watch(self) -> None:
        """Kills what hangs; its keeper starts it again."""
        looked = self._clock.monotonic()
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now = self._clock.monotonic()
            if now - looked > LATE_S:
                for vigil in self._vigils.values():
                    vigil.forgive(now)
            for name, child in self._children.items():
                if child.spec.told_restarts and child.running and self._vigils[name].hangs(now):
                    self.end_hung(name, "it gave no sign of life")
            looked = self._clock.monotonic()

    def end_hung(self, name: str, why: str) -> None:
        """Kills the child ``name``, which is to be started again.

        Does nothing while it is stopping or does not run.
        """
        child = self._children.get(name)
        if child is None or not child.running or self._stopping[child.spec.stage].is_set():
            return
        log.error(
            "process hangs; killed, to be started again", process=name, pid=child.pid, reason=why
        )
        self.kills[name] = self.kills.get(name, 0) + 1
        self._vigils[name].started(self._clock.monotonic())
        child.end()

    async def stop(self) -> None:
        """Stop stage after stage, each within its grace. Leaves no child."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})
            if not self._watcher.cancelled():
                self._watcher.result()
        for stage in Stage:
            self._stopping[stage].set()
            children = [child for child in self._children.values() if child.spec.stage is stage]
            for child in children:
                child.ask_to_stop()
            if children:
                await asyncio.wait(
                    {self._keepers[child.spec.name] for child in children},
                    timeout=STAGE_GRACE_S[stage],
                )
            for child in children:
                if child.running:
                    log.warning("process did not stop in time; ended", process=child.spec.name)
                    child.kill()
        await asyncio.gather(*self._keepers.values())

    def kill(self) -> None:
        """End every child at once; ``stop`` then has nothing to wait for."""
        for stopping in self._stopping.values():
            stopping.set()
        for child in self._children.values():
            child.kill()
