#!lua flags=allow-oom
--@include common
-- Limits a queue as a whole, or lifts its limits (operations/share.lua).
-- KEYS  limits, the wake list of the home shard
-- ARGV  run id of this Redis, lease in ms, places or 0, µs between two starts or 0, starts at once after a rest
-- Returns nothing that is read. O(processes)
local run, lease_ms, places, interval = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now = now_ms()
ensure_marker({ wake = KEYS[2] })
if places == 0 and interval == 0 then return call('DEL', KEYS[1]) end
local had_places = call('HEXISTS', KEYS[1], 'places')
if interval > 0 then
  call('HSET', KEYS[1], 'interval', ARGV[4], 'burst', ARGV[5])
else
  call('HDEL', KEYS[1], 'interval', 'burst', 'tat', 'reserved')
end
if places == 0 then
  call('HDEL', KEYS[1], 'places')
  for _, field in ipairs(call('HKEYS', KEYS[1])) do
    if string.sub(field, 1, 2) == 'p ' then call('HDEL', KEYS[1], field) end
  end
else
  call('HSET', KEYS[1], 'places', ARGV[3])
  -- Each process sees the limit within a third of a lease and says what it has out; then places are given.
  if had_places == 0 then
    call('HSET', KEYS[1], 'run', run, 'alive', integer(now), 'hold', integer(now + lease_ms / 2))
  end
end
