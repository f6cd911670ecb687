-- Takes new jobs into a queue: first looks (plan_admission), then writes (admit).
--
-- Codes, one letter for each job: "a" added, "-" not wanted (its parent's lease is stale), else the state of the job
-- found with this id: l live (ready or leased), s scheduled, d dead, q quarantined, c completed, x cancelled; the
-- capital letter when its digest is another.
local function state_of(queue, id, record)
  if call('ZSCORE', queue.dead, id) then return record_is_quarantined(record) and 'q' or 'd' end
  if call('ZSCORE', queue.scheduled, id) or call('ZSCORE', queue.scheduled, '!' .. id) then return 's' end
  return 'l'
end

-- ARGV from `first`, `stride` values a job: id, delay in ms, record without its first 8 bytes, [the parent's id].
-- O(1) for each job
local function plan_admission(queue, first, count, stride, remembers, skip_digest, stale, now)
  local ids = {}
  for index = 1, count do ids[index] = ARGV[first + (index - 1) * stride] end
  local found = call('HMGET', queue.jobs, unpack(ids))
  local recent = remembers and call('HMGET', queue.done[1], unpack(ids))
  local earlier = remembers and call('HMGET', queue.done[2], unpack(ids))
  local plan = { records = {}, ready = {}, scheduled = {}, codes = {}, due = 0 }
  local stamp = struct.pack('>I8', now)
  local seen = {}
  for index = 1, count do
    local at = first + (index - 1) * stride
    local id, body = ids[index], ARGV[at + 2]
    local digest = string.sub(body, 8, 15)
    local state, digest_then
    if stale and stale[ARGV[at + 3]] then
      state = '-'
    elseif seen[id] then
      state, digest_then = 'l', seen[id]
    elseif found[index] then
      state, digest_then = state_of(queue, id, found[index]), string.sub(found[index], 16, 23)
    elseif recent and (recent[index] or earlier[index]) then
      local entry = recent[index] or earlier[index]
      state, digest_then = string.sub(entry, 9), string.sub(entry, 1, 8)
    else
      state = 'a'
      seen[id] = digest
      plan.records[#plan.records + 1] = id
      plan.records[#plan.records + 1] = stamp .. body
      local delay = tonumber(ARGV[at + 1])
      if delay > 0 then
        local due = now + delay
        plan.scheduled[#plan.scheduled + 1] = integer(due)
        plan.scheduled[#plan.scheduled + 1] = id
        if plan.due == 0 or due < plan.due then plan.due = due end
      else
        plan.ready[#plan.ready + 1] = id
      end
    end
    if digest_then and digest_then ~= digest and not skip_digest then state = string.upper(state) end
    plan.codes[index] = state
  end
  return plan
end

-- O(1) for each ready job, O(log n) for each scheduled one
local function admit(queue, plan)
  if #plan.records > 0 then call('HSET', queue.jobs, unpack(plan.records)) end
  if #plan.ready > 0 then
    call('RPUSH', queue.ready, unpack(plan.ready))
    ensure_marker(queue)
  end
  if #plan.scheduled > 0 then
    call('ZADD', queue.scheduled, unpack(plan.scheduled))
    local check = tonumber(call('HGET', queue.meta, 'check') or 0)
    if check == 0 or plan.due < check then
      -- Somebody has to set a timer for it: wake one who waits.
      call('HSET', queue.meta, 'check', integer(plan.due))
      ensure_marker(queue)
    end
  end
  return table.concat(plan.codes)
end
