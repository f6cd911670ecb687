-- Jobs of one order key: the first of them, its head, is where any other job would be; those after it are held back.
--
-- So at most one of a key can be leased, whatever becomes of it, and order is that of enqueueing: neither priority nor due
-- time overtakes, and a head that waits for its next attempt holds its key back. When a head ends, the next one is taken by
-- its name, "key number due id", since a sorted set of equal scores is ordered by names.
local function order_key(record) return record_extension(record)[ORDER] end

-- Makes a job the head of its key; false when there is one and it is held back. `due` 0 is at once. O(log n)
local function line_up(queue, key, id, due)
  if call('HSETNX', queue.heads, key, id) == 1 then return true end
  local number = string.format('%016.0f', call('HINCRBY', queue.meta, 'seq', 1))
  call('ZADD', queue.ordered, 0, key .. ' ' .. number .. ' ' .. integer(due) .. ' ' .. id)
  return false
end

-- Puts a job where it waits. The time it is due, or 0 when it is ready. O(log n)
local function place(queue, id, flags, alone, due, now)
  if due > now then
    call('ZADD', queue.scheduled, integer(due), scheduled_member(id, flags, alone))
    return due
  end
  call('RPUSH', alone and queue.alone or band_list(queue, band_of(flags)), id)
  ensure_marker(queue)
  return 0
end

-- The head of a key has ended: the next one takes its place. When that is due, or 0. O(log n)
local ADVANCES_MAX = 10
local function advance(queue, key, id, now)
  if call('HGET', queue.heads, key) ~= id then return 0 end
  for _ = 1, ADVANCES_MAX do
    local member = call('ZRANGE', queue.ordered, '[' .. key .. ' ', '(' .. key .. '!', 'BYLEX', 'LIMIT', 0, 1)[1]
    if not member then
      call('HDEL', queue.heads, key)
      return 0
    end
    call('ZREM', queue.ordered, member)
    local due, next_id = string.match(member, ' %d+ (%d+) (%S+)$')
    local record = call('HGET', queue.jobs, next_id)
    if record then
      local flags = record_flags(record)
      call('HSET', queue.heads, key, next_id)
      return place(queue, next_id, flags, has_flag(flags, SUSPECT), tonumber(due), now)
    end
  end
  -- Only damage leads here: what is left goes on with the next job of the key.
  call('HDEL', queue.heads, key)
  return 0
end
