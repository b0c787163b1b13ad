"""Heartbeats: what every process reports of itself with each beat, dated by the server's clock.

The hash of a heartbeat holds:

* plain fields: process, worker, role, account, pid, version, run_id, mode, fingerprint, machine,
  started_ms, at_ms, ttl_ms, last_error, error_ms
* ``c:name``: counters since the start
* ``g:name``: gauges
* ``h:name:le``: cumulative latency buckets, ``le`` in seconds, ``inf`` for all observations
* ``h:name:sum``: the sum of the latencies in seconds
"""

import os
from bisect import bisect_left
from datetime import datetime
from itertools import accumulate
from math import inf

import msgspec

from keter import __version__
from keter.bus.connection import Arg, Bus, forget_members
from keter.clock import Clock, SystemClock, from_ms, to_ms
from keter.domain.runs import Run
from keter.plain import plain
from keter.redaction import Redactor

BEATS_PER_TTL = 3
# A beat further in the future was made before the server's clock was set back.
FUTURE_MS = 5_000
LONGEST_ERROR = 500
# Upper bounds of the latency buckets in seconds.
BUCKETS_S = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, inf,
)  # fmt: skip


class Histogram(msgspec.Struct, frozen=True):
    """Latencies of one kind.

    ``buckets`` are (upper bound in seconds, observations up to it), the last bound infinite.
    """

    buckets: tuple[tuple[float, int], ...]
    sum_s: float

    @property
    def count(self) -> int:
        return self.buckets[-1][1] if self.buckets else 0


class Heartbeat(msgspec.Struct, frozen=True):
    """The heartbeat of one process, ``age_s`` ago. ``fields`` are all of its hash, as text."""

    process: str
    worker: str
    pid: int
    version: str
    started_at: datetime
    at: datetime
    age_s: float
    fields: dict[str, str]
    last_error: str | None = None
    error_at: datetime | None = None

    @property
    def role(self) -> str:
        """What all workers are called that do the same work: ``router``, or ``router-alice``.

        A beat that does not say it has the name of its process.
        """
        return self.fields.get("role", self.process)

    @property
    def account(self) -> str:
        """The key of the account that it works for; empty if it works for all."""
        return self.fields.get("account", "")

    @property
    def machine(self) -> str:
        """The host that it runs on; empty if it is not reported."""
        return self.fields.get("machine", "")

    @property
    def counters(self) -> dict[str, int]:
        return {
            name[2:]: int(value) for name, value in self.fields.items() if name.startswith("c:")
        }

    @property
    def gauges(self) -> dict[str, str]:
        return {name[2:]: value for name, value in self.fields.items() if name.startswith("g:")}

    @property
    def histograms(self) -> dict[str, Histogram]:
        parts = [
            (*name[2:].rpartition(":")[::2], value)
            for name, value in self.fields.items()
            if name.startswith("h:")
        ]
        names = {name for name, _, _ in parts}
        return {
            name: _histogram({bound: value for of, bound, value in parts if of == name})
            for name in sorted(names)
        }


class Heart:
    """The counters, gauges and latencies of one process.

    ``role`` is what it does, where that is not all that its process is for; ``account`` the key of
    the account that it works for. Everything but ``beat`` changes memory only and cannot fail.
    """

    def __init__(
        self,
        bus: Bus,
        *,
        process: str,
        worker: str,
        role: str = "",
        account: str = "",
        heartbeat_s: float = 1.0,
        clock: Clock | None = None,
        redactor: Redactor | None = None,
        version: str = __version__,
    ) -> None:
        self._bus = bus
        self._clock = clock or SystemClock()
        self._redactor = redactor or Redactor()
        self._ttl_ms = round(heartbeat_s * BEATS_PER_TTL * 1000)
        self._process, self._worker = process, worker
        self._fixed: dict[str, Arg] = {
            "process": process,
            "worker": worker,
            "role": role or process,
            "account": account,
            "pid": os.getpid(),
            "version": version,
            "started_ms": to_ms(self._clock.now()),
            "ttl_ms": self._ttl_ms,
        }
        self._counters: dict[str, int] = {}
        self._gauges: dict[str, float | int | str] = {}
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def belongs_to(self, run: Run) -> None:
        """Report the run of this process with each beat."""
        self._fixed |= {
            "run_id": run.run_id,
            "mode": run.mode.value,
            "fingerprint": run.fingerprint,
            "machine": run.machine,
        }

    def count(self, name: str, n: int = 1) -> None:
        """Add to a counter."""
        self._counters[name] = self._counters.get(name, 0) + n

    def gauge(self, name: str, value: float | int | str) -> None:
        """Set a gauge."""
        self._gauges[name] = value

    def observe(self, name: str, seconds: float) -> None:
        """Add one latency."""
        buckets = self._buckets.setdefault(name, [0] * len(BUCKETS_S))
        buckets[bisect_left(BUCKETS_S, seconds)] += 1
        self._sums[name] = self._sums.get(name, 0.0) + seconds

    def error(self, text: str) -> None:
        """Keep the last error for the next beats, without secrets, in one line."""
        line = " ".join(plain(self._redactor.text(text)).split())
        self._fixed |= {"last_error": line[:LONGEST_ERROR], "error_ms": to_ms(self._clock.now())}

    async def beat(self) -> None:
        """Write everything; it expires after BEATS_PER_TTL beats. Raises the errors of the bus."""
        fields = dict(self._fixed)
        fields |= {f"c:{name}": n for name, n in self._counters.items()}
        fields |= {f"g:{name}": value for name, value in self._gauges.items()}
        for name, buckets in self._buckets.items():
            fields |= {
                f"h:{name}:{bound:g}": n
                for bound, n in zip(BUCKETS_S, accumulate(buckets), strict=True)
            }
            fields[f"h:{name}:sum"] = self._sums[name]
        args: list[Arg] = [f"{self._process}:{self._worker}", self._ttl_ms]
        for field, value in fields.items():
            args += (field, value)
        await self._bus.redis.run(
            "beat",
            [self._bus.keys.heartbeat(self._process, self._worker), self._bus.keys.heartbeats],
            args,
        )


async def read_heartbeats(bus: Bus) -> list[Heartbeat]:
    """Return the heartbeats that have not expired, ordered by process and worker.

    A worker's name includes its machine where there is more than one machine. A beat from the
    future is left out: a live process has made another within a second.
    """
    hashes = await _read_hashes(bus)
    now_ms = await bus.now_ms()
    beats = [
        _heartbeat(fields, now_ms)
        for fields in hashes
        if int(fields["at_ms"]) <= now_ms + FUTURE_MS
    ]
    return _without_machine(beats)


async def _read_hashes(bus: Bus) -> list[dict[str, str]]:
    """Return the hash of every process in the index; an expired one leaves the index."""
    members = await bus.redis.execute_command("ZRANGE", bus.keys.heartbeats, 0, -1)
    names = sorted(name.decode() for name in members)
    if not names:
        return []
    async with bus.redis.batch() as batch:
        for name in names:
            process, _, worker = name.partition(":")
            batch.hgetall(bus.keys.heartbeat(process, worker))
        found = await batch.execute()
    gone = [name for name, fields in zip(names, found, strict=True) if not fields]
    if gone:
        await forget_members(bus, bus.keys.heartbeats, gone)
    return [
        {name.decode(): value.decode() for name, value in fields.items()}
        for fields in found
        if fields
    ]


def _without_machine(beats: list[Heartbeat]) -> list[Heartbeat]:
    """Remove the machine from workers' names (``router@host``) if there is only one machine."""
    if len({beat.machine for beat in beats}) > 1:
        return beats
    return [
        msgspec.structs.replace(beat, worker=beat.worker.removesuffix(f"@{beat.machine}"))
        for beat in beats
    ]


def _heartbeat(fields: dict[str, str], now_ms: int) -> Heartbeat:
    at_ms = int(fields["at_ms"])
    error_ms = fields.get("error_ms")
    return Heartbeat(
        process=fields["process"],
        worker=fields["worker"],
        pid=int(fields["pid"]),
        version=fields["version"],
        started_at=from_ms(int(fields["started_ms"])),
        at=from_ms(at_ms),
        age_s=max(now_ms - at_ms, 0) / 1000,
        fields=fields,
        last_error=fields.get("last_error"),
        error_at=from_ms(int(error_ms)) if error_ms is not None else None,
    )


def _histogram(parts: dict[str, str]) -> Histogram:
    sum_s = float(parts.pop("sum", "0"))
    return Histogram(
        tuple(sorted((float(bound), int(count)) for bound, count in parts.items())), sum_s
    )
