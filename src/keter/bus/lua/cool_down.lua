-- Lets something rest, for the longer of the rest under way and the new one.
--
-- KEYS[1] cooldown:event:... or cooldown:selection:...  string  reason
-- ARGV[1] rest in ms  ARGV[2] reason
--
-- Returns 1, or 0 when a longer rest is under way.
if redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
return 1
