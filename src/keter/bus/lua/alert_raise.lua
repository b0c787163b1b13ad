-- Raise an alert, or refresh an active one: its start and its acknowledgement are kept.
--
-- KEYS[1] alert:{id}  hash  alert (JSON), since_ms, actor and acknowledged_ms once somebody has seen it
-- KEYS[2] alerts      zset  id -> ms since when it is active
-- ARGV[1] id  ARGV[2] TTL in ms  ARGV[3] alert as JSON  ARGV[4] since when, in ms
--
-- Returns 1 when the alert is new, else 0.
redis.call('HSET', KEYS[1], 'alert', ARGV[3])
local new = redis.call('HSETNX', KEYS[1], 'since_ms', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], redis.call('HGET', KEYS[1], 'since_ms'), ARGV[1])
return new
