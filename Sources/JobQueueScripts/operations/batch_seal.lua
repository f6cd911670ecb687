#!lua flags=allow-oom
--@include common checks records places order batches
-- Seals a batch: its end is told when no job of it is out any more, at once if none is.
-- KEYS  the queue's 22 keys
-- ARGV  batch
-- Returns 1 when it was open and is sealed now, else 0. O(log n + bytes)
local queue, batch = queue_keys(1), ARGV[1]
local record = call('HGET', queue.batches, batch)
if not record or has_flag(string.byte(record), SEALED) then return 0 end
call('HSET', queue.batches, batch, string.char(string.byte(record) + SEALED) .. string.sub(record, 2))
look_at_batch(queue, batch, now_ms())
return 1
