#!lua flags=allow-oom
--@include common checks records places order notes batches ends leases
-- Looks through a slice of one structure of a queue for what must not be, and mends it where asked. What one script can
-- prove is proven here; where the jobs in lists are is for operations/check_places.lua.
-- KEYS  the queue's 22 keys
-- ARGV  structure: scheduled, dead, kept, ordered, members, expiries (by rank), leases, unique, heads, jobs (by cursor)
--       cursor, 0 at first; entries to look at in about; 1 to repair
-- Returns { cursor to go on with or "0", entries seen, findings: kind, subject, ...; for jobs: ids that must be in a list or
--           under a lease; ids that must be in the line of their order key }. O(looked at x log n)
local LINE_MAX = 200
local queue = queue_keys(1)
local structure, cursor, count, repairs = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1'
local now = now_ms()
local findings, elsewhere, held, removed = {}, {}, {}, 0

local function find(kind, subject)
  findings[#findings + 1] = kind
  findings[#findings + 1] = subject
end

local function id_of(member)
  local letter = string.byte(member) - SUSPECT_LETTER
  return letter < BANDS and letter >= 0 and string.sub(member, 2) or member
end

-- By rank: what was removed moves the others up.
local function ranks(set, look)
  local first = tonumber(cursor)
  local members = call('ZRANGE', set, first, first + count - 1)
  for _, member in ipairs(members) do look(member) end
  return #members < count and '0' or integer(first + #members - removed), #members
end

local function drop(set, member)
  if not repairs then return end
  call('ZREM', set, member)
  removed = removed + 1
end

local function needs_record(set, kind)
  return ranks(set, function(member)
    if call('HEXISTS', queue.jobs, id_of(member)) == 1 then return end
    find(kind, member)
    drop(set, member)
  end)
end

local function scan(hash, look)
  local found = call('HSCAN', hash, cursor, 'COUNT', count)
  for at = 1, #found[2], 2 do look(found[2][at], found[2][at + 1]) end
  return found[1], #found[2] / 2
end

local function look_at_lease(fence, lease)
  if not call('ZSCORE', queue.expiries, fence) then
    find('lease_without_expiry', fence)
    if repairs then
      call('ZADD', queue.expiries, integer(now), fence)
      check_by(queue, now)
    end
  end
  local ids, left = split_ids(lease_ids(lease)), {}
  for index, exists in ipairs(call('HMGET', queue.jobs, unpack(ids))) do
    if exists then left[#left + 1] = ids[index] else find('lease_without_job', ids[index]) end
  end
  if not repairs or #left == #ids then return end
  if #left == 0 then
    call('HDEL', queue.leases, fence)
    call('ZREM', queue.expiries, fence)
  else
    call('HSET', queue.leases, fence, lease_with(lease, table.concat(left, ' '), lease_cancels(lease)))
  end
end

local function look_at_head(name, id)
  local key = string.match(name, '^%S+')
  local record = call('HGET', queue.jobs, id)
  if record and order_key(record) == key and not call('ZSCORE', queue.dead, id) and not has_flag(record_flags(record), KEPT)
  then return end
  find('head_without_job', name)
  if not repairs then return end
  local due = advance(queue, key, id, now)
  if due > 0 then check_by(queue, due) end
end

local function has_head(key)
  local names = {}
  for number = 1, PLACES_MAX do names[number] = place_name(key, number) end
  for _, holder in ipairs(call('HMGET', queue.heads, unpack(names))) do
    if holder then return true end
  end
  return false
end

local function look_at_line(member)
  local key, id = string.match(member, '^(%S+) .* (%S+)$')
  if call('HEXISTS', queue.jobs, id) == 0 then
    find('line_without_job', member)
    return drop(queue.ordered, member)
  end
  if has_head(key) then return end
  find('line_without_head', key)
  if not repairs then return end
  -- As if a head had just ended.
  call('HSET', queue.heads, key, '')
  local due = advance(queue, key, '', now)
  removed = removed + 1
  if due > 0 then check_by(queue, due) end
end

-- Where a job is by its record and the sets; "list" when only a list or a lease is left.
local function look_at_job(id, record)
  -- What a later release wrote may have places that this one does not know.
  if (string.byte(record, 9) or 0) > VERSION_MAX then return end
  local places = 0
  local flags = record_flags(record)
  local dead, kept = call('ZSCORE', queue.dead, id), call('ZSCORE', queue.kept, id)
  if dead then places = places + 1 end
  if kept then places = places + 1 end
  local scheduled = scheduled_as(queue, id, record)
  if scheduled then places = places + 1 end
  local key = order_key(record)
  if key and not dead and not kept and not place_of(queue, key, id) then
    if not has_head(key) then
      local line = call('ZRANGE', queue.ordered, '[' .. key .. ' ', '(' .. key .. '!', 'BYLEX', 'LIMIT', 0, LINE_MAX)
      for _, member in ipairs(line) do
        if string.match(member, ' (%S+)$') == id then return end
      end
      if #line == LINE_MAX then return end
      find('job_not_in_line', id)
      if repairs then call('HSET', queue.heads, key, id) end
    elseif scheduled then
      find('job_not_in_line', id)
      if not repairs then return end
      local due = call('ZSCORE', queue.scheduled, scheduled)
      call('ZREM', queue.scheduled, scheduled)
      return line_up(queue, key, id, tonumber(due), 1)
    elseif places == 0 then
      held[#held + 1] = id
      return
    end
  end
  if has_flag(flags, KEPT) and not kept then
    find('kept_without_time', id)
    if repairs then call('ZADD', queue.kept, integer(now), id) end
    return
  end
  if places > 1 then return find('job_in_two_places', id) end
  if places == 0 then elsewhere[#elsewhere + 1] = id end
end

local next_cursor, seen
if structure == 'scheduled' then
  next_cursor, seen = needs_record(queue.scheduled, 'scheduled_without_job')
elseif structure == 'dead' then
  next_cursor, seen = needs_record(queue.dead, 'dead_without_job')
elseif structure == 'kept' then
  next_cursor, seen = needs_record(queue.kept, 'kept_without_job')
elseif structure == 'ordered' then
  next_cursor, seen = ranks(queue.ordered, look_at_line)
elseif structure == 'members' then
  next_cursor, seen = ranks(queue.members, function(member)
    local batch, id = string.match(member, '^([^ ~]+)[ ~](%S+)$')
    if call('HEXISTS', queue.jobs, id) == 1 and call('HEXISTS', queue.batches, batch) == 1 then return end
    find('member_without_job', member)
    if not repairs then return end
    -- As a job that is gone without success.
    note_leaver(queue, batch, id, 'x')
    leave_batches(queue, now)
    removed = removed + 1
  end)
elseif structure == 'expiries' then
  next_cursor, seen = ranks(queue.expiries, function(fence)
    if call('HEXISTS', queue.leases, fence) == 1 then return end
    find('expiry_without_lease', fence)
    drop(queue.expiries, fence)
  end)
elseif structure == 'leases' then
  next_cursor, seen = scan(queue.leases, look_at_lease)
elseif structure == 'unique' then
  next_cursor, seen = scan(queue.unique, function(key)
    if unique_holder(queue, key) then return end
    find('key_without_job', key)
    if repairs then call('HDEL', queue.unique, key) end
  end)
elseif structure == 'heads' then
  next_cursor, seen = scan(queue.heads, look_at_head)
else
  next_cursor, seen = scan(queue.jobs, look_at_job)
end
return { next_cursor, seen, findings, elsewhere, held }
