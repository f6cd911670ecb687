#!lua flags=allow-oom
--@include common
--@rare checks records places leases admit order notes batches ends kept
-- Ends attempts: completes, retries, buries, gives back or snoozes jobs of some leases, and enqueues the follow-ups of
-- those it completes. What is not under the lease any more is named and left alone, with its follow-ups.
-- KEYS  the queue's 22 keys, then those of each queue that gets follow-ups (of the same shard)
-- ARGV  1 when the queue remembers completed jobs, for how long in ms, how many in a generation, 1 to skip the
--       comparison of digests, how long completed jobs are kept in ms or 0, how many; the number of leases, and for each: fence, token, number of completed jobs, number of
--       others, the completed ids, their digests when they are remembered, and for each other job: id, verdict
--       (r retry, b bury, g give back, s snooze, e expire, x cancel, c complete where more than the record goes), delay in ms,
--       message;
--       then for each queue of follow-ups: number of jobs, options (library/admit.lua), and for each job: id, delay in
--       ms, record without its first 8 bytes, id of the job it follows
-- Returns { stale: number of the lease, id, ...; ids that ended dead, now, next check or 0, codes of each queue of
--           follow-ups, ids that ended cancelled }
-- O(1) for each completed job of a lease settled at once; O(jobs of the lease) for a part of it
local queue = queue_keys(1)
local remembers, remembered_ms, remembered_max = ARGV[1] == '1', tonumber(ARGV[2]), tonumber(ARGV[3])
local skip_digest = ARGV[4] == '1'
local kept_ms, kept_max = tonumber(ARGV[5]), tonumber(ARGV[6])
local now = now_ms()
local stale, stale_ids, has_others = {}, {}, false
local groups = {}

-- First look: which of the ids are under the lease they are said to be under?
local at = 8
for number = 1, tonumber(ARGV[7]) do
  local fence, token = ARGV[at], ARGV[at + 1]
  local completed, others = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local first = at + 4
  local first_digest = first + completed
  local first_other = first_digest + (remembers and completed or 0)
  at = first_other + others * 4
  local group = { fence = fence, completed = {}, digests = {}, others = {}, left = nil }
  local lease = call('HGET', queue.leases, fence)
  --@when skip-fence lease = lease or token .. ' 0 - 0 -\n' .. table.concat(ARGV, ' ', first, first + completed - 1)
  if not lease or string.sub(lease, 1, TOKEN_BYTES) ~= token then lease = nil end --@unless skip-token
  -- The whole lease at once, none of it to be cancelled: its ids are the rest of the record (library/leases.lua).
  local is_whole = lease and others == 0 and string.byte(lease, TOKEN_BYTES + 2) < 50
    and table.concat(ARGV, ' ', first, first + completed - 1)
      == string.sub(lease, string.find(lease, '\n', 1, true) + 1)
  if is_whole then
    group.completed = { unpack(ARGV, first, first + completed - 1) }
    if remembers then group.digests = { unpack(ARGV, first_digest, first_digest + completed - 1) } end
    group.left = {}
  else
    local function refuse(id)
      stale[id] = true
      stale_ids[#stale_ids + 1] = number
      stale_ids[#stale_ids + 1] = id
    end
    local under = {}
    local ids = lease and rare().split_ids(rare().lease_ids(lease)) or {}
    for _, id in ipairs(ids) do under[id] = true end
    for index = 0, completed - 1 do
      local id = ARGV[first + index]
      if under[id] then
        under[id] = nil
        group.completed[#group.completed + 1] = id
        if remembers then group.digests[#group.completed] = ARGV[first_digest + index] end
      else
        refuse(id)
      end
    end
    if others > 0 then has_others = true end
    for index = 0, others - 1 do
      local argument = first_other + index * 4
      local id = ARGV[argument]
      if under[id] then
        under[id] = nil
        group.others[#group.others + 1] = argument
      else
        refuse(id)
      end
    end
    if lease then
      group.left = {}
      for _, id in ipairs(ids) do if under[id] then group.left[#group.left + 1] = id end end
    end
  end
  group.lease = lease
  groups[number] = group
end
if #stale_ids > 0 then
  -- The same job may be stale under one lease and current under a later one: then its follow-ups are wanted.
  for _, group in ipairs(groups) do
    for _, id in ipairs(group.completed) do stale[id] = nil end
    for _, argument in ipairs(group.others) do stale[ARGV[argument]] = nil end
  end
end

local plans = {}
if #KEYS > KEYS_PER_QUEUE then
  -- A job that ends here gives its unique key free for a follow-up of this very call.
  local function ends_here()
    local ending = {}
    for _, group in ipairs(groups) do
      for _, argument in ipairs(group.others) do
        if ARGV[argument + 1] == 'c' then ending[ARGV[argument]] = true end
      end
    end
    return ending
  end
  for number = 2, #KEYS / KEYS_PER_QUEUE do
    local target, count, options = queue_keys(number), tonumber(ARGV[at]), ARGV[at + 1]
    local ending = target.jobs == queue.jobs and string.find(options, 'u', 1, true) and ends_here() or nil
    -- Follow-ups are never refused for the length of their queue.
    plans[number - 1] = {
      target, rare().plan_admission(target, at + 2, count, 4, options, 0, skip_digest, stale, now, ending),
    }
    at = at + 2 + count * 4
  end
end

-- Then write.
local values = call('HMGET', queue.meta, 'check', 'completed', 'failed', 'died', 'gen', 'gen_at', 'uses', 'kept_ms')
local check, completed_total = tonumber(values[1] or 0), tonumber(values[2] or 0)
local failed_total, died_total = tonumber(values[3] or 0), tonumber(values[4] or 0)
local generation, generation_at = tonumber(values[5] or 0), tonumber(values[6] or now)
local uses = values[7]
local died_ids, cancelled_ids, expired_count = {}, {}, 0
local changed = false

local frees = false
-- Made only in a call that needs them.
local remember, settle_other
if remembers then
  remember = function(ids, digests, state)
    local current = queue.done[generation + 1]
    if now - generation_at > remembered_ms or call('HLEN', current) + #ids > remembered_max then
      generation, generation_at = 1 - generation, now
      current = queue.done[generation + 1]
      call('UNLINK', current)
    end
    local entries = {}
    for index, id in ipairs(ids) do
      entries[2 * index - 1] = id
      entries[2 * index] = digests[index] .. state
    end
    call('HSET', current, unpack(entries))
  end
end
if has_others then
  -- As in library/records.lua.
  local FAILED, BURIED, SUSPECT = 1, 3, 2
  local own = rare()
  local function schedule(id, flags, delay, alone)
    if delay == 0 then
      call('RPUSH', alone and queue.alone or own.band_list(queue, own.band_of(flags)), id)
      ensure_marker(queue)
      return
    end
    local due = now + delay
    call('ZADD', queue.scheduled, integer(due), own.scheduled_member(id, flags, alone))
    if check == 0 or due < check then check = due end
  end

  -- Gives free what belongs to a job that ends.
  local function free(id, record, state)
    if not own.is_extended(record) then return end
    frees = true
    local due = own.release(queue, id, record, now, state)
    if due > 0 and (check == 0 or due < check) then check = due end
  end

  -- The last of a job that leaves nothing but its name.
  local function forget(id, record, state)
    if state == 'c' and kept_ms > 0 then
      own.keep(queue, { id }, { record }, now)
    else
      call('HDEL', queue.jobs, id)
      own.drop_notes(queue, uses, { id })
    end
    free(id, record, state)
    if remembers then remember({ id }, { string.sub(record, 16, 23) }, state) end
  end

  settle_other = function(argument, alone)
    local id, verdict, delay, message = ARGV[argument], ARGV[argument + 1], tonumber(ARGV[argument + 2]), ARGV[argument + 3]
    -- What waits normally needs no look at its record.
    if verdict == 's' and not uses then return schedule(id, 0, delay, alone) end
    local record = call('HGET', queue.jobs, id)
    if not record then return end
    if verdict == 'c' then
      completed_total = completed_total + 1
      return forget(id, record, 'c')
    elseif verdict == 'e' then
      expired_count = expired_count + 1
      return forget(id, record, 'e')
    elseif verdict == 'x' or own.is_cancelled(record) then
      cancelled_ids[#cancelled_ids + 1] = id
      return forget(id, record, 'x')
    end
    -- No wait goes beyond the deadline, when the job is to end; one that is beyond it waits as it is told.
    local deadline = uses and own.record_deadline(record)
    if deadline and deadline > now then delay = math.min(delay, deadline - now) end
    if verdict == 's' then return schedule(id, own.record_flags(record), delay, alone) end
    local attempt, crashes, max_attempts = own.record_counts(record)
    attempt = attempt + 1
    failed_total = failed_total + 1
    record = own.record_failed(record, now, attempt, verdict == 'b' and BURIED or FAILED, message)
    local dies = verdict == 'b' or attempt >= max_attempts
    call('HSET', queue.jobs, id, own.record_with(record, dies and alone and SUSPECT or 0, attempt, crashes))
    if not dies then return schedule(id, own.record_flags(record), delay, alone) end
    free(id, record, 'd')
    call('ZADD', queue.dead, integer(now), id)
    died_total = died_total + 1
    died_ids[#died_ids + 1] = id
  end
end

for _, group in ipairs(groups) do
  if group.lease and #group.completed + #group.others > 0 then
    changed = true
    local alone = string.byte(group.lease, TOKEN_BYTES + 2) % 2 == 1
    if #group.completed > 0 then
      if kept_ms > 0 then
        rare().keep(queue, group.completed, call('HMGET', queue.jobs, unpack(group.completed)), now)
      else
        call('HDEL', queue.jobs, unpack(group.completed))
        if uses and string.find(uses, 'n', 1, true) then rare().drop_notes(queue, uses, group.completed) end
      end
      if remembers then remember(group.completed, group.digests, 'c') end
      completed_total = completed_total + #group.completed
    end
    local given_back = {}
    for _, argument in ipairs(group.others) do
      if ARGV[argument + 1] == 'g' then
        given_back[#given_back + 1] = ARGV[argument]
      else
        settle_other(argument, alone)
      end
    end
    if #given_back > 0 then
      if alone then
        rare().push_front(queue.alone, given_back)
      else
        rare().push_front_of_bands(queue, uses, given_back)
      end
      ensure_marker(queue)
    end
    if #group.left == 0 then
      call('HDEL', queue.leases, group.fence)
      call('ZREM', queue.expiries, group.fence)
    else
      call('HSET', queue.leases, group.fence, rare().lease_of_left(group.lease, group.left))
    end
  end
end
if changed and kept_ms > 0 then
  rare().trim_kept(queue, kept_ms, kept_max, completed_total - tonumber(values[2] or 0), now)
  if not uses or not string.find(uses, 'k', 1, true) then rare().note_uses(queue, 'k') end
  if values[8] ~= ARGV[5] then call('HSET', queue.meta, 'kept_ms', ARGV[5]) end
  if check == 0 or now + kept_ms < check then check = now + kept_ms end
end
if changed then
  call('HSET', queue.meta, 'check', integer(check), 'completed', integer(completed_total),
    'failed', integer(failed_total), 'died', integer(died_total), 'gen', generation, 'gen_at', integer(generation_at))
  if #cancelled_ids > 0 then call('HINCRBY', queue.meta, 'cancelled', #cancelled_ids) end
  if expired_count > 0 then call('HINCRBY', queue.meta, 'expired', expired_count) end
end
local codes = {}
for number, plan in ipairs(plans) do codes[number] = rare().admit(plan[1], plan[2]) end
if frees then rare().leave_batches(queue, now) end
return { stale_ids, died_ids, now, check, codes, cancelled_ids }
