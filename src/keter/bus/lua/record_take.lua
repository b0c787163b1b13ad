-- Return the next batch of the recorder, or the one that was taken and never finished.
--
-- KEYS[1] audit or capture        list    entries, oldest first
-- KEYS[2] ...:taken               list    the batch being written
-- KEYS[3] ...:batch               string  id of the one who has the batch
-- ARGV[1] id of this taking  ARGV[2] most entries
--
-- Returns the entries.
if redis.call('LLEN', KEYS[2]) == 0 then
  local entries = redis.call('LRANGE', KEYS[1], 0, tonumber(ARGV[2]) - 1)
  if #entries == 0 then
    return {}
  end
  for from = 1, #entries, 1000 do
    redis.call('RPUSH', KEYS[2], unpack(entries, from, math.min(from + 999, #entries)))
  end
  redis.call('LTRIM', KEYS[1], #entries, -1)
end
redis.call('SET', KEYS[3], ARGV[1])
return redis.call('LRANGE', KEYS[2], 0, -1)
