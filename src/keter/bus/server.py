"""Redis for everybody: which server to use (``_plan``), one of our own (``_private``), what a server is like (``_probe``)."""

from keter.bus._plan import RedisKind, RedisPlan, plan_redis
from keter.bus._private import PrivateRedis, locate_redis
from keter.bus._probe import ServerFacts, probe, refuse_for_live, server_life

__all__ = [
    "PrivateRedis",
    "RedisKind",
    "RedisPlan",
    "ServerFacts",
    "locate_redis",
    "plan_redis",
    "probe",
    "refuse_for_live",
    "server_life",
]
