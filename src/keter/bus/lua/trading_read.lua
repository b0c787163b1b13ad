-- Read the trading state and both kill switches at one moment.
--
-- KEYS[1] trading:state    hash
-- KEYS[2] trading_enabled  string
-- KEYS[3] GLOBAL_STOP      any type
--
-- Returns the fields of the hash, the string or nil, 1 or 0. A script, since a full Redis refuses even reads inside MULTI.
return {redis.call('HGETALL', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('EXISTS', KEYS[3])}
