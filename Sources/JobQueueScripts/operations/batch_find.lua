#!lua flags=no-writes
--@include common checks records places order batches
-- Looks at a batch.
-- KEYS  the queue's 22 keys
-- ARGV  batch
-- Returns {} or { flags (library/batches.lua), opened at, jobs out, dead jobs }. O(log n)
local queue, batch = queue_keys(1), ARGV[1]
local record = call('HGET', queue.batches, batch)
if not record then return {} end
return { string.byte(record), struct.unpack('>I8', record, 2), members_out(queue, batch), members_dead(queue, batch) }
