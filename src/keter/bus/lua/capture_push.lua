-- Add one raw answer for the recorder if there is room: nobody may be recording.
--
-- KEYS[1] capture        list    packed answers, oldest first
-- KEYS[2] capture:taken  list    the batch being written
-- KEYS[3] capture:bytes  string  bytes in both
-- ARGV[1] most answers  ARGV[2] most bytes  ARGV[3] packed answer
--
-- Returns 1, or 0 when there is no room.
local waiting = redis.call('LLEN', KEYS[1])
local taken = redis.call('LLEN', KEYS[2])
local bytes = (waiting + taken > 0) and tonumber(redis.call('GET', KEYS[3]) or '0') or 0
if waiting >= tonumber(ARGV[1]) or bytes + #ARGV[3] > tonumber(ARGV[2]) then
  return 0
end
redis.call('RPUSH', KEYS[1], ARGV[3])
redis.call('SET', KEYS[3], string.format('%.0f', bytes + #ARGV[3]))
return 1
