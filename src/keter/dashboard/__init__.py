"""The operator's console: an aiohttp application over bus and ledger, its API and its pages.

It is not in the money path: trading goes on when it dies. It reads, and passes on operators'
commands.
"""
