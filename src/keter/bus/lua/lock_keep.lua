-- Renew or release a lock, if it is still ours.
--
-- KEYS[1] the lock   string  token|fence
-- KEYS[2] run:owner  hash    run_id and more of who owns this Redis
-- ARGV[1] token|fence  ARGV[2] new TTL in ms; 0 releases it  ARGV[3] our run id, or empty
--
-- Returns 1, or 0 when it is not ours any more, or this Redis has become another run's. A lock is kept while
-- the record is missing (Redis lost it, or the supervisor hangs): nobody else gets a lock then either.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
if ARGV[2] == '0' then
  return redis.call('DEL', KEYS[1])
end
local owner = redis.call('HGET', KEYS[2], 'run_id')
if owner and owner ~= ARGV[3] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
