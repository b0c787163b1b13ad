"""The conflating, reliable queues between the workers: what they are (``_pipe``) and how they are
looked after (``_care``).
"""

from keter.bus.queue.pipe import MOST_CLAIMED, Item, Output, Pipe, QueueName
from keter.bus.queue.reaper import DeadLetter, QueueFacts, Reaper, clear_dead, depths, read_dead

__all__ = [
    "MOST_CLAIMED",
    "DeadLetter",
    "Item",
    "Output",
    "Pipe",
    "QueueFacts",
    "QueueName",
    "Reaper",
    "clear_dead",
    "depths",
    "read_dead",
]
