#!lua flags=no-writes
--@include common places
-- Counts a queue of one shard.
-- KEYS  the queue's 22 keys
-- Returns { now, jobs, ready, suspects, scheduled, leases, dead, remembered, 1 when paused, completed, failed, died,
--           enqueued_at of the next ready job or 0, expired, ready jobs of priority urgent, high and low,
--           cancelled, unique keys, held back by order keys, kept completed, open batches }. O(1)
local queue = queue_keys(1)
local totals = call('HMGET', queue.meta, 'paused', 'completed', 'failed', 'died', 'expired', 'cancelled')
local oldest = 0
for _, list in ipairs({ queue.ready, queue.alone, band_list(queue, 1), band_list(queue, 2), band_list(queue, 3) }) do
  local id = call('LINDEX', list, 0)
  local record = id and call('HGET', queue.jobs, id)
  if record then
    local enqueued_at = struct.unpack('>I8', record)
    if oldest == 0 or enqueued_at < oldest then oldest = enqueued_at end
  end
end
return {
  now_ms(), call('HLEN', queue.jobs), call('LLEN', queue.ready), call('LLEN', queue.alone),
  call('ZCARD', queue.scheduled), call('HLEN', queue.leases), call('ZCARD', queue.dead),
  call('HLEN', queue.done[1]) + call('HLEN', queue.done[2]), tonumber(totals[1] or 0), tonumber(totals[2] or 0),
  tonumber(totals[3] or 0), tonumber(totals[4] or 0), oldest, tonumber(totals[5] or 0),
  call('LLEN', band_list(queue, 1)), call('LLEN', band_list(queue, 2)), call('LLEN', band_list(queue, 3)),
  tonumber(totals[6] or 0), call('HLEN', queue.unique), call('ZCARD', queue.ordered), call('ZCARD', queue.kept),
  call('HLEN', queue.batches),
}
