#!lua flags=allow-oom
--@include common checks records places order notes batches
-- Deletes dead jobs; a queue that remembers its completed jobs remembers these as cancelled.
-- KEYS  the queue's 22 keys
-- ARGV  1 when the queue remembers, then the ids
-- Returns how many were dead. O(log n) for each job
local queue = queue_keys(1)
local current = queue.done[tonumber(call('HGET', queue.meta, 'gen') or 0) + 1]
local deleted = 0
for at = 2, #ARGV do
  local id = ARGV[at]
  local record = call('ZSCORE', queue.dead, id) and call('HGET', queue.jobs, id)
  if record then
    call('ZREM', queue.dead, id)
    call('HDEL', queue.jobs, id)
    call('HDEL', queue.notes, id)
    if ARGV[1] == '1' then call('HSET', current, id, string.sub(record, 16, 23) .. 'x') end
    local batch = batch_of(record)
    if batch then note_leaver(queue, batch, id, 'x') end
    deleted = deleted + 1
  end
end
leave_batches(queue, now_ms())
return deleted
