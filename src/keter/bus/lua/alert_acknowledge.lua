-- Note who has acknowledged an alert, once.
--
-- KEYS[1] alert:{id}  hash  alert (JSON), since_ms, actor, acknowledged_ms
-- ARGV[1] who  ARGV[2] when, in ms
--
-- Returns 1, or 0 when the alert is not active.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
if redis.call('HSETNX', KEYS[1], 'actor', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'acknowledged_ms', ARGV[2])
end
return 1
