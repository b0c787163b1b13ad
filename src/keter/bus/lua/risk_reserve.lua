-- Put a reservation into the book, if the book is still the one that was read and the caller still holds its lease.
--
-- KEYS[1] risk:revision          string
-- KEYS[2] risk:exposure          hash    decision id -> JSON Exposure
-- KEYS[3] risk:exposure:expiry   zset    decision id -> ms at which a reservation ends
-- KEYS[4] risk:exposure:booked   hash    unused here
-- KEYS[5] lease:{name}           string  token|fence of its owner
-- ARGV[1] decision id  ARGV[2] JSON Exposure  ARGV[3] TTL in ms  ARGV[4] revision read  ARGV[5] our token|fence
-- ARGV[6] longest time a reservation lasts in ms, or empty
--
-- Returns 1 (also when this decision is reserved already), 0 when the book has changed or the lease is lost.
local call = redis.call
if call('GET', KEYS[5]) ~= ARGV[5] then
  return 0
end
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ends = call('ZSCORE', KEYS[3], ARGV[1])
local latest = ARGV[6] ~= '' and now + tonumber(ARGV[6]) or math.huge
if call('HEXISTS', KEYS[2], ARGV[1]) == 1 and (not ends or (tonumber(ends) > now and tonumber(ends) <= latest)) then
  return 1
end
if tonumber(call('GET', KEYS[1]) or '0') ~= tonumber(ARGV[4]) or tonumber(ARGV[3]) <= 0 then
  return 0
end
call('HSET', KEYS[2], ARGV[1], ARGV[2])
call('ZADD', KEYS[3], now + tonumber(ARGV[3]), ARGV[1])
call('INCR', KEYS[1])
local function sweep(from, to)
  for _, id in ipairs(call('ZRANGEBYSCORE', KEYS[3], from, to)) do
    call('HDEL', KEYS[2], id)
    call('ZREM', KEYS[3], id)
  end
end
sweep('-inf', now)
if ARGV[6] ~= '' then
  sweep('(' .. latest, '+inf')
end
return 1
