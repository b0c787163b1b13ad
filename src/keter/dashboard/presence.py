"""Which workers are silent, restarted again and again, or had to be killed. Pure.

All is read from heartbeats. A worker is known by its own id. One that died before its first beat is
known by its role: by the name of its process, with the account's where there are several.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keter.bus.telemetry.heartbeats import Heartbeat

# A worker that was silent is back when it has beaten this long without a new start.
STEADY = timedelta(seconds=30)
RESTARTS_WINDOW = timedelta(minutes=10)
MANY_RESTARTS = 3
KILLS_WINDOW = timedelta(minutes=10)
# Of silence, where others do the work of a copy that is gone.
FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(slots=True)
class WorkerState:
    """What is known of one worker."""

    process: str
    role: str
    started_at: datetime | None = None
    missing_since: datetime | None = None
    back_since: datetime | None = None
    restarts: int = 0
    kills: int = 0
    restarted: deque[datetime] = field(default_factory=lambda: deque(maxlen=50))
    killed: deque[datetime] = field(default_factory=lambda: deque(maxlen=50))


@dataclass(frozen=True, slots=True)
class Silent:
    """A worker without heartbeat. ``alone``: no other of its role beats."""

    worker: str
    process: str
    since: datetime
    alone: bool


@dataclass(frozen=True, slots=True)
class Troubled:
    """A worker that was restarted, or killed, ``times`` within the window."""

    worker: str
    process: str
    times: int


class Presence:
    """Remembers the workers from look to look.

    ``wanted`` are the roles that must beat, each with its process.
    """

    def __init__(self, wanted: Mapping[str, str]) -> None:
        self._wanted = dict(wanted)
        self._workers: dict[str, WorkerState] = {}
        # Worker to role.
        self._beating: dict[str, str] = {}

    def look(self, beats: Sequence[Heartbeat], at: datetime) -> None:
        """Take in who beats at ``at``."""
        self._beating = {beat.worker: beat.role for beat in beats}
        for beat in beats:
            self._note_beat(beat, at)
        roles = frozenset(self._beating.values())
        for role, process in self._wanted.items():
            if role in roles:
                self._drop_unnamed(role)
            elif not any(state.role == role for state in self._workers.values()):
                self._workers[role] = WorkerState(process, role)
        for worker, state in list(self._workers.items()):
            if worker not in self._beating:
                state.missing_since, state.back_since = state.missing_since or at, None
                if state.role in roles and at - state.missing_since > FORGOTTEN_AFTER:
                    del self._workers[worker]

    def pause(self) -> None:
        """Forget since when workers have been silent: heartbeats say nothing for now.

        Silence is counted anew from the next look.
        """
        for state in self._workers.values():
            if state.missing_since is not None and state.back_since is None:
                state.missing_since = None

    def silent(self) -> list[Silent]:
        """Return who does not beat, or beats again for less than STEADY after a silence."""
        return [
            Silent(worker, state.process, state.missing_since, self._alone(worker, state.role))
            for worker, state in sorted(self._workers.items())
            if state.missing_since is not None
        ]

    def restarting(self, at: datetime) -> list[Troubled]:
        """Return who was started again MANY_RESTARTS times within RESTARTS_WINDOW."""
        found = {
            worker: _recent(state.restarted, at - RESTARTS_WINDOW)
            for worker, state in self._workers.items()
        }
        return [
            self._troubled(worker, n) for worker, n in sorted(found.items()) if n >= MANY_RESTARTS
        ]

    def killed(self, at: datetime) -> list[Troubled]:
        """Return whom the supervisor killed within KILLS_WINDOW because they hung."""
        found = {
            worker: _recent(state.killed, at - KILLS_WINDOW)
            for worker, state in self._workers.items()
        }
        return [self._troubled(worker, n) for worker, n in sorted(found.items()) if n]

    def _troubled(self, worker: str, times: int) -> Troubled:
        return Troubled(worker, self._workers[worker].process, times)

    def _alone(self, worker: str, role: str) -> bool:
        return all(
            other == worker or role_of_other != role
            for other, role_of_other in self._beating.items()
        )

    def _drop_unnamed(self, role: str) -> None:
        state = self._workers.get(role)
        if state is not None and state.started_at is None:
            del self._workers[role]

    def _note_beat(self, beat: Heartbeat, at: datetime) -> None:
        new = beat.worker not in self._workers or self._workers[beat.worker].started_at is None
        state = self._workers.setdefault(beat.worker, WorkerState(beat.process, beat.role))
        restarts, kills = (_number(beat.gauges.get(name)) for name in ("restarts", "kills"))
        if not new:
            again = state.started_at != beat.started_at
            state.restarted.extend([at] * max(restarts - state.restarts, int(again)))
            state.killed.extend([at] * max(kills - state.kills, 0))
        elif kills and at - beat.started_at < KILLS_WINDOW:
            # Its last start followed a kill that this process did not see.
            state.killed.append(beat.started_at)
        state.started_at, state.restarts, state.kills = beat.started_at, restarts, kills
        self._note_return(state, beat, at)

    def _note_return(self, state: WorkerState, beat: Heartbeat, at: datetime) -> None:
        """Count a silent worker as back only when it stays.

        One that dies again is the same trouble.
        """
        if state.missing_since is None:
            return
        state.back_since = max(state.back_since or at, beat.started_at)
        troubled = _recent(state.restarted, at - RESTARTS_WINDOW) >= MANY_RESTARTS
        if not troubled or at - state.back_since >= STEADY:
            state.missing_since = state.back_since = None


def _recent(moments: Collection[datetime], since: datetime) -> int:
    return sum(moment > since for moment in moments)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 10 else 0
