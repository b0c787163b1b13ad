"""What things are: odds, markets, signals, bets, money, settlement.

Frozen types, pure functions, no I/O, no clock.
"""
