"""The operator's console: an aiohttp application over bus and ledger, its API and its static pages.

It is not in the money path: trading goes on when it dies, and what it shows it only reads.
"""
