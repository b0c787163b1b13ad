-- Set the losing streak to zero, if the book is still the one that was read and the caller still holds its lease.
--
-- KEYS[1] risk:revision  string
-- KEYS[2] lease:{name}   string  token|fence of its owner
-- KEYS[3] risk:streak    string  losses in a row
-- ARGV[1] revision read  ARGV[2] our token|fence
--
-- Returns 1, or 0 when the book has changed or the lease is lost.
local call = redis.call
if call('GET', KEYS[2]) ~= ARGV[2] or tonumber(call('GET', KEYS[1]) or '0') ~= tonumber(ARGV[1]) then
  return 0
end
call('SET', KEYS[3], '0')
call('INCR', KEYS[1])
return 1
