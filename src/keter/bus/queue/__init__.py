"""Conflating, reliable queues between the processes.

``pipe`` moves items, ``reaper`` returns those of dead workers.
"""

from keter.bus.queue.pipe import (
    MOST_CLAIMED,
    OF_ACCOUNT,
    Item,
    Output,
    Pipe,
    QueueName,
    approved_for,
    cancels_for,
    queue_for,
    queues_of,
)
from keter.bus.queue.reaper import DeadLetter, QueueFacts, Reaper, depths, read_dead

__all__ = [
    "MOST_CLAIMED",
    "OF_ACCOUNT",
    "DeadLetter",
    "Item",
    "Output",
    "Pipe",
    "QueueFacts",
    "QueueName",
    "Reaper",
    "approved_for",
    "cancels_for",
    "depths",
    "queue_for",
    "queues_of",
    "read_dead",
]
