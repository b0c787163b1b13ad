"""Capture files, their replay, backtests on past seasons, and the analysis of bets."""
