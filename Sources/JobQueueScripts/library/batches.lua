-- Batches: jobs of a queue and shard with a job to follow when all have succeeded, and one when all have ended.
--
-- `members` holds a name for each job that is still out, "batch id", and one for each that is dead, "batch~id": sets, not
-- counters, so that whatever happens twice counts once. A batch is a string in `batches`:
--   flags 1 (1 sealed, 2 a job is gone without success, 4 the end was told), opened at 8 ms,
--   then the job to follow success and the one to follow the end: bytes of its id 1 (0 for none), id, bytes 4, record
--   without its first 8 bytes
local SEALED, UNSUCCESSFUL, TOLD = 1, 2, 4

local function members_out(queue, batch) return call('ZLEXCOUNT', queue.members, '[' .. batch .. ' ', '(' .. batch .. '!') end

local function members_dead(queue, batch)
  return call('ZLEXCOUNT', queue.members, '[' .. batch .. '~', '(' .. batch .. '\127')
end

local function batch_of(record) return record_extension(record)[BATCH] end

-- Whether a job may join its batch, if it has one. O(1)
local function is_batch_open(queue, record)
  local batch = batch_of(record)
  return not batch or call('HEXISTS', queue.batches, batch) == 1
end

-- Enqueues the first or second follower of a batch, where it has one. O(bytes)
local function follow_up(queue, record, number, now)
  local position = 10
  for index = 1, 2 do
    local id_bytes = string.byte(record, position)
    local body_bytes = id_bytes > 0 and struct.unpack('>I4', record, position + 1 + id_bytes) or 0
    local body_at = position + 5 + id_bytes
    if index == number then
      local id = string.sub(record, position + 1, position + id_bytes)
      if id_bytes == 0 or call('HEXISTS', queue.jobs, id) == 1 then return end
      local body = string.sub(record, body_at, body_at + body_bytes - 1)
      call('HSET', queue.jobs, id, struct.pack('>I8', now) .. body)
      if string.byte(body, 2) >= 16 then note_uses(queue, 'b') end
      place(queue, id, string.byte(body, 2), false, 0, now)
      return
    end
    position = id_bytes > 0 and body_at + body_bytes or position + 1
  end
end

-- Tells what a batch has come to. O(log n)
local function look_at_batch(queue, batch, now)
  local record = call('HGET', queue.batches, batch)
  if not record then return end
  local flags = string.byte(record)
  if not has_flag(flags, SEALED) or members_out(queue, batch) > 0 then return end
  if not has_flag(flags, TOLD) then
    follow_up(queue, record, 2, now)
    flags = flags + TOLD
    call('HSET', queue.batches, batch, string.char(flags) .. string.sub(record, 2))
  end
  -- Dead ones may be redriven still.
  if members_dead(queue, batch) > 0 then return end
  if not has_flag(flags, UNSUCCESSFUL) then follow_up(queue, record, 1, now) end
  call('HDEL', queue.batches, batch)
end

-- Notes that a job of a batch has ended: c completed, d dead, others gone without success. Each queue has its own list: a
-- script that acknowledges jobs of one queue may end a job of another, by the unique key of what follows.
local function note_leaver(queue, batch, id, state)
  queue.leavers = queue.leavers or {}
  table.insert(queue.leavers, { batch, id, state })
end

-- What comes of them is seen to when all else is done in their queue, since a job may put others into its own batch.
local function leave_batches(queue, now)
  for _, leaver in ipairs(queue.leavers or {}) do
    local batch, id, state = unpack(leaver)
    call('ZREM', queue.members, batch .. ' ' .. id, batch .. '~' .. id)
    local record = call('HGET', queue.batches, batch)
    if record and state == 'd' then
      call('ZADD', queue.members, 0, batch .. '~' .. id)
    elseif record and state ~= 'c' and not has_flag(string.byte(record), UNSUCCESSFUL) then
      call('HSET', queue.batches, batch, string.char(string.byte(record) + UNSUCCESSFUL) .. string.sub(record, 2))
    end
    if record then look_at_batch(queue, batch, now) end
  end
  queue.leavers = nil
end
