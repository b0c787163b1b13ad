-- Keep our run the owner, also where the record was lost with Redis' data; or give the ownership up.
--
-- KEYS[1] run:owner  hash  run_id, instance_id, record
-- ARGV[1] run id  ARGV[2] instance id  ARGV[3] JSON OwnerRecord  ARGV[4] TTL in ms; 0 gives it up
--
-- Returns 1, or 0 when another run is the owner.
local owner = redis.call('HMGET', KEYS[1], 'run_id', 'record')
if owner[1] and owner[1] ~= ARGV[1] then
  return 0
end
if ARGV[4] == '0' then
  redis.call('DEL', KEYS[1])
  return 1
end
if owner[2] ~= ARGV[3] then
  redis.call('HSET', KEYS[1], 'run_id', ARGV[1], 'instance_id', ARGV[2], 'record', ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
