-- Replace the whole book by what the ledger knows.
--
-- KEYS[1] risk:revision          string
-- KEYS[2] risk:exposure          hash    decision id -> JSON Exposure
-- KEYS[3] risk:exposure:expiry   zset    decision id -> ms at which a reservation ends
-- KEYS[4] risk:exposure:booked   hash    decision id -> day|stake
-- KEYS[5] lease:{name}           string  token|fence of its owner
-- KEYS[6] risk:day               string  newest day
-- KEYS[7] risk:run               string  run, mode and settings whose book it is
-- then for each account:
--   risk:daily_pnl:{day}:{account}   hash    pnl_minor, staked_minor, bets
--   risk:streak:{account}            string  losses in a row
-- ARGV[1] revision read, or empty for whatever it is  ARGV[2] our token|fence
-- ARGV[3] day  ARGV[4] TTL of the day in ms  ARGV[5] our run, mode and settings  ARGV[6] number of accounts
-- then for each account: pnl_minor, staked_minor, bets, streak
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
call('DEL', KEYS[2], KEYS[3], KEYS[4])
local accounts = tonumber(ARGV[6])
for i = 7 + 4 * accounts, #ARGV, 4 do
  call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  if ARGV[i + 2] ~= '' then
    call('ZADD', KEYS[3], now + tonumber(ARGV[i + 2]), ARGV[i])
  end
  if ARGV[i + 3] ~= '' then
    call('HSET', KEYS[4], ARGV[i], ARGV[i + 3])
  end
end
for i = 0, accounts - 1 do
  local day, figures = KEYS[8 + 2 * i], 7 + 4 * i
  call('DEL', day)
  call('HSET', day, 'pnl_minor', ARGV[figures], 'staked_minor', ARGV[figures + 1], 'bets', ARGV[figures + 2])
  call('PEXPIRE', day, ARGV[4])
  call('SET', KEYS[9 + 2 * i], ARGV[figures + 3])
end
call('SET', KEYS[6], ARGV[3])
call('SET', KEYS[7], ARGV[5])
call('INCR', KEYS[1])
return 1
