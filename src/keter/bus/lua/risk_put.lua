-- Puts a bet that stands at the venue into the book as it is, or brings its stake up to date. Books nothing on a day.
--
-- KEYS[1] risk:revision          string
-- KEYS[2] risk:exposure          hash    decision id -> JSON Exposure
-- KEYS[3] risk:exposure:expiry   zset    decision id -> ms at which a reservation ends
-- ARGV[1] decision id  ARGV[2] JSON Exposure
--
-- Returns 1 when the book changed, else 0.
local call = redis.call
local was_reserved = call('ZREM', KEYS[3], ARGV[1])
if was_reserved == 0 and call('HGET', KEYS[2], ARGV[1]) == ARGV[2] then
  return 0
end
call('HSET', KEYS[2], ARGV[1], ARGV[2])
call('INCR', KEYS[1])
return 1
