-- Write the latest prices of several selections: one call costs the client far less than as many SETs.
--
-- KEYS[1] and on: odds:latest:{event}:{selection}  string  JSON LatestOdds
-- ARGV[1] and on, for each key: payload, TTL in ms
--
-- Returns how many were written.
for i, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[2 * i - 1], 'PX', ARGV[2 * i])
end
return #KEYS
