-- One atomic step of a worker: check everything, push outputs, acknowledge what is done, claim more.
--
-- KEYS[1] stats:{day}                 hash  counter -> count
-- KEYS[2] audit                       list  encoded decisions, oldest first
-- only for a consumer (ARGV[1] = 1), of the queue it takes from:
-- KEYS[3] pipe:{queue}:lease:{inc}    string
-- KEYS[4] processing:{queue}:{inc}    list  key, payload, key, payload ...
-- KEYS[5] queue:{queue}               list  stamp|key
-- KEYS[6] queue:{queue}:payload       hash  key -> newest payload
-- KEYS[7] queue:{queue}:inflight      set   keys in flight
-- KEYS[8] queue:{queue}:bell          list
-- KEYS[9] queue:{queue}:strikes       hash  key -> count
-- KEYS[10] dead:{queue}               list  dead letters
-- then for each queue pushed to, four keys: list, payload, inflight, bell (types as above)
--
-- ARGV[1] 1 for a consumer, else 0
-- ARGV[2] lease in ms          ARGV[3] items claimed    ARGV[4] items done, from the head    ARGV[5] items to claim
-- ARGV[6] worker               ARGV[7] error of the item at the head, which goes to the dead letters; empty: none
-- ARGV[8] cap of dead letters  ARGV[9] cap of the audit  ARGV[10] TTL of the stats in ms
-- ARGV[11] number of counters, then for each: name, increment
-- then number of audit entries, then the entries
-- then for each output: index in KEYS of its queue's list (negative: only where no newer payload waits), key, payload
--
-- Returns {ms of the server, 1 or 0, stamp|key, payload, stamp|key, payload ...} of what was claimed; 1: it was claimed
-- alone, since a worker died with it.
-- Errors before the first write: LEASELOST; WRONGTYPE from any key; OOM when there is something to push.
local call = redis.call
local CHUNK = 1000 -- unpack fails at 8,000 values

local consumer = ARGV[1] == '1'
local held, done, claim = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = call('TIME')
local now = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
local stamp = now .. '|'

-- Check: a script is not rolled back, so whatever can fail must fail here.
local lease, processing, list, payloads, inflight, bell, strikes, dead = unpack(KEYS, 3, 10)
local first_target = consumer and 11 or 3
local struck = 0
if consumer then
  if call('EXISTS', lease) == 0 then
    return redis.error_reply('LEASELOST the lease has expired or was revoked')
  end
  if call('LLEN', processing) ~= 2 * held or done > held then
    return redis.error_reply('LEASELOST the items in hand are not those of this worker')
  end
  call('LLEN', list)
  call('HLEN', payloads)
  call('SCARD', inflight)
  call('LLEN', bell)
  struck = call('HLEN', strikes)
  if ARGV[7] ~= '' then
    call('LLEN', dead)
  end
end
local counters = tonumber(ARGV[11])
local audit_at = 12 + 2 * counters
local entries = tonumber(ARGV[audit_at])
if counters > 0 or entries > 0 then
  call('HLEN', KEYS[1])
end
if entries > 0 then
  call('LLEN', KEYS[2])
end
for target = first_target, #KEYS, 4 do
  call('LLEN', KEYS[target])
  call('HLEN', KEYS[target + 1])
  call('SCARD', KEYS[target + 2])
  call('LLEN', KEYS[target + 3])
end

local function ring(key)
  if call('LLEN', key) == 0 then
    call('RPUSH', key, '1')
  end
end

-- Push. The first write of a script must be one that full memory refuses, or it would run to its end in spite of it.
local fresh = {}
for i = audit_at + 1 + entries, #ARGV, 3 do
  local target = math.abs(tonumber(ARGV[i]))
  local put = tonumber(ARGV[i]) < 0 and 'HSETNX' or 'HSET'
  if call(put, KEYS[target + 1], ARGV[i + 1], ARGV[i + 2]) == 1 then
    fresh[target] = fresh[target] or {}
    table.insert(fresh[target], ARGV[i + 1])
  end
end
for target, keys in pairs(fresh) do
  for from = 1, #keys, CHUNK do
    local to = math.min(from + CHUNK - 1, #keys)
    local busy = call('SMISMEMBER', KEYS[target + 2], unpack(keys, from, to))
    local queued = {}
    for i = from, to do
      if busy[i - from + 1] == 0 then
        table.insert(queued, stamp .. keys[i])
      end
    end
    if #queued > 0 then
      call('RPUSH', KEYS[target], unpack(queued))
      ring(KEYS[target + 3])
    end
  end
end

if consumer then
  call('PEXPIRE', lease, ARGV[2])
end

-- Count and record.
for i = 12, 11 + 2 * counters, 2 do
  call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
for i = audit_at + 1, audit_at + entries do
  call('RPUSH', KEYS[2], ARGV[i])
end
if entries > 0 then
  local over = call('LLEN', KEYS[2]) - tonumber(ARGV[9])
  if over > 0 then
    call('LTRIM', KEYS[2], over, -1)
    call('HINCRBY', KEYS[1], 'audit:dropped', over)
  end
end
if counters > 0 or entries > 0 then
  call('PEXPIRE', KEYS[1], ARGV[10])
end
if not consumer then
  return { now, 0 }
end

-- Acknowledge, by position: this list has one owner, who works through it in order.
if ARGV[7] ~= '' then
  local letter = call('LRANGE', processing, 0, 1)
  call('RPUSH', dead, table.concat({ now, ARGV[6], ARGV[7], letter[1], letter[2] }, '\n'))
  call('LTRIM', dead, -tonumber(ARGV[8]), -1)
end
if done > 0 then
  local items = call('LRANGE', processing, 0, 2 * done - 1)
  local keys, again = {}, {}
  local changed = call('HLEN', payloads) > 0
  for i = 1, #items, 2 do
    table.insert(keys, items[i])
    if changed and call('HEXISTS', payloads, items[i]) == 1 then
      table.insert(again, stamp .. items[i])
    end
  end
  call('SREM', inflight, unpack(keys))
  if #again > 0 then
    call('RPUSH', list, unpack(again))
  end
  if struck > 0 then
    call('HDEL', strikes, unpack(keys))
  end
  call('LTRIM', processing, 2 * done, -1)
end

-- Claim. A key with which a worker died is claimed alone, so that other keys do not collect strikes with it.
local reply = { now, 0 }
local waiting = claim > 0 and call('LRANGE', list, 0, claim - 1) or {}
if #waiting > 0 then
  local keys = {}
  for i, entry in ipairs(waiting) do
    keys[i] = string.sub(entry, 15)
  end
  local n = #keys
  if struck > 0 then
    local counts = call('HMGET', strikes, unpack(keys))
    for i = 1, n do
      if counts[i] then
        n = i > 1 and i - 1 or (held == done and 1 or 0)
        reply[2] = i == 1 and n or 0
        break
      end
    end
  end
  if n > 0 then
    local newest = call('HMGET', payloads, unpack(keys, 1, n))
    local hand = {}
    local taken = {}
    for i = 1, n do
      if newest[i] then -- a key whose payload somebody deleted by hand is dropped
        table.insert(taken, keys[i])
        table.insert(hand, keys[i])
        table.insert(hand, newest[i])
        table.insert(reply, waiting[i])
        table.insert(reply, newest[i])
      end
    end
    if #taken > 0 then
      call('RPUSH', processing, unpack(hand))
      call('SADD', inflight, unpack(taken))
      call('HDEL', payloads, unpack(taken))
    end
    call('LTRIM', list, n, -1)
  end
end
if call('LLEN', list) > 0 then
  ring(bell)
end
return reply
