-- Remove a bet from the book and book its result, once.
--
-- KEYS[1] risk:revision          string
-- KEYS[2] risk:exposure          hash    decision id -> JSON Exposure
-- KEYS[3] risk:exposure:expiry   zset    decision id -> ms at which a reservation ends
-- KEYS[4] risk:exposure:booked   hash    decision id -> day|stake
-- KEYS[5] risk:daily_pnl:{day}   hash    pnl_minor, staked_minor, bets
-- KEYS[6] risk:day               string  newest day
-- KEYS[7] risk:streak            string  losses in a row
-- ARGV[1] decision id  ARGV[2] profit in minor units  ARGV[3] 1 when it counts as a loss  ARGV[4] day  ARGV[5] TTL of the day in ms
-- ARGV[6] what a regrade does to the losses in a row, or empty for a first settlement
--
-- Returns 1, or 0 when it is not in the book.
local call = redis.call
if call('HDEL', KEYS[2], ARGV[1]) == 0 then
  return 0
end
call('ZREM', KEYS[3], ARGV[1])
call('HDEL', KEYS[4], ARGV[1])
call('HINCRBY', KEYS[5], 'pnl_minor', ARGV[2])
call('PEXPIRE', KEYS[5], ARGV[5])
if ARGV[6] ~= '' then
  -- Losses before a pause for the streak are in neither number, so the sum may fall below 0.
  local streak = tonumber(call('GET', KEYS[7]) or '0') + tonumber(ARGV[6])
  call('SET', KEYS[7], string.format('%.0f', math.max(streak, 0)))
elseif ARGV[3] == '1' then
  call('INCR', KEYS[7])
elseif tonumber(ARGV[2]) > 0 then
  call('SET', KEYS[7], '0')
end
if ARGV[4] > (call('GET', KEYS[6]) or '') then
  call('SET', KEYS[6], ARGV[4])
end
call('INCR', KEYS[1])
return 1
