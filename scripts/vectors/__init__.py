"""Runs betting-mathematics vectors through Keter's public functions.

``scripts/check-vectors`` is the command.
"""
