"""What comes of queue items, and what of it is not in Redis yet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from structlog.contextvars import bound_contextvars

from keter.bus.queue import Item, Output, Pipe
from keter.domain.quotes import MarketUpdate


@dataclass(frozen=True, slots=True)
class Handled:
    """What came of one item.

    ``outputs`` go to the next queue, ``counts`` to the day's statistics, ``audit`` to the recorder
    (encoded decisions).
    """

    outputs: Sequence[Output] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    audit: Sequence[bytes] = ()


def together(parts: Sequence[Handled]) -> Handled:
    """Return one result out of several, in their order."""
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    outputs = [output for part in parts for output in part.outputs]
    return Handled(outputs, counts, [entry for part in parts for entry in part.audit])


def traced(update: MarketUpdate, selection_id: str | None = None) -> AbstractContextManager[None]:
    """Return a context in which each log line names account, trace, event and selection."""
    names = {
        "account": update.account,
        "trace_id": update.trace_id,
        "event_uid": update.event.event_uid,
        "selection_id": selection_id,
    }
    return bound_contextvars(**{name: value for name, value in names.items() if value is not None})


class Turn:
    """Collect the results of the items that are done, for one script call."""

    def __init__(self) -> None:
        self.done = 0
        self.outputs: list[Output] = []
        self.counts: Counter[str] = Counter()
        self.audit: list[bytes] = []

    def add(self, handled: Handled, *, done: int) -> None:
        """Add a result; ``done`` is the number of items that it is of."""
        self.done += done
        self.outputs.extend(handled.outputs)
        self.counts.update(handled.counts)
        self.audit.extend(handled.audit)

    async def write(self, pipe: Pipe, claim: int) -> list[Item]:
        """Write the results, acknowledge the items and return at most ``claim`` new ones.

        Raises BusRefusedError if Redis is full: nothing has happened then, and the same turn may be
        written again.
        """
        return await pipe.step(
            done=self.done, outputs=self.outputs, claim=claim, counts=self.counts, audit=self.audit
        )
