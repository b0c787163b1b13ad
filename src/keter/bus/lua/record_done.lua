-- Remove a batch that has been written down.
--
-- KEYS[1] ...:taken  list    the batch being written
-- KEYS[2] ...:batch  string  id of the one who has the batch
-- KEYS[3] ...:bytes  string  bytes held; only for captures
-- ARGV[1] id of the taking  ARGV[2] bytes of the batch; only for captures
--
-- Returns 1, or 0 when the batch is no longer the caller's.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1], KEYS[2])
if KEYS[3] then
  redis.call('DECRBY', KEYS[3], ARGV[2])
end
return 1
