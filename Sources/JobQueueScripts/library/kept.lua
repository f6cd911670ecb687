-- Completed jobs that stay for a time and a number, where their queue is so configured. Their records say so by a flag.
local KEPT_DROPPED_MAX = 200

-- Keeps jobs that are completed. O(bytes + log n) for each
local function keep(queue, ids, records, now)
  local fields, scores = {}, {}
  for index, id in ipairs(ids) do
    local record = records[index]
    if record then
      -- A cancellation that came too late is none.
      local flags = record_flags(record) % KEPT
      fields[#fields + 1] = id
      fields[#fields + 1] = string.sub(record, 1, 9) .. string.char(flags - flags % EXTENDED + KEPT) .. string.sub(record, 11)
      scores[#scores + 1] = integer(now)
      scores[#scores + 1] = id
    end
  end
  if #fields == 0 then return end
  call('HSET', queue.jobs, unpack(fields))
  call('ZADD', queue.kept, unpack(scores))
end

local function drop_kept(queue, ids)
  if #ids == 0 then return end
  call('HDEL', queue.jobs, unpack(ids))
  call('HDEL', queue.notes, unpack(ids))
  call('ZREMRANGEBYRANK', queue.kept, 0, #ids - 1)
end

-- Drops some of the oldest that are too many or too old. O(log n + dropped), capped beyond what has just been kept
local function trim_kept(queue, kept_ms, kept_max, added, now)
  local excess = call('ZCARD', queue.kept) - kept_max
  if excess > 0 then
    drop_kept(queue, call('ZRANGE', queue.kept, 0, math.min(excess, added + KEPT_DROPPED_MAX) - 1))
  end
  drop_kept(queue, call('ZRANGE', queue.kept, '-inf', integer(now - kept_ms), 'BYSCORE', 'LIMIT', 0, KEPT_DROPPED_MAX))
end
