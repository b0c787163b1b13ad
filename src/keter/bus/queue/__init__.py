"""The conflating, reliable queues between the processes."""
