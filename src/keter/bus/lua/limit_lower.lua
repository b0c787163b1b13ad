-- Lower a limit to an amount, unless it is at or below it.
--
-- KEYS[1] risk:limits  hash    name of a setting -> amount
-- ARGV[1] name  ARGV[2] amount
--
-- Returns 1, or 0 when it was as low.
local stands = redis.call('HGET', KEYS[1], ARGV[1])
if stands and (tonumber(stands) or math.huge) <= tonumber(ARGV[2]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
