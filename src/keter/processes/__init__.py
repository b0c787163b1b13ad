"""Runs one process each: take from the bus, decide, pass on."""
