-- Read the trading states and both kill switches at one moment.
--
-- KEYS[1] trading_enabled        string
-- KEYS[2] GLOBAL_STOP            any type
-- KEYS[3] trading:state          hash
-- KEYS[4] trading:state:{scope}  hash, and so on, as many as are asked for
--
-- Returns the string or nil, 1 or 0, then the fields of each hash. A script, since a full Redis refuses even reads inside
-- MULTI.
local found = { redis.call('GET', KEYS[1]), redis.call('EXISTS', KEYS[2]) }
for place = 3, #KEYS do
  found[place] = redis.call('HGETALL', KEYS[place])
end
return found
