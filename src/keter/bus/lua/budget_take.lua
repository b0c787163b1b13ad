-- Take queries from an account's budget if that many are left: a bucket that fills steadily up to its size.
--
-- KEYS[1] budget:{account}  hash  left, at_ms
-- ARGV[1] now in ms, by the caller's clock   ARGV[2] what is wanted (0 only looks)
-- ARGV[3] size of the bucket, which is what comes in a minute
--
-- Returns {1 when taken, what is left now, as a string}.
local size = tonumber(ARGV[3])
local now = tonumber(ARGV[1])
local found = redis.call('HMGET', KEYS[1], 'left', 'at_ms')
local left = tonumber(found[1]) or size
local at = tonumber(found[2]) or now
if now > at then
  left = math.min(size, left + (now - at) * size / 60000)
  at = now
elseif at - now > 60000 then  -- the clock was set back: count from now, and add nothing
  at = now
end
local taken = 0
local wanted = tonumber(ARGV[2])
if left >= wanted then
  left = left - wanted
  taken = 1
end
redis.call('HSET', KEYS[1], 'left', tostring(left), 'at_ms', string.format('%.0f', at))
redis.call('PEXPIRE', KEYS[1], 120000)
return {taken, tostring(left)}
