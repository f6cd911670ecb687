-- What a job leaves behind when it ends, and how one that waits is cancelled.
--
-- A job in a list cannot be taken out of it without going through the list. So a cancelled one stays where it is with a
-- flag in its record, and is dropped by whoever pops it; until then its id answers "cancelled".

-- The unique key of a job, or nil.
local function unique_key(record)
  local field = record_extension(record)[UNIQUE]
  return field and string.sub(field, 2)
end

-- Gives free what belongs to a job that has ended: c completed, d dead or another letter. When the next job of its order
-- key is due, or 0. Whoever calls it calls leave_batches in the end. O(log n)
local function release(queue, id, record, now, state)
  if not has_flag(record_flags(record), EXTENDED) then return 0 end
  local extension = record_extension(record)
  local key = extension[UNIQUE] and string.sub(extension[UNIQUE], 2)
  if key and call('HGET', queue.unique, key) == id then call('HDEL', queue.unique, key) end
  if extension[BATCH] then note_leaver(queue, extension[BATCH], id, state) end
  return extension[ORDER] and advance(queue, extension[ORDER], id, now) or 0
end

-- The job that has a unique key, with its record, or nil. A key whose job has ended in whatever way is free. O(log n)
local function unique_holder(queue, key)
  local id = call('HGET', queue.unique, key)
  local record = id and call('HGET', queue.jobs, id)
  if not record or unique_key(record) ~= key then return nil end
  local flags = record_flags(record)
  if has_flag(flags, CANCELLED) or has_flag(flags, KEPT) then return nil end
  if call('ZSCORE', queue.dead, id) then return nil end
  return id, record
end

-- Remembers the end of a job, where its queue remembers. O(1)
local function remember_end(queue, id, record, state)
  local current = queue.done[tonumber(call('HGET', queue.meta, 'gen') or 0) + 1]
  call('HSET', current, id, string.sub(record, 16, 23) .. state)
end

-- Cancels a job that is neither dead nor cancelled: takes it out of the schedule, or flags it. True when it is gone;
-- else it waits in a list or runs. Whoever calls it calls leave_batches in the end. O(log n)
local function cancel_job(queue, id, record, remembers, now)
  if remembers then remember_end(queue, id, record, 'x') end
  local member = scheduled_as(queue, id, record)
  if member then
    call('ZREM', queue.scheduled, member)
    call('HDEL', queue.jobs, id)
    call('HDEL', queue.notes, id)
    call('HINCRBY', queue.meta, 'cancelled', 1)
    local due = release(queue, id, record, now, 'x')
    if due > 0 then check_by(queue, due) end
    return true
  end
  local attempt, crashes = record_counts(record)
  note_uses(queue, 'f')
  call('HSET', queue.jobs, id, record_with(record, CANCELLED, attempt, crashes))
  return false
end

-- What becomes of the unique keys of the jobs that `is_new` says may be added: refused and why, which of them another one
-- of this call replaces, whom they cancel, and the keys' new jobs. A holder that `ending` names ends in this call.
-- O(log n) for each
local function plan_unique(queue, ids, bodies, is_new, ending)
  local plan = { refused = {}, replaced = {}, replaces = {}, ends = {}, keys = {}, again = {} }
  local mine, seen = {}, {}
  for index, id in ipairs(ids) do
    local may_be = is_new(index)
    -- The same job twice in a call: what becomes of the first becomes of the second.
    if may_be then plan.again[index], seen[id] = seen[id], seen[id] or index end
    local field = may_be and not plan.again[index] and record_extension('12345678' .. bodies(index))[UNIQUE]
    if field then
      local mode, key = string.byte(field), string.sub(field, 2)
      local earlier = mine[key]
      local holder, record
      if not earlier then holder, record = unique_holder(queue, key) end
      if holder and ending and ending[holder] then holder = nil end
      if mode == REJECT and (earlier or holder) then
        plan.refused[index] = earlier and ids[earlier] or holder
      else
        if earlier then
          plan.replaced[earlier] = index
        elseif holder and (mode == REPLACE or scheduled_as(queue, holder, record)) then
          plan.ends[#plan.ends + 1] = { holder, key }
          plan.replaces[index] = true
        end
        mine[key], plan.keys[key] = index, id
      end
    end
  end
  return plan
end
