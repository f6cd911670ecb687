#!lua flags=allow-oom
--@include common meta
--@rare checks records places leases upkeep order notes batches ends kept
-- Leases a batch, after the due part of the queue's upkeep.
-- KEYS  the queue's 22 keys
-- ARGV  run id of this Redis, token, worker's name, lease in ms, jobs at most, 1 when the worker holds nothing and may
--       take a suspect, crashes before quarantine, 1 to put reaped jobs among the others (a test's fault)
-- Returns { state: leased | empty | paused, fence, now, next check or 0, ready jobs left, suspects left,
--           1 when leased alone, ids joined by spaces, records, quarantined: id, record, ...,
--           ids of the leased whose deadline has passed, to be ended rather than run }
-- O(1) for each job, O(log n) for each batch
local BATCH_BYTES_MAX = 8388608
-- More leases than Redis can give in a millisecond; the product stays exact (below 2^53) until the year 2109.
local FENCES_PER_MS = 2048
local queue = queue_keys(1)
local run, token, worker, lease_ms, max = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local now = now_ms()
local meta = read_upkeep(queue)
local quarantined = {}
breathe(queue, meta, now, lease_ms)
if meta.check > 0 and now >= meta.check then
  rare().upkeep(queue, meta, now, run, tonumber(ARGV[7]), ARGV[8] == '1', quarantined)
end
-- A paused queue still reaps and promotes, so that its leases and times stay true.
if meta.paused then
  write_upkeep(queue, meta)
  return { 'paused', 0, now, meta.check, 0, 0, 0, '', {}, quarantined, {} }
end

-- One counter for each queue of a shard names the batch. It starts above any it had before when Redis is another run:
-- the last writes, or all of them, may be gone with the one before.
local fence = meta.fence + 1
if meta.run ~= run then fence = math.max(fence, now * FENCES_PER_MS) end --@unless skip-fence
local ids, records = {}, {}
local alone = false
local looks, has_bands, drop_cancelled = false, false, nil
if meta.uses then
  looks, has_bands = string.find(meta.uses, 'f', 1, true), string.find(meta.uses, 'b', 1, true)
end

-- Whether a job was cancelled while it waited; then it is gone now.
if looks then drop_cancelled = function(id, record)
  if not rare().is_cancelled(record) then return false end
  call('HDEL', queue.jobs, id)
  rare().drop_notes(queue, meta.uses, { id })
  call('HINCRBY', queue.meta, 'cancelled', 1)
  local due = rare().release(queue, id, record, now, 'x')
  rare().leave_batches(queue, now)
  if due > 0 and (meta.check == 0 or due < meta.check) then meta.check, meta.touched = due, true end
  return true
end end

if call('LLEN', queue.alone) > 0 and ARGV[6] == '1' then
  local id = call('LPOP', queue.alone)
  local record = call('HGET', queue.jobs, id)
  if record and not (looks and drop_cancelled(id, record)) then ids, records, alone = { id }, { record }, true end
end
if #ids == 0 then
  local popped
  if has_bands then
    popped = rare().pop_ready(queue, meta.uses, fence, max)
  else
    popped = call('LPOP', queue.ready, max)
  end
  if popped then
    local bytes = 0
    for index, record in ipairs(call('HMGET', queue.jobs, unpack(popped))) do
      if record and not (looks and drop_cancelled(popped[index], record)) then
        bytes = bytes + #record
        if bytes > BATCH_BYTES_MAX and #ids > 0 then
          local rest = {}
          for later = index, #popped do rest[#rest + 1] = popped[later] end
          rare().push_front_of_bands(queue, meta.uses, rest)
          break
        end
        ids[#ids + 1] = popped[index]
        records[#records + 1] = record
      end
    end
  end
end
local ready_left = has_bands and rare().count_ready(queue, meta.uses) or call('LLEN', queue.ready)
local suspects_left = call('LLEN', queue.alone)
if #ids == 0 then
  write_upkeep(queue, meta)
  if ready_left > 0 then ensure_marker(queue) end
  return { 'empty', 0, now, meta.check, ready_left, suspects_left, 0, '', {}, quarantined, {} }
end

local expired = {}
if looks then
  for index, record in ipairs(records) do
    local deadline = rare().record_deadline(record)
    if deadline and deadline <= now then expired[#expired + 1] = ids[index] end
  end
end
local expiry = now + lease_ms
if meta.check == 0 or expiry < meta.check then meta.check = expiry end
local joined = table.concat(ids, ' ')
-- Read by library/leases.lua.
local record = table.concat({ token, alone and '1' or '0', run, integer(now), worker }, ' ') .. '\n' .. joined
call('HSET', queue.leases, integer(fence), record)
call('ZADD', queue.expiries, integer(expiry), integer(fence))
call('HSET', queue.meta, 'run', run, 'fence', integer(fence), 'alive', integer(now), 'check', integer(meta.check),
  'hold', integer(meta.hold))
if meta.died and meta.died > 0 then call('HINCRBY', queue.meta, 'died', meta.died) end
if ready_left > 0 then ensure_marker(queue) end
return {
  'leased', fence, now, meta.check, ready_left, suspects_left, alone and 1 or 0, joined, records, quarantined, expired,
}
