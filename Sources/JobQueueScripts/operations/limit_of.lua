#!lua flags=no-writes
--@include common
-- The limits of a queue as a whole, and who has which part (operations/share.lua).
-- KEYS  limits
-- Returns { places or 0, µs between two starts or 0, starts at once after a rest, ms until the next start; then for each
--           process: its name, places, places it wants, weight, ms until it falls out }. O(processes)
local places, interval, burst, tat = unpack(call('HMGET', KEYS[1], 'places', 'interval', 'burst', 'tat'))
local now = now_ms()
local wait = 0
if interval then wait = (tonumber(tat or 0) - (tonumber(burst) - 1) * tonumber(interval)) / 1000 - now end
local answer = { tonumber(places or 0), tonumber(interval or 0), tonumber(burst or 0), math.max(0, math.ceil(wait)) }
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
