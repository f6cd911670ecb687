#!lua flags=no-writes
--@include common
-- A page of dead letters, the oldest first.
-- KEYS  the queue's 22 keys
-- ARGV  how many to pass over, how many at most
-- Returns { ids, times of death, records }. O(log n + page)
local queue = queue_keys(1)
local first = tonumber(ARGV[1])
local found = call('ZRANGE', queue.dead, first, first + tonumber(ARGV[2]) - 1, 'WITHSCORES')
if #found == 0 then return { {}, {}, {} } end
local ids, times = {}, {}
for at = 1, #found, 2 do
  ids[#ids + 1] = found[at]
  times[#times + 1] = tonumber(found[at + 1])
end
local records = call('HMGET', queue.jobs, unpack(ids))
for index, record in ipairs(records) do records[index] = record or '' end
return { ids, times, records }
