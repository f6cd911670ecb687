#!lua flags=allow-oom
--@include common checks records places order notes batches ends
-- Cancels a job: one that is scheduled is gone, one that waits in a list is gone as soon as it is popped, and one that runs
-- gets no further run; its worker is told by operations/cancel_leased.lua.
-- KEYS  the queue's 22 keys
-- ARGV  id, 1 when the queue remembers
-- Returns the state it was in: "" unknown, s scheduled, l waiting or running, x cancelled before, d dead, q quarantined,
--         or of a remembered end its letter. O(log n + bytes)
local queue, id = queue_keys(1), ARGV[1]
local record = call('HGET', queue.jobs, id)
if not record then
  local entry = remembered_end(queue, id)
  return entry and string.sub(entry, 9) or ''
end
if has_flag(record_flags(record), CANCELLED) then return 'x' end
if has_flag(record_flags(record), KEPT) then return 'c' end
if call('ZSCORE', queue.dead, id) then return record_is_quarantined(record) and 'q' or 'd' end
local now = now_ms()
local is_gone = cancel_job(queue, id, record, ARGV[2] == '1', now)
leave_batches(queue, now)
return is_gone and 's' or 'l'
