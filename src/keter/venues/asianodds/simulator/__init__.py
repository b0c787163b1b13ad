"""A bookmaker on localhost that speaks the AsianOdds88 protocol: for DRY runs without an account,
and for tests.
"""
