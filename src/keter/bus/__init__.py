"""Everything Keter keeps in Redis: queues, locks, heartbeats, trading state, hot odds.

The only package that talks to Redis.
"""
