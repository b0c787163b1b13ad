"""Yesterday's prices again: capture files, replay, backtest."""
