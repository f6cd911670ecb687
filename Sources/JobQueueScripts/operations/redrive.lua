#!lua flags=allow-oom
--@include common checks records places order notes batches ends
-- Gives dead jobs another life: their attempts and crashes start again, their history stays. A job that may have ended
-- its worker is leased alone again, one with an order key joins at the end. One whose unique key another job has by now stays dead.
-- KEYS  the queue's 22 keys
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
    moved = moved + 1
    local batch = batch_of(record)
    if batch and call('ZREM', queue.members, batch .. '~' .. id) == 1 then
      call('ZADD', queue.members, 0, batch .. ' ' .. id)
    end
    local order = order_key(record)
    local due = delay > 0 and now + delay or 0
    if not order or line_up(queue, order, id, due, order_limit(record)) then
      if order then due = start_at(queue, order, record, due, now) end
      call('HSET', queue.jobs, id, record_with(record, 0, 0, 0))
      local check = place(queue, id, flags, alone, due, now)
      if check > 0 and (earliest == 0 or check < earliest) then earliest = check end
    else
      -- Whether it is a suspect stands in its record until its turn comes.
      call('HSET', queue.jobs, id, record_with(record, alone and SUSPECT or 0, 0, 0))
    end
  end
end
if earliest > 0 then check_by(queue, earliest) end
return moved
