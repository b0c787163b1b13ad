-- Set a limit, if its amount is still the one that was read.
--
-- KEYS[1] risk:limits  hash    name of a setting -> amount
-- ARGV[1] name  ARGV[2] amount  ARGV[3] the amount that was read, '' for none
--
-- Returns 1, or 0 when it has another amount.
local stands = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if stands ~= ARGV[3] and (stands == '' or tonumber(stands) ~= tonumber(ARGV[3])) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
