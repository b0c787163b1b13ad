-- Remove a session, if it is still the one that failed.
--
-- KEYS[1] ao:session:{account}  hash  token and further fields
-- ARGV[1] token that failed
--
-- Returns 1, or 0 when another session is there.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
