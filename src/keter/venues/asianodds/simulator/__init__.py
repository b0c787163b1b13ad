"""A bookmaker on localhost that speaks the AsianOdds88 protocol.

It serves DRY runs without an account, and tests.
"""
