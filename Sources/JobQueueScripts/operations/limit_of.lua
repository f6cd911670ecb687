#!lua flags=no-writes
--@include common
-- The limits of a queue as a whole, and who has which part (operations/share.lua).
-- KEYS  limits
-- Returns { places or 0, µs between two starts or 0, starts at once after a rest; then for each process: its name, places,
--           places it wants, weight, ms until it falls out }. O(processes)
local places, interval, burst = unpack(call('HMGET', KEYS[1], 'places', 'interval', 'burst'))
local now = now_ms()
local answer = { tonumber(places or 0), tonumber(interval or 0), tonumber(burst or 0) }
local all = call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  if string.sub(all[index], 1, 2) == 'p ' then
    local had, wanted, weight, expiry = string.match(all[index + 1], '^(%d+) (%d+) (%d+) (%d+)$')
    answer[#answer + 1] = string.sub(all[index], 3)
    answer[#answer + 1] = tonumber(had)
    answer[#answer + 1] = tonumber(wanted)
    answer[#answer + 1] = tonumber(weight)
    answer[#answer + 1] = tonumber(expiry) - now
  end
end
return answer
