-- Read the risk book at one moment, by the server's clock.
--
-- KEYS[1] risk:revision          string
-- KEYS[2] risk:exposure          hash    decision id -> JSON Exposure
-- KEYS[3] risk:exposure:expiry   zset    decision id -> ms at which a reservation ends
-- KEYS[4] risk:streak            string
-- KEYS[5] risk:daily_pnl:{day}   hash    pnl_minor, staked_minor, bets
-- KEYS[6] risk:run               string  run, mode and settings whose book it is
-- ARGV[1] longest time a reservation lasts in ms, or empty
--
-- A reservation that ends later than any can was made before this server's clock was set back: it counts as expired.
-- Returns {revision, {id, JSON ...} of what has not expired, {id, ms ...} of the reservations among it, streak, {field, value ...}, run}.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local gone = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do
  gone[id] = true
end
local latest = '+inf'
if ARGV[1] ~= '' then
  latest = now + tonumber(ARGV[1])
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. latest, '+inf')) do
    gone[id] = true
  end
end
local all = redis.call('HGETALL', KEYS[2])
local standing = {}
for i = 1, #all, 2 do
  if not gone[all[i]] then
    table.insert(standing, all[i])
    table.insert(standing, all[i + 1])
  end
end
return {
  tonumber(redis.call('GET', KEYS[1]) or '0'),
  standing,
  redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. now, latest, 'WITHSCORES'),
  redis.call('GET', KEYS[4]) or '0',
  redis.call('HGETALL', KEYS[5]),
  redis.call('GET', KEYS[6]) or '',
}
