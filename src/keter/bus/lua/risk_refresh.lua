-- Move the end of a reservation that has not expired.
--
-- KEYS[1] risk:revision          string
-- KEYS[2] risk:exposure          hash    decision id -> JSON Exposure
-- KEYS[3] risk:exposure:expiry   zset    decision id -> ms at which a reservation ends
-- KEYS[4] risk:exposure:booked   hash    unused here
-- ARGV[1] decision id  ARGV[2] TTL in ms from now on  ARGV[3] longest time a reservation lasts in ms, or empty
--
-- Returns 1, or 0 when there is no such reservation (any more).
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ends = redis.call('ZSCORE', KEYS[3], ARGV[1])
if ends and ARGV[3] ~= '' and tonumber(ends) > now + tonumber(ARGV[3]) then
  return 0
end
if not ends or tonumber(ends) <= now or redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then
  return 0
end
redis.call('ZADD', KEYS[3], now + tonumber(ARGV[2]), ARGV[1])
redis.call('INCR', KEYS[1])
return 1
