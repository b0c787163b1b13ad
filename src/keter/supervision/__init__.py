"""Starts, watches and stops Keter's processes."""
