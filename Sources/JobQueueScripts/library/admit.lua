-- Takes new jobs into a queue: first looks (plan_admission), then writes (admit).
--
-- Codes, one letter for each job: "a" added, "-" not wanted (its parent's lease is stale), else the state of the job
-- found with this id: l live (ready or leased), s scheduled, d dead, q quarantined, c completed, x cancelled, e expired;
-- the capital letter when its digest is another.
local function state_of(queue, id, record)
  if call('ZSCORE', queue.dead, id) then return record_is_quarantined(record) and 'q' or 'd' end
  if call('ZSCORE', queue.scheduled, scheduled_member(id, record_flags(record), false)) then return 's' end
  if call('ZSCORE', queue.scheduled, '!' .. id) then return 's' end
  return 'l'
end

-- ARGV from `first`, `stride` values a job: id, delay in ms, record without its first 8 bytes, [the parent's id].
-- `options` are a digit, 1 when the queue remembers completed jobs, and the letters of `meta.uses` that these jobs need.
-- O(1) for each job
local function plan_admission(queue, first, count, stride, options, skip_digest, stale, now)
  local remembers, uses = string.byte(options) == 49, string.sub(options, 2)
  local has_bands = uses_bands(uses)
  -- Locals are quicker than the globals they stand for, and this loop is most of what an enqueue costs.
  local arguments = ARGV
  local ids = {}
  for index = 1, count do ids[index] = arguments[first + (index - 1) * stride] end
  local found = call('HMGET', queue.jobs, unpack(ids))
  local recent = remembers and call('HMGET', queue.done[1], unpack(ids))
  local earlier = remembers and call('HMGET', queue.done[2], unpack(ids))
  local records, ready, scheduled, codes, earliest, bands = {}, {}, {}, {}, 0, {}
  local stamp = struct.pack('>I8', now)
  -- Body of each id that this call adds.
  local added = {}
  for index = 1, count do
    local at = first + (index - 1) * stride
    local id, body = ids[index], arguments[at + 2]
    local record, twin = found[index], added[id]
    local entry = recent and (recent[index] or earlier[index])
    if stale and stale[arguments[at + 3]] then
      codes[index] = '-'
    elseif record or twin or entry then
      local state, digest
      if twin then
        state, digest = 'l', string.sub(twin, 8, 15)
      elseif record then
        state, digest = state_of(queue, id, record), string.sub(record, 16, 23)
      else
        state, digest = string.sub(entry, 9), string.sub(entry, 1, 8)
      end
      local differs = digest ~= string.sub(body, 8, 15) and not skip_digest
      codes[index] = differs and string.upper(state) or state
    else
      codes[index] = 'a'
      added[id] = body
      records[#records + 1] = id
      records[#records + 1] = stamp .. body
      local delay = arguments[at + 1]
      local flags = has_bands and string.byte(body, 2) or 0
      if delay == '0' and flags < 16 then
        ready[#ready + 1] = id
      elseif delay == '0' then
        local band = band_of(flags)
        bands[band] = bands[band] or {}
        table.insert(bands[band], id)
      else
        local due = now + tonumber(delay)
        scheduled[#scheduled + 1] = integer(due)
        scheduled[#scheduled + 1] = scheduled_member(id, flags, false)
        if earliest == 0 or due < earliest then earliest = due end
      end
    end
  end
  return {
    records = records, ready = ready, bands = bands, scheduled = scheduled, codes = codes, due = earliest, uses = uses,
  }
end

-- Notes what jobs of the queue ask for. O(1)
local function note_uses(queue, uses)
  local before = call('HGET', queue.meta, 'uses') or ''
  local after = before
  for letter in string.gmatch(uses, '.') do
    if not string.find(after, letter, 1, true) then after = after .. letter end
  end
  if after ~= before then call('HSET', queue.meta, 'uses', after) end
end

-- O(1) for each ready job, O(log n) for each scheduled one
local function admit(queue, plan)
  if plan.uses ~= '' and #plan.records > 0 then note_uses(queue, plan.uses) end
  if #plan.records > 0 then call('HSET', queue.jobs, unpack(plan.records)) end
  if #plan.ready > 0 then
    call('RPUSH', queue.ready, unpack(plan.ready))
    ensure_marker(queue)
  end
  for band, ids in pairs(plan.bands) do
    call('RPUSH', band_list(queue, band), unpack(ids))
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
