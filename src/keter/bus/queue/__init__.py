"""Conflating, reliable queues between the processes.

``pipe`` moves items, ``reaper`` returns those of dead workers.
"""

from keter.bus.queue.pipe import (
    MOST_CLAIMED,
    Item,
    Output,
    Pipe,
    QueueName,
    approved_for,
    queues_of,
)
from keter.bus.queue.reaper import DeadLetter, QueueFacts, Reaper, depths, read_dead

__all__ = [
    "MOST_CLAIMED",
    "DeadLetter",
    "Item",
    "Output",
    "Pipe",
    "QueueFacts",
    "QueueName",
    "Reaper",
    "approved_for",
    "depths",
    "queues_of",
    "read_dead",
]
