-- Makes this Redis (under this prefix) the one of our run, if it is nobody's or our own instance's.
--
-- KEYS[1] run:owner      hash  run_id, instance_id, record
-- KEYS[2] trading:armed  hash  account -> who allowed LIVE; it belongs to a run, so it ends here
-- ARGV[1] run id  ARGV[2] instance id  ARGV[3] JSON OwnerRecord  ARGV[4] life in ms
--
-- Returns nil, or the record of the instance that owns it.
local owner = redis.call('HMGET', KEYS[1], 'instance_id', 'record')
if owner[1] and owner[1] ~= ARGV[2] then
  return owner[2]
end
redis.call('HSET', KEYS[1], 'run_id', ARGV[1], 'instance_id', ARGV[2], 'record', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('DEL', KEYS[2])
return nil
