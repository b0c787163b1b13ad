"""Redis for everybody: which server to use (``_plan``), one of our own (``_private``), what a
server is like (``_probe``).
"""

from keter.redis_server.choosing import RedisKind, RedisPlan, configured_url, plan_redis
from keter.redis_server.private import PrivateRedis, locate_redis, running_url
from keter.redis_server.probe import ServerFacts, probe, refuse_for_live, server_life

__all__ = [
    "PrivateRedis",
    "RedisKind",
    "RedisPlan",
    "ServerFacts",
    "configured_url",
    "locate_redis",
    "plan_redis",
    "probe",
    "refuse_for_live",
    "running_url",
    "server_life",
]
