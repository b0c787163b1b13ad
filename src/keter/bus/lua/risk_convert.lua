-- Make a reservation a bet, once: book its stake on a day, count it for the throttle, start its event's cooldown.
--
-- KEYS[1] risk:revision          string
-- KEYS[2] risk:exposure          hash    decision id -> JSON Exposure
-- KEYS[3] risk:exposure:expiry   zset    decision id -> ms at which a reservation ends
-- KEYS[4] risk:exposure:booked   hash    decision id -> day|stake
-- KEYS[5] risk:daily_pnl:{day}   hash    pnl_minor, staked_minor, bets
-- KEYS[6] risk:day               string  newest day
-- KEYS[7] risk:bets              zset    decision id -> ms at which it was last about to be sent, or sent
-- KEYS[8] cooldown:event:{uid}   string  reason|whole cooldown in ms; a longer one under way stays
-- KEYS[9] risk:run               string  run, mode and settings whose book it is
-- ARGV[1] decision id  ARGV[2] stake in minor units  ARGV[3] day  ARGV[4] TTL of the day in ms  ARGV[5] TTL of risk:bets in ms
-- ARGV[6] cooldown of the event in ms, 0 for none  ARGV[7] longest time a reservation lasts in ms, or empty
-- ARGV[8] our run, mode and settings
--
-- Returns 1, or 0 when the reservation has expired, ends later than any can, was never made, or is in another run's book.
local call = redis.call
if (call('GET', KEYS[9]) or '') ~= ARGV[8] or call('HEXISTS', KEYS[2], ARGV[1]) == 0 then
  return 0
end
local ends = call('ZSCORE', KEYS[3], ARGV[1])
if not ends then
  return 1
end
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if tonumber(ends) <= now or (ARGV[7] ~= '' and tonumber(ends) > now + tonumber(ARGV[7])) then
  return 0
end
call('HSET', KEYS[4], ARGV[1], ARGV[3] .. '|' .. ARGV[2])
call('ZREM', KEYS[3], ARGV[1])
call('HINCRBY', KEYS[5], 'staked_minor', ARGV[2])
call('HINCRBY', KEYS[5], 'bets', 1)
call('PEXPIRE', KEYS[5], ARGV[4])
if ARGV[3] > (call('GET', KEYS[6]) or '') then
  call('SET', KEYS[6], ARGV[3])
end
call('ZADD', KEYS[7], now, ARGV[1])
call('ZREMRANGEBYSCORE', KEYS[7], '-inf', now - tonumber(ARGV[5]))
call('PEXPIRE', KEYS[7], ARGV[5])
local left = call('PTTL', KEYS[8])
local whole = tonumber(string.match(call('GET', KEYS[8]) or '', '|(%d+)$') or '0')
if tonumber(ARGV[6]) > math.max(left <= whole and left or 0, 0) then
  call('SET', KEYS[8], 'sending|' .. ARGV[6], 'PX', ARGV[6])
end
call('INCR', KEYS[1])
return 1
