"""Alerts that leave the machine: what is sent when, in which words, and by which channels."""
