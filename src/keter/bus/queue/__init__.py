"""Conflating, reliable queues between the processes.

``pipe`` moves items, ``reaper`` returns those of dead workers.
"""

from keter.bus.queue.pipe import MOST_CLAIMED, Item, Output, Pipe, QueueName
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
    "depths",
    "read_dead",
]
