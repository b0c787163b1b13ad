"""Keter: automated value betting with strict risk control."""

__version__ = "0.1.0"
