-- Where a job waits: in the list of its band, among the suspects, or in the schedule.
--
-- The band of a priority stands in bits 16 and 32 of a record's flags: 0 normal, 1 urgent, 2 high, 3 low. In the schedule
-- a letter that no id begins with stands before the id: "!" a suspect, '"' urgent, "#" high, "$" low.
local BANDS = 4
local SUSPECT_LETTER = 33

local function band_of(flags) return math.floor(flags / 16) % BANDS end

local function band_list(queue, band)
  if band == 0 then return queue.ready end
  return KEYS[queue.first + 11 + band]
end

local function scheduled_member(id, flags, alone)
  if alone then return '!' .. id end
  if flags < 16 then return id end
  local band = band_of(flags)
  return band == 0 and id or string.char(SUSPECT_LETTER + band) .. id
end

-- Whether a job waits in the schedule, under this name.
local function scheduled_as(queue, id, record)
  local member = scheduled_member(id, record_flags(record), false)
  if call('ZSCORE', queue.scheduled, member) then return member end
  if call('ZSCORE', queue.scheduled, '!' .. id) then return '!' .. id end
end

-- The letter of a job that is there (library/admit.lua).
local function state_of(queue, id, record)
  if is_cancelled(record) then return 'x' end
  if has_flag(record_flags(record), KEPT) then return 'c' end
  if call('ZSCORE', queue.dead, id) then return record_is_quarantined(record) and 'q' or 'd' end
  return scheduled_as(queue, id, record) and 's' or 'l'
end

-- The end of a job as its queue remembers it, digest and state, or false; the newer one where there are two. O(1)
local function remembered_end(queue, id)
  local generation = tonumber(call('HGET', queue.meta, 'gen') or 0)
  return call('HGET', queue.done[1 + generation], id) or call('HGET', queue.done[2 - generation], id)
end

local function uses_bands(uses) return uses and string.find(uses, 'b', 1, true) end

-- Jobs that are ready, suspects aside. O(1)
local function count_ready(queue, uses)
  local count = call('LLEN', queue.ready)
  if uses_bands(uses) then
    for band = 1, BANDS - 1 do count = count + call('LLEN', band_list(queue, band)) end
  end
  return count
end

-- Puts ids back to the front of a list, in their order. O(ids)
local function push_front(list, ids)
  local reversed, count = {}, #ids
  for index = 1, count do reversed[index] = ids[count + 1 - index] end
  call('LPUSH', list, unpack(reversed))
end

-- Puts ids back to the front of their bands, in their order. O(ids)
local function push_front_of_bands(queue, uses, ids)
  if not uses_bands(uses) then return push_front(queue.ready, ids) end
  local bands = {}
  for index, record in ipairs(call('HMGET', queue.jobs, unpack(ids))) do
    local band = record and band_of(record_flags(record)) or 0
    bands[band] = bands[band] or {}
    table.insert(bands[band], ids[index])
  end
  for band, own in pairs(bands) do push_front(band_list(queue, band), own) end
end

-- Takes ready ids, of all bands where a queue has some. O(taken)
--
-- The number of the lease decides which band goes first: of 15 leases 8 begin with urgent jobs, 4 with high ones, 2 with
-- normal ones and 1 with low ones; what the first leaves room for comes from the others by their rank. So a backlog of
-- urgent jobs leaves each other band a share, and an empty band costs nobody anything.
local BAND_RANKS = { 1, 2, 0, 3 }
local function pop_ready(queue, uses, fence, max)
  if not uses_bands(uses) then return call('LPOP', queue.ready, max) end
  local turn = fence % 15
  local first = turn < 8 and 1 or turn < 12 and 2 or turn < 14 and 0 or 3
  local ids = call('LPOP', band_list(queue, first), max) or {}
  for _, band in ipairs(BAND_RANKS) do
    if #ids >= max then break end
    local more = band ~= first and call('LPOP', band_list(queue, band), max - #ids)
    for _, id in ipairs(more or {}) do ids[#ids + 1] = id end
  end
  return #ids > 0 and ids
end
