#!lua
-- Counts one request of somebody in a window that begins with their first one. A request beyond the limit is not counted,
-- so that it writes nothing.
-- KEYS  the counter
-- ARGV  limit, window in ms
-- Returns the number of this request (limit + 1 when it is refused) and the ms until the window ends. O(1)
local call = redis.call
local limit = tonumber(ARGV[1])
local count = tonumber(call('GET', KEYS[1]) or 0)
if count > 0 then
  local left = call('PTTL', KEYS[1])
  if left > 0 then
    if count >= limit then return { limit + 1, left } end
    return { call('INCR', KEYS[1]), left }
  end
end
call('SET', KEYS[1], 1, 'PX', ARGV[2])
return { 1, tonumber(ARGV[2]) }
