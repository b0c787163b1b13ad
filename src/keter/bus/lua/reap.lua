-- Return the items that one incarnation has claimed: in order, to the head of the queue, never over a newer payload.
--
-- KEYS[1] pipe:{queue}:lease:{inc}  string
-- KEYS[2] processing:{queue}:{inc}  list  key, payload, key, payload ...
-- KEYS[3] queue:{queue}             list  stamp|key
-- KEYS[4] queue:{queue}:payload     hash  key -> newest payload
-- KEYS[5] queue:{queue}:inflight    set   keys in flight
-- KEYS[6] queue:{queue}:bell        list
-- KEYS[7] queue:{queue}:strikes     hash  key -> count
-- KEYS[8] dead:{queue}              list  dead letters
-- KEYS[9] queue:{queue}:workers     zset  incarnation -> ms
-- KEYS[10] queue:{queue}:tombs      zset  incarnation -> ms
-- ARGV[1] incarnation  ARGV[2] 1: even if its lease is live (its own owner returns them)
-- ARGV[3] strikes after which an item is dead; 0: this is no strike  ARGV[4] cap of dead letters  ARGV[5] ms for which late claims are returned, too
--
-- Returns {items put back, items dead}; {-1, 0} while the lease is live.
local call = redis.call
local lease, processing, list, payloads, inflight, bell, strikes, dead, workers, tombs = unpack(KEYS)
if ARGV[2] ~= '1' and call('EXISTS', lease) == 1 then
  return { -1, 0 }
end
call('LLEN', list)
call('HLEN', payloads)
call('SCARD', inflight)
call('HLEN', strikes)
call('LLEN', dead)
call('LLEN', bell)
call('ZCARD', workers)
call('ZCARD', tombs)
local items = call('LRANGE', processing, 0, -1)

local time = call('TIME')
local now = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
local limit = tonumber(ARGV[3])
local back, lost = 0, 0
call('DEL', lease)
for i = #items - 1, 1, -2 do
  local key, payload = items[i], items[i + 1]
  local count = limit > 0 and call('HINCRBY', strikes, key, 1) or 0
  if limit > 0 and count >= limit then
    local reason = string.format('its worker died or lost its lease %d times', count)
    call('RPUSH', dead, table.concat({ now, ARGV[1], reason, key, payload }, '\n'))
    call('HDEL', strikes, key)
    lost = lost + 1
    if call('HEXISTS', payloads, key) == 1 then
      call('LPUSH', list, now .. '|' .. key)
    end
  else
    call('HSETNX', payloads, key, payload)
    call('LPUSH', list, now .. '|' .. key)
    back = back + 1
  end
  call('SREM', inflight, key)
end
if lost > 0 then
  call('LTRIM', dead, -tonumber(ARGV[4]), -1)
end
call('DEL', processing)
call('ZADD', tombs, tonumber(now) + tonumber(ARGV[5]), ARGV[1])
call('ZREM', workers, ARGV[1])
if call('LLEN', list) > 0 and call('LLEN', bell) == 0 then
  call('RPUSH', bell, '1')
end
return { back, lost }
