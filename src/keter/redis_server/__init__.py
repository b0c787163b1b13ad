"""Chooses, runs, probes and watches the Redis that Keter works on."""
