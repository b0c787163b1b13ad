-- Lets something rest, for the longer of the rest under way and the new one.
--
-- KEYS[1] cooldown:event:... or cooldown:selection:...  string  reason|rest in ms
-- ARGV[1] rest in ms  ARGV[2] reason
--
-- Returns 1, or 0 when a longer rest is under way. More than a whole rest is left only when this server's clock was set back:
-- that counts as none.
local left = redis.call('PTTL', KEYS[1])
local whole = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '|(%d+)$') or '0')
if left >= tonumber(ARGV[1]) and left <= whole then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2] .. '|' .. ARGV[1], 'PX', ARGV[1])
return 1
