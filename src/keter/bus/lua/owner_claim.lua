-- Make our run the owner of this Redis (under this prefix), if nobody or our own instance owns it.
--
-- KEYS[1] run:owner      hash  run_id, instance_id, record
-- KEYS[2] trading:armed  hash  account -> who allowed LIVE; it belongs to a run, so it ends here
-- ARGV[1] run id  ARGV[2] instance id  ARGV[3] JSON OwnerRecord  ARGV[4] TTL in ms
--
-- Returns nil, or the record of the instance that owns it.
local owner = redis.call('HMGET', KEYS[1], 'instance_id', 'record')
if owner[1] and owner[1] ~= ARGV[2] then
  -- More than the TTL is left: this server's clock was set back. A live owner renews it, a dead one's expires.
  if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[4]) then
    redis.call('PEXPIRE', KEYS[1], ARGV[4])
  end
  return owner[2]
end
redis.call('HSET', KEYS[1], 'run_id', ARGV[1], 'instance_id', ARGV[2], 'record', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('DEL', KEYS[2])
return nil
