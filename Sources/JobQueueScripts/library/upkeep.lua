-- What time brings about: due jobs become ready, expired leases are reaped. Each call does a capped part of it.
local PROMOTED_MAX = 200
local REAPED_LEASES_MAX = 20
local REAPED_JOBS_MAX = 1000

-- Due jobs become ready. O(log n + promoted)
local function promote(queue, now)
  local due = call('ZRANGE', queue.scheduled, '-inf', integer(now), 'BYSCORE', 'LIMIT', 0, PROMOTED_MAX)
  if #due == 0 then return end
  local ready, others = {}, {}
  for _, member in ipairs(due) do
    local letter = string.byte(member) - SUSPECT_LETTER
    if letter >= BANDS then
      ready[#ready + 1] = member
    else
      others[letter] = others[letter] or {}
      table.insert(others[letter], string.sub(member, 2))
    end
  end
  if #ready > 0 then call('RPUSH', queue.ready, unpack(ready)) end
  for letter, ids in pairs(others) do
    call('RPUSH', letter == 0 and queue.alone or band_list(queue, letter), unpack(ids))
  end
  call('ZREMRANGEBYRANK', queue.scheduled, 0, #due - 1)
end

-- A lease of one suspect expired: its process ended or stood still while it ran nothing else. O(log n + bytes)
local function count_crash(queue, id, worker, now, crashes_max, quarantined)
  local record = call('HGET', queue.jobs, id)
  if not record then return end
  if has_flag(record_flags(record), CANCELLED) then return call('RPUSH', queue.alone, id) end
  local attempt, crashes = record_counts(record)
  crashes = crashes + 1
  record = record_failed(record, now, attempt + 1, CRASHED, string.sub(worker, 1, 300))
  if crashes < crashes_max then
    call('HSET', queue.jobs, id, record_with(record, 0, attempt, crashes))
    call('RPUSH', queue.alone, id)
    return
  end
  record = record_with(record, QUARANTINED + SUSPECT, attempt, crashes)
  call('HSET', queue.jobs, id, record)
  if has_flag(record_flags(record), EXTENDED) then
    rare().release(queue, id, record, now, 'd')
    rare().leave_batches(queue, now)
  end
  call('ZADD', queue.dead, integer(now), id)
  quarantined[#quarantined + 1] = id
  quarantined[#quarantined + 1] = record
end

-- Takes back expired leases. O(log n) for each lease, O(1) for each of its jobs
local function reap(queue, meta, now, run, crashes_max, skip_leased_alone, quarantined)
  if now < meta.hold then return end
  local expired = call('ZRANGE', queue.expiries, '-inf', integer(now), 'BYSCORE', 'LIMIT', 0, REAPED_LEASES_MAX)
  local taken = {}
  local jobs = 0
  for _, fence in ipairs(expired) do
    if jobs >= REAPED_JOBS_MAX then break end
    taken[#taken + 1] = fence
    local record = call('HGET', queue.leases, fence)
    if record then
      local ids = split_ids(lease_ids(record))
      local alone = lease_is_alone(record)
      local run_then, worker = lease_origin(record)
      jobs = jobs + #ids
      if run_then ~= run then
        -- Redis restarted or failed over meanwhile: that may be why nobody came back in time.
        if alone then push_front(queue.alone, ids) else push_front_of_bands(queue, meta.uses, ids) end
      elseif skip_leased_alone then
        call('RPUSH', queue.ready, unpack(ids))
      elseif alone then
        for _, id in ipairs(ids) do count_crash(queue, id, worker, now, crashes_max, quarantined) end
      else
        call('RPUSH', queue.alone, unpack(ids))
      end
    end
  end
  if #taken > 0 then
    call('HDEL', queue.leases, unpack(taken))
    call('ZREM', queue.expiries, unpack(taken))
    meta.died = #quarantined / 2
  end
end

-- Does what is due, where `meta.check` says that something is.
local function upkeep(queue, meta, now, run, crashes_max, skip_leased_alone, quarantined)
  promote(queue, now)
  local keeps = meta.uses and string.find(meta.uses, 'k', 1, true)
  local kept_ms = keeps and tonumber(call('HGET', queue.meta, 'kept_ms'))
  if keeps then rare().trim_kept(queue, kept_ms, math.huge, 0, now) end
  if meta.uses and string.find(meta.uses, 'r', 1, true) then rare().trim_rates(queue, now) end
  reap(queue, meta, now, run, crashes_max, skip_leased_alone, quarantined)
  meta.check = next_check(queue, meta.hold)
  if keeps then
    local oldest = call('ZRANGE', queue.kept, 0, 0, 'WITHSCORES')[2]
    local gone = oldest and tonumber(oldest) + kept_ms
    if gone and (meta.check == 0 or gone < meta.check) then meta.check = gone end
  end
  meta.touched = true
end
