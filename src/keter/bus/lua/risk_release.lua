-- Remove a reservation or a refused bet from the book, and a booked stake from its day.
--
-- KEYS[1] risk:revision          string
-- KEYS[2] risk:exposure          hash    decision id -> JSON Exposure
-- KEYS[3] risk:exposure:expiry   zset    decision id -> ms at which a reservation ends
-- KEYS[4] risk:exposure:booked   hash    decision id -> day|stake
-- KEYS[5] risk:daily_pnl:{day}   hash    pnl_minor, staked_minor, bets; of the day under ARGV[2]
-- ARGV[1] decision id  ARGV[2] day on which its stake was found to be booked
--
-- Returns 1, or 0 when it was not in the book, or -1 when it has been booked on another day since: then nothing is changed.
local call = redis.call
local day, stake = string.match(call('HGET', KEYS[4], ARGV[1]) or '', '^(.*)|(%d+)$')
if day and day ~= ARGV[2] and call('HEXISTS', KEYS[2], ARGV[1]) == 1 then
  return -1
end
if call('HDEL', KEYS[2], ARGV[1]) == 0 then
  return 0
end
call('ZREM', KEYS[3], ARGV[1])
if day then
  call('HINCRBY', KEYS[5], 'staked_minor', -tonumber(stake))
  call('HINCRBY', KEYS[5], 'bets', -1)
end
call('HDEL', KEYS[4], ARGV[1])
call('INCR', KEYS[1])
return 1
