#!lua flags=allow-oom
--@include common places records ends
-- Gives dead jobs another life: their attempts and crashes start again, their history stays. A job that may have ended
-- its worker is leased alone again. One whose unique key another job has by now stays dead.
-- KEYS  the queue's 15 keys
-- ARGV  for each job: id, delay in ms
-- Returns how many were dead and are not any more. O(log n + bytes) for each job
local queue = queue_keys(1)
local now = now_ms()
local earliest, moved = 0, 0
for at = 1, #ARGV, 2 do
  local id, delay = ARGV[at], tonumber(ARGV[at + 1])
  local record = call('ZSCORE', queue.dead, id) and call('HGET', queue.jobs, id)
  local key = record and unique_key(record)
  if record and not (key and unique_holder(queue, key)) then
    if key then call('HSET', queue.unique, key, id) end
    local flags = record_flags(record)
    local alone = has_flag(flags, SUSPECT)
    call('ZREM', queue.dead, id)
    call('HSET', queue.jobs, id, record_with(record, 0, 0, 0))
    moved = moved + 1
    if delay > 0 then
      call('ZADD', queue.scheduled, integer(now + delay), scheduled_member(id, flags, alone))
      if earliest == 0 or now + delay < earliest then earliest = now + delay end
    else
      call('RPUSH', alone and queue.alone or band_list(queue, band_of(flags)), id)
      ensure_marker(queue)
    end
  end
end
if earliest > 0 then
  local check = tonumber(call('HGET', queue.meta, 'check') or 0)
  if check == 0 or earliest < check then
    call('HSET', queue.meta, 'check', integer(earliest))
    ensure_marker(queue)
  end
end
return moved
