-- Register one incarnation of a worker on a queue.
--
-- KEYS[1] pipe:{queue}:lease:{inc}  string
-- KEYS[2] queue:{queue}:workers     zset  incarnation -> ms when it opened
-- KEYS[3] queue:{queue}:tombs       zset  incarnation -> ms until which it is looked after
-- ARGV[1] incarnation  ARGV[2] lease in ms
--
-- Returns 1. Error LEASELOST when the incarnation was reaped already: this call comes too late.
if redis.call('ZSCORE', KEYS[3], ARGV[1]) then
  return redis.error_reply('LEASELOST this incarnation was handed back')
end
local time = redis.call('TIME')
redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000)), ARGV[1])
return 1
