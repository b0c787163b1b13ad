"""Carries out each decision once, and finds out what became of it."""
