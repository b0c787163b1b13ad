-- Replace the whole book by what the ledger knows.
--
-- KEYS[1] risk:revision          string
-- KEYS[2] risk:exposure          hash    decision id -> JSON Exposure
-- KEYS[3] risk:exposure:expiry   zset    decision id -> ms at which a reservation ends
-- KEYS[4] risk:exposure:booked   hash    decision id -> day|stake
-- KEYS[5] lease:{name}           string  token|fence of its owner
-- KEYS[6] risk:daily_pnl:{day}   hash    pnl_minor, staked_minor, bets
-- KEYS[7] risk:day               string  newest day
-- KEYS[8] risk:streak            string  losses in a row
-- KEYS[9] risk:run               string  run, mode and settings whose book it is
-- ARGV[1] revision read, or empty for whatever it is  ARGV[2] our token|fence
-- ARGV[3] day  ARGV[4] pnl_minor  ARGV[5] staked_minor  ARGV[6] bets  ARGV[7] streak  ARGV[8] TTL of the day in ms
-- ARGV[9] our run, mode and settings
-- then for each exposure: decision id, JSON Exposure, TTL in ms (empty for a bet), day|stake of a bet (empty: not booked)
--
-- Returns 1, or 0 when the book has changed or the lease is lost.
local call = redis.call
if call('GET', KEYS[5]) ~= ARGV[2] then
  return 0
end
if ARGV[1] ~= '' and tonumber(call('GET', KEYS[1]) or '0') ~= tonumber(ARGV[1]) then
  return 0
end
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[6])
for i = 10, #ARGV, 4 do
  call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  if ARGV[i + 2] ~= '' then
    call('ZADD', KEYS[3], now + tonumber(ARGV[i + 2]), ARGV[i])
  end
  if ARGV[i + 3] ~= '' then
    call('HSET', KEYS[4], ARGV[i], ARGV[i + 3])
  end
end
call('HSET', KEYS[6], 'pnl_minor', ARGV[4], 'staked_minor', ARGV[5], 'bets', ARGV[6])
call('PEXPIRE', KEYS[6], ARGV[8])
call('SET', KEYS[7], ARGV[3])
call('SET', KEYS[8], ARGV[7])
call('SET', KEYS[9], ARGV[9])
call('INCR', KEYS[1])
return 1
