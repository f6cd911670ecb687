#!lua flags=no-writes
--@include common records places leases
-- Looks through a capped part of one place of a queue in a shard, for operators. Nothing is as a worker would find it later:
-- a job that moves meanwhile may be seen twice or not at all.
-- KEYS  the queue's 22 keys
-- ARGV  place: alone, urgent, high, ready, low, held, leased, scheduled, dead or kept
--       two marks, where the last look ended; "" at the beginning of the place
--         lists and held: how many to pass over; leased: how many leases, and how many jobs of the next one;
--         sorted sets: score and member of the last one that was seen
--       how many jobs at most, bytes of their records at most (one job is always looked at)
--       1 when the payloads are wanted
--       dead only: the earliest and latest time of death, "" for any
-- Returns { now, 1 when the place is at its end, two marks, ids, times, holders, records }
--   time: due, time of death, or since when it is leased; holder: fence and worker of a leased job
-- O(log n + looked at); in a list also O(n / 128) for its distance from the ends
local JOBS_MAX = 200
local LEASES_MAX = 64
local queue = queue_keys(1)
local place, mark, second = ARGV[1], ARGV[2], ARGV[3]
local jobs_max, bytes_max = math.min(tonumber(ARGV[4]), JOBS_MAX), tonumber(ARGV[5])
local with_payload, from, to = ARGV[6] == '1', ARGV[7], ARGV[8]
local BAND_OF_PLACE = { ready = 0, urgent = 1, high = 2, low = 3 }

-- Members as they stand, with what goes with each; `at_end` when nothing is behind them.
local members, times, holders, at_end = {}, {}, {}, false
-- The marks after each of them.
local marks, seconds = {}, {}

local function look_at_list(command, list)
  local first = tonumber(mark) or 0
  members = call(command, list, first, first + jobs_max - 1)
  for index = 1, #members do
    times[index], holders[index] = 0, ''
    marks[index], seconds[index] = integer(first + index), ''
  end
  at_end = #members < jobs_max
end

local function look_at_leases()
  local first, passed = tonumber(mark) or 0, tonumber(second) or 0
  local fences = call('ZRANGE', queue.expiries, first, first + LEASES_MAX - 1)
  for number, fence in ipairs(fences) do
    local record = call('HGET', queue.leases, fence)
    local ids = record and split_ids(lease_ids(record)) or {}
    local since, worker = string.match(record or '', '^%S* (%d+) (%S*)', TOKEN_BYTES + 4)
    for index = passed + 1, #ids do
      if #members == jobs_max then return end
      local at = #members + 1
      members[at], times[at], holders[at] = ids[index], tonumber(since), fence .. ' ' .. worker
      marks[at], seconds[at] = integer(first + number - 1), integer(index)
      if index == #ids then marks[at], seconds[at] = integer(first + number), '' end
    end
    passed = 0
  end
  at_end = #fences < LEASES_MAX
end

local function look_at_set(set)
  local first = 0
  local rank = second ~= '' and call('ZRANK', set, second)
  if rank then
    first = rank + 1
  elseif second ~= '' then
    -- It went meanwhile: those of the same instant are seen again.
    first = call('ZCOUNT', set, '-inf', '(' .. mark)
  elseif from ~= '' then
    first = call('ZCOUNT', set, '-inf', '(' .. from)
  end
  local found = call('ZRANGE', set, first, first + jobs_max - 1, 'WITHSCORES')
  for at = 1, #found, 2 do
    local score = tonumber(found[at + 1])
    if to ~= '' and score > tonumber(to) then
      at_end = true
      return
    end
    local index = #members + 1
    members[index], times[index], holders[index] = found[at], score, ''
    marks[index], seconds[index] = integer(score), found[at]
  end
  at_end = #found < 2 * jobs_max
end

-- The record with an empty payload: it may be large, and a list shows none of it.
local function record_without_payload(record)
  local kind_bytes, trace_bytes, payload_bytes = struct.unpack('>BI2I4', record, 24)
  local payload = 31 + kind_bytes + trace_bytes
  if has_flag(record_flags(record), EXTENDED) then payload = payload + 2 + struct.unpack('>I2', record, 31) end
  return string.sub(record, 1, 26) .. struct.pack('>I4', 0) .. string.sub(record, 31, payload - 1)
    .. string.sub(record, payload + payload_bytes)
end

if place == 'alone' then
  look_at_list('LRANGE', queue.alone)
elseif BAND_OF_PLACE[place] then
  look_at_list('LRANGE', band_list(queue, BAND_OF_PLACE[place]))
elseif place == 'held' then
  -- By rank: a name holds an order key of any form and has no place in a cursor.
  look_at_list('ZRANGE', queue.ordered)
elseif place == 'leased' then
  look_at_leases()
else
  look_at_set(queue[place])
end

local ids, count, bytes = {}, 0, 0
for index, member in ipairs(members) do
  -- What comes before an id in the schedule (library/places.lua), and among those held back (library/order.lua).
  local first = string.byte(member)
  local id = first >= SUSPECT_LETTER and first < SUSPECT_LETTER + BANDS and string.sub(member, 2) or member
  if place == 'held' then id = string.match(member, '(%S+)$') end
  bytes = bytes + call('HSTRLEN', queue.jobs, id)
  if count > 0 and bytes > bytes_max then break end
  count = index
  ids[index] = id
end
if count == 0 then return { now_ms(), 1, '', '', {}, {}, {}, {} } end
if count < #members then at_end = false end
local records = call('HMGET', queue.jobs, unpack(ids))
for index = 1, count do
  local record = records[index] or ''
  if not with_payload and #record >= 32 and string.byte(record, 9) <= 2 then record = record_without_payload(record) end
  records[index] = record
  times[index] = times[index] or 0
end
for index = #times, count + 1, -1 do times[index], holders[index] = nil, nil end
return { now_ms(), at_end and 1 or 0, marks[count], seconds[count], ids, times, holders, records }
