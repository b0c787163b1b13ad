-- Change a trading state, if it is still the one that was read.
--
-- KEYS[1] trading:state or trading:state:{scope}  hash  mode, actor, reason, since_ms, until_ms, revision
-- KEYS[2] trading:armed   hash  account -> who allowed LIVE; a halt removes every one, or the account's
-- KEYS[3] trading:scopes  set   accounts that have a state of their own
-- ARGV[1] expected revision, or empty for unconditionally
-- ARGV[2] revision to be above of in any case (a state restored from the ledger must not fall behind)
-- ARGV[3] mode  ARGV[4] actor  ARGV[5] reason  ARGV[6] since in ms  ARGV[7] until in ms, or empty
-- ARGV[8] account whose state it is, or empty for the one of everything
--
-- Returns {1, new revision}, or {0, current revision} when it has moved.
local current = tonumber(redis.call('HGET', KEYS[1], 'revision') or '0') or 0
if ARGV[1] ~= '' and tonumber(ARGV[1]) ~= current then
  return { 0, current }
end
local revision = math.max(current, tonumber(ARGV[2])) + 1
redis.call('HSET', KEYS[1], 'mode', ARGV[3], 'actor', ARGV[4], 'reason', ARGV[5], 'since_ms', ARGV[6], 'until_ms', ARGV[7],
  'revision', revision)
if ARGV[8] ~= '' then
  redis.call('SADD', KEYS[3], ARGV[8])
end
if ARGV[3] == 'HALTED' then
  if ARGV[8] == '' then
    redis.call('DEL', KEYS[2])
  else
    redis.call('HDEL', KEYS[2], ARGV[8])
  end
end
return { 1, revision }
