-- Take the right to one call, if the interval since the last one has passed on the server's clock.
--
-- KEYS[1] throttle:{account}:{name}  string  exists until the next call is free
-- ARGV[1] interval in ms
--
-- Returns 0, or the ms to wait.
-- More than an interval is left only when this server's clock was set back: it counts as nothing left.
local left = redis.call('PTTL', KEYS[1])
if left > 0 and left <= tonumber(ARGV[1]) then
  return left
end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
return 0
