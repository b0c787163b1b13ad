-- Write one heartbeat with the server's time.
--
-- KEYS[1] heartbeat:{process}:{worker}  hash  fields of a Heartbeat
-- KEYS[2] heartbeats                    zset  process:worker -> ms of the last beat
-- ARGV[1] process:worker  ARGV[2] TTL in ms  ARGV[3...] field, value, field, value ...
--
-- Returns the server's ms.
-- DEL comes first on purpose: a full Redis lets a script go on that has begun with a write it allows.
-- Heartbeats take no more memory than before, and a live worker must not be shown as lost.
-- That Redis takes no writes, the dashboard finds out by a write of its own.
local time = redis.call('TIME')
local now = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'at_ms', now, unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
return now
