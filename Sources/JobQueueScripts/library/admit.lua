-- Takes new jobs into a queue: first looks (plan_admission), then writes (admit). What few jobs ask for is in rare().
--
-- Codes, one letter for each job: "a" added, "-" not wanted (its parent's lease is stale), "o" refused since the queue is
-- full, "u" refused since another job has its unique key, "n" refused since its batch is not open, else the state of the job
-- found with this id: l live (ready or leased), s scheduled, d dead, q quarantined, c completed, x cancelled, e expired;
-- the capital letter when its digest is another.
-- ARGV from `first`, `stride` values a job: id, delay in ms, record without its first 8 bytes, [the parent's id].
-- `options` are a digit, 1 when the queue remembers completed jobs, and the letters of `meta.uses` that these jobs need.
-- `length_max` is the number of jobs beyond which producers are refused; 0 for none.
-- O(1) for each job, O(log n) for one with a unique key
local function plan_admission(queue, first, count, stride, options, length_max, skip_digest, stale, now, ending)
  local remembers, uses = string.byte(options) == 49, string.sub(options, 2)
  local has_bands, has_order = string.find(uses, 'b', 1, true), string.find(uses, 'o', 1, true)
  local has_batches, members = string.find(uses, 'j', 1, true), {}
  local is_plain = uses == '' and length_max == 0 and not stale
  -- Locals are quicker than the globals they stand for, and this loop is most of what an enqueue costs.
  local arguments = ARGV
  local ids = {}
  for index = 1, count do ids[index] = arguments[first + (index - 1) * stride] end
  local found = call('HMGET', queue.jobs, unpack(ids))
  -- The newer end of a job counts: one that was cancelled may have completed all the same.
  local generation = remembers and tonumber(call('HGET', queue.meta, 'gen') or 0)
  local recent = remembers and call('HMGET', queue.done[1 + generation], unpack(ids))
  local earlier = remembers and call('HMGET', queue.done[2 - generation], unpack(ids))
  local records, ready, scheduled, codes, earliest, bands, ordered = {}, {}, {}, {}, 0, {}, {}
  local stamp = struct.pack('>I8', now)
  -- How many more jobs the queue takes from producers: those that wait or run count.
  local room
  if length_max > 0 then
    room = length_max - call('HLEN', queue.jobs) + call('ZCARD', queue.dead) + call('ZCARD', queue.kept)
  end
  local unique, holders = nil, {}
  if string.find(uses, 'u', 1, true) then
    unique = rare().plan_unique(queue, ids, function(index) return arguments[first + (index - 1) * stride + 2] end,
      function(index)
        local at = first + (index - 1) * stride
        if stale and stale[arguments[at + 3]] then return false end
        -- One that comes too late for its batch replaces nobody.
        if has_batches and not rare().is_batch_open(queue, stamp .. arguments[at + 2]) then return false end
        return not found[index] and not (recent and (recent[index] or earlier[index]))
      end, ending)
  end
  -- Body of each id that this call adds.
  local added = {}
  for index = 1, count do
    local at = first + (index - 1) * stride
    local id, body = ids[index], arguments[at + 2]
    local record, twin = found[index], added[id]
    local entry = recent and (recent[index] or earlier[index])
    if is_plain and not record and not twin and not entry and arguments[at + 1] == '0' then
      -- Most jobs of most calls.
      codes[index], added[id] = 'a', body
      records[#records + 1] = id
      records[#records + 1] = stamp .. body
      ready[#ready + 1] = id
    elseif stale and stale[arguments[at + 3]] then
      codes[index] = '-'
    elseif record or twin or entry then
      local state, digest
      if twin then
        state, digest = 'l', string.sub(twin, 8, 15)
      elseif record then
        state, digest = rare().state_of(queue, id, record), string.sub(record, 16, 23)
      else
        state, digest = string.sub(entry, 9), string.sub(entry, 1, 8)
      end
      local differs = digest ~= string.sub(body, 8, 15) and not skip_digest
      codes[index] = differs and string.upper(state) or state
    elseif unique and unique.again[index] then
      local before = unique.again[index]
      codes[index] = codes[before]
      if codes[before] == 'u' then holders[#holders + 1] = unique.refused[before] end
    elseif has_batches and not rare().is_batch_open(queue, stamp .. body) then
      codes[index] = 'n'
    elseif unique and unique.refused[index] then
      codes[index] = 'u'
      holders[#holders + 1] = unique.refused[index]
    elseif room and room <= 0 and not (unique and unique.replaces[index]) then
      codes[index] = 'o'
      if unique then unique.refused[id] = true end
    elseif unique and unique.replaced[index] then
      -- Its place is that of the one after it.
      codes[index] = 'a'
      if room and not unique.replaces[index] then room = room - 1 end
      unique.replaces[unique.replaced[index]] = true
    else
      codes[index] = 'a'
      if room and not (unique and unique.replaces[index]) then room = room - 1 end
      added[id] = body
      local batch = has_batches and rare().batch_of(stamp .. body)
      if batch then members[#members + 1] = batch .. ' ' .. id end
      records[#records + 1] = id
      records[#records + 1] = stamp .. body
      local delay = arguments[at + 1]
      local flags = has_bands and string.byte(body, 2) or 0
      local key = has_order and rare().order_key(stamp .. body)
      if key then
        ordered[#ordered + 1] = { key, id, stamp .. body, delay == '0' and 0 or now + tonumber(delay) }
      elseif delay == '0' and flags < 16 then
        ready[#ready + 1] = id
      elseif delay == '0' then
        local band = rare().band_of(flags)
        bands[band] = bands[band] or {}
        table.insert(bands[band], id)
      else
        local due = now + tonumber(delay)
        scheduled[#scheduled + 1] = integer(due)
        scheduled[#scheduled + 1] = flags < 16 and id or rare().scheduled_member(id, flags, false)
        if earliest == 0 or due < earliest then earliest = due end
      end
    end
  end
  return {
    records = records, ready = ready, bands = bands, scheduled = scheduled, codes = codes, due = earliest, uses = uses,
    unique = unique, holders = holders, remembers = remembers, ordered = ordered, now = now, members = members,
  }
end

-- O(1) for each ready job, O(log n) for each scheduled one
local function admit(queue, plan)
  if plan.uses ~= '' and #plan.records > 0 then rare().note_uses(queue, plan.uses) end
  if plan.unique then
    local own = rare()
    for _, holder in ipairs(plan.unique.ends) do
      -- An acknowledgement may have ended it, or counted an attempt, since it was planned.
      local id, record = own.unique_holder(queue, holder[2])
      if id == holder[1] then own.cancel_job(queue, id, record, plan.remembers, plan.now) end
    end
    for key, id in pairs(plan.unique.keys) do
      if not plan.unique.refused[id] then call('HSET', queue.unique, key, id) end
    end
  end
  if #plan.records > 0 then call('HSET', queue.jobs, unpack(plan.records)) end
  for _, member in ipairs(plan.members) do call('ZADD', queue.members, 0, member) end
  if #plan.ready > 0 then
    call('RPUSH', queue.ready, unpack(plan.ready))
    ensure_marker(queue)
  end
  for band, ids in pairs(plan.bands) do
    call('RPUSH', rare().band_list(queue, band), unpack(ids))
    ensure_marker(queue)
  end
  if #plan.scheduled > 0 then
    call('ZADD', queue.scheduled, unpack(plan.scheduled))
    rare().check_by(queue, plan.due)
  end
  for _, job in ipairs(plan.ordered) do
    local order, key, id, record, due = rare(), unpack(job)
    if order.line_up(queue, key, id, due, order.order_limit(record)) then
      local at = order.start_at(queue, key, record, due, plan.now)
      local check = order.place(queue, id, order.record_flags(record), false, at, plan.now)
      if check > 0 then order.check_by(queue, check) end
    end
  end
  -- Not before the new ones are in their batches: one that replaces the last job of a batch keeps it open.
  if plan.unique and #plan.unique.ends > 0 then rare().leave_batches(queue, plan.now) end
  return table.concat(plan.codes)
end
