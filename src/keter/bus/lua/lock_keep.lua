-- Renews or releases a lock, if it is still ours.
--
-- KEYS[1] the lock  string  token|fence
-- ARGV[1] token|fence  ARGV[2] new life in ms; 0 releases it
--
-- Returns 1, or 0 when it is not ours any more.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '0' then
  return redis.call('DEL', KEYS[1])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
