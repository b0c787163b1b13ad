"""Calls for help that leave the machine: what is told when (pure), in which words (pure), and the
channels that carry it.
"""
