-- Start a cooldown; a longer one under way stays.
--
-- KEYS[1] cooldown:event:... or cooldown:selection:...  string  reason|whole cooldown in ms
-- ARGV[1] cooldown in ms  ARGV[2] reason
--
-- Returns 1, or 0 when a longer cooldown is under way. One with more than the whole left does not count: this server's
-- clock was set back.
local left = redis.call('PTTL', KEYS[1])
local whole = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '|(%d+)$') or '0')
if left >= tonumber(ARGV[1]) and left <= whole then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2] .. '|' .. ARGV[1], 'PX', ARGV[1])
return 1
