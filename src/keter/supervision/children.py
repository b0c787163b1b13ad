"""All children of the supervisor: kept alive, and stopped in order.

A child that ends is started again after a growing pause, one that hangs is killed first.
The supervisor gives up on one whose exit code says that a restart cannot help.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import structlog

from keter.backoff import HEALTHY_S, Backoff, restart_backoff
from keter.clock import Clock
from keter.domain.processes import STAGE_GRACE_S, Stage
from keter.errors import ExitCode, KeterError
from keter.supervision.child import Child, Echo, Spec
from keter.supervision.liveness import SilenceLimits, SilenceTimer
from keter.system.tasks import stopped_within

# A restart does not cure these: the operator has to act.
FINAL_CODES = frozenset({ExitCode.USAGE, ExitCode.PERMISSION, ExitCode.CONFIGURATION})
WATCH_EVERY_S = 1.0
# A look that comes this late means that the supervisor, and perhaps the machine, was suspended.
LATE_S = 5.0

log = structlog.get_logger("keter.supervision.supervisor")


class ChildGaveUpError(KeterError):
    """A child ended with a code of FINAL_CODES.

    Carries the child's own sentence and code.
    """

    def __init__(self, name: str, code: int, sentence: str) -> None:
        super().__init__(f"{name}: {sentence}")
        self.exit_code = ExitCode(code)


class Fleet:
    """All children.

    ``failed`` is set when the supervisor gave up on one of them.
    ``error`` then holds which one and why.
    ``restarts`` and ``kills`` count by the name of the child.
    """

    def __init__(
        self,
        clock: Clock,
        echo: Echo,
        backoff: Backoff | None = None,
        limits: SilenceLimits | None = None,
    ) -> None:
        self._clock = clock
        self._limits = limits or SilenceLimits()
        self._timers: dict[str, SilenceTimer] = {}
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
        self, specs: Iterable[Spec], environment: Mapping[str, str], handover: bytes = b""
    ) -> None:
        """Start each of ``specs`` and keep it alive until ``stop``.

        ``handover`` is the first that each reads on standard input.
        """
        for spec in specs:
            timer = SilenceTimer(self._limits)
            on_pulse = partial(self._note_pulse, timer)
            child = Child(spec, environment, self._echo, handover, on_pulse=on_pulse)
            self._children[spec.name], self._timers[spec.name] = child, timer
            self._keepers[spec.name] = asyncio.create_task(
                self._keep(child), name=f"keep-{spec.name}"
            )
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch(), name="watch-children")

    def _note_pulse(self, timer: SilenceTimer) -> None:
        timer.pulsed(self._clock.monotonic())

    def pids(self) -> dict[str, int]:
        """Return the process id of every child that runs, by its name."""
        return {name: child.pid for name, child in self._children.items() if child.pid is not None}

    async def _keep(self, child: Child) -> None:
        """Run the child again and again, until it is to stop or the supervisor gives up on it."""
        backoff = replace(self._backoff)  # each child has a count of failures of its own
        name, stopping = child.spec.name, self._stopping[child.spec.stage]
        while not stopping.is_set():
            started = self._clock.monotonic()
            self._timers[name].started(started)
            code = await self._run(child)
            if stopping.is_set() or self.failed.is_set():
                return
            if code in FINAL_CODES:
                self.error = ChildGaveUpError(name, code, child.last_sentence(code))
                self.failed.set()
                return
            if self._clock.monotonic() - started >= HEALTHY_S:
                backoff.reset()
            pause_s = backoff.next()
            self.restarts[name] = self.restarts.get(name, 0) + 1
            log.warning("process ended; restarting", process=name, exit_code=code, pause_s=pause_s)
            await stopped_within(stopping, pause_s)

    async def _run(self, child: Child) -> int:
        name = child.spec.name
        try:
            return await child.run(self.restarts.get(name, 0), self.kills.get(name, 0))
        except OSError as e:  # the system had no room for another process: it may have later
            log.warning("process could not be started", process=name, error=str(e))
            return ExitCode.UNAVAILABLE

    async def _watch(self) -> None:
        """Kill what hangs, until cancelled. Its keeper starts it again."""
        looked = self._clock.monotonic()
        while True:
            await asyncio.sleep(WATCH_EVERY_S)
            now = self._clock.monotonic()
            if now - looked > LATE_S:
                for timer in self._timers.values():
                    timer.ignore_before(now)
            for name, child in self._children.items():
                if child.spec.supervised and child.running and self._timers[name].hangs(now):
                    self.end_hung(name, "it gave no sign of life")
            looked = self._clock.monotonic()

    def end_hung(self, name: str, why: str) -> None:
        """Kill the child ``name``, which is then started again.

        Does nothing while the child is stopping or does not run.
        """
        child = self._children.get(name)
        if child is None or not child.running or self._stopping[child.spec.stage].is_set():
            return
        log.error(
            "process hangs; killed, to be started again", process=name, pid=child.pid, reason=why
        )
        self.kills[name] = self.kills.get(name, 0) + 1
        self._timers[name].started(self._clock.monotonic())
        child.end()

    async def stop(self) -> None:
        """Stop stage after stage, each within its grace. Leaves no child."""
        await self._stop_watching()
        for stage in Stage:
            self._stopping[stage].set()
            await self._stop_children(
                stage, [child for child in self._children.values() if child.spec.stage is stage]
            )
        await asyncio.gather(*self._keepers.values())

    async def _stop_watching(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait({self._watcher})
            if not self._watcher.cancelled():
                self._watcher.result()

    async def _stop_children(self, stage: Stage, children: list[Child]) -> None:
        for child in children:
            child.ask_to_stop()
        if children:
            keepers = {self._keepers[child.spec.name] for child in children}
            await asyncio.wait(keepers, timeout=STAGE_GRACE_S[stage])
        for child in children:
            if child.running:
                log.warning("process did not stop in time; ended", process=child.spec.name)
                child.kill()

    def kill(self) -> None:
        """End every child at once. ``stop`` then has nothing to wait for."""
        for stopping in self._stopping.values():
            stopping.set()
        for child in self._children.values():
            child.kill()
