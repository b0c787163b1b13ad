-- Takes a lock and gives out a fencing number; whoever holds it already gets the same number again.
--
-- KEYS[1] the lock   string  token|fence
-- KEYS[2] fence      string  the last number given out
-- ARGV[1] token  ARGV[2] life in ms
--
-- Returns the fencing number as text, or nil when another owner holds the lock.
-- Numbers are microseconds of the server's clock, pushed up so that they always grow: they keep growing after a loss of data.
local held = redis.call('GET', KEYS[1])
if held then
  local token, number = string.match(held, '^(.*)|(%d+)$')
  if token == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return number
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
