-- Write a bet that the venue shows into the book, or bring its stake up to date, in the book and on its day.
--
-- KEYS[1] risk:revision          string
-- KEYS[2] risk:exposure          hash    decision id -> JSON Exposure
-- KEYS[3] risk:exposure:expiry   zset    decision id -> ms at which a reservation ends
-- KEYS[4] risk:exposure:booked   hash    decision id -> day|stake
-- KEYS[5] risk:daily_pnl:{day}   hash    pnl_minor, staked_minor, bets
-- ARGV[1] decision id  ARGV[2] JSON Exposure  ARGV[3] stake to be booked on the day, or empty: none is
-- ARGV[4] day  ARGV[5] TTL of the day in ms
--
-- Returns 1 when the book changed, else 0.
local call = redis.call
local changed = call('ZREM', KEYS[3], ARGV[1])
if call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then
  call('HSET', KEYS[2], ARGV[1], ARGV[2])
  changed = 1
end
if ARGV[3] ~= '' then
  local day, stake = string.match(call('HGET', KEYS[4], ARGV[1]) or '', '^(.*)|(%d+)$')
  if not day or (day == ARGV[4] and stake ~= ARGV[3]) then
    call('HSET', KEYS[4], ARGV[1], ARGV[4] .. '|' .. ARGV[3])
    call('HINCRBY', KEYS[5], 'staked_minor', tonumber(ARGV[3]) - tonumber(stake or '0'))
    call('HINCRBY', KEYS[5], 'bets', day and 0 or 1)
    call('PEXPIRE', KEYS[5], ARGV[5])
    changed = 1
  end
end
if changed == 1 then
  call('INCR', KEYS[1])
end
return changed
