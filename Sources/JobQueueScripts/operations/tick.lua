#!lua flags=allow-oom
--@include common meta
--@rare checks records places leases upkeep order notes batches ends kept
-- An idle worker's look: does the due part of the upkeep, and says when to look again. Writes nothing when nothing is
-- leased or due.
-- KEYS  the queue's 22 keys
-- ARGV  run id of this Redis, lease in ms, crashes before quarantine, 1 to put reaped jobs among the others
-- Returns { now, next check or 0, ready jobs, suspects, 1 when paused, quarantined: id, record, ... }
-- O(log n + promoted + reaped), both capped
local queue = queue_keys(1)
local now = now_ms()
local meta = read_upkeep(queue)
local quarantined = {}
breathe(queue, meta, now, tonumber(ARGV[2]))
if meta.check > 0 and now >= meta.check then
  rare().upkeep(queue, meta, now, ARGV[1], tonumber(ARGV[3]), ARGV[4] == '1', quarantined)
end
write_upkeep(queue, meta)
local has_bands = meta.uses and string.find(meta.uses, 'b', 1, true)
local ready = has_bands and rare().count_ready(queue, meta.uses) or call('LLEN', queue.ready)
local suspects = call('LLEN', queue.alone)
if (ready > 0 or suspects > 0) and not meta.paused then ensure_marker(queue) end
return { now, meta.check, ready, suspects, meta.paused and 1 or 0, quarantined }
