-- Acquire a lock with a fencing number, for the run that owns this Redis. Its present owner gets the same number again.
--
-- KEYS[1] the lock   string  token|fence
-- KEYS[2] fence      string  the last number given out
-- KEYS[3] run:owner  hash     run_id and more of who owns this Redis
-- ARGV[1] token  ARGV[2] TTL in ms  ARGV[3] our run id; empty: none, which gets locks only where nobody owns this Redis
--
-- Returns the fencing number as text, nil when another owner holds the lock, or '' when this Redis is not our run's.
-- Numbers are microseconds of the server's clock, or the last number + 1: so they grow even after a loss of data.
if (redis.call('HGET', KEYS[3], 'run_id') or '') ~= ARGV[3] then
  return ''
end
local held = redis.call('GET', KEYS[1])
if held then
  local token, number = string.match(held, '^(.*)|(%d+)$')
  if token == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return number
  end
  -- More than the TTL is left: this server's clock was set back. A live owner renews it, a dead one's expires.
  if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[2]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
  return false
end
local time = redis.call('TIME')
local number = tonumber(time[1]) * 1000000 + tonumber(time[2])
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local fence = string.format('%.0f', math.max(number, last + 1))
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. fence, 'PX', ARGV[2])
redis.call('SET', KEYS[2], fence)
return fence
