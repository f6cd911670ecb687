-- Jobs of one order key: the first of them, its heads, are where any other job would be; those after them are held back.
--
-- A key has one place for a head unless its jobs say more. With one, at most one job of a key can be leased, whatever
-- becomes of it, and order is that of enqueueing: neither priority nor due time overtakes, and a head that waits for its
-- next attempt holds its key back. With more, that many are out at once, so that a key with a long line takes no more of
-- the ready jobs than its places. When a head ends, the next one is taken by its name, "key number due id", since a sorted
-- set of equal scores is ordered by names.
--
-- A key may have a rate (GCRA): the time from which on its next job may start stands in `rates`, and a head that is too
-- early waits in the schedule, where nobody fetches it in vain.
local PLACES_MAX = 64

local function order_key(record) return record_extension(record)[ORDER] end

local function place_name(key, number) return number == 1 and key or key .. ' ' .. number end

-- The places of a job's key, the milliseconds between its starts or 0, and the burst.
local function order_limit(record)
  local field = record_extension(record)[LIMIT]
  if not field then return 1, 0, 1 end
  local places, interval, burst = struct.unpack('>BI4I2', field)
  return places, interval / 1000, burst
end

-- Takes a place of a key; false when there is none. O(places)
local function claim(queue, key, id, places)
  if places == 1 then return call('HSETNX', queue.heads, key, id) == 1 end
  local names = {}
  for number = 1, math.min(places, PLACES_MAX) do names[number] = place_name(key, number) end
  for number, holder in ipairs(call('HMGET', queue.heads, unpack(names))) do
    if not holder then
      call('HSET', queue.heads, names[number], id)
      return true
    end
  end
  return false
end

-- The name of the place that a job has, or nil. O(1), and O(places) where it has not the first
local function place_of(queue, key, id)
  if call('HGET', queue.heads, key) == id then return key end
  local names = {}
  for number = 2, PLACES_MAX do names[number - 1] = place_name(key, number) end
  for number, holder in ipairs(call('HMGET', queue.heads, unpack(names))) do
    if holder == id then return names[number] end
  end
end

-- Makes a job a head of its key; false when there is no place and it is held back. `due` 0 is at once. O(log n)
local function line_up(queue, key, id, due, places)
  if claim(queue, key, id, places) then return true end
  local number = string.format('%016.0f', call('HINCRBY', queue.meta, 'seq', 1))
  call('ZADD', queue.ordered, 0, key .. ' ' .. number .. ' ' .. integer(due) .. ' ' .. id)
  return false
end

-- When a head may start by its key's rate; counts it as started then. O(log n)
local function start_at(queue, key, record, due, now)
  local _, interval, burst = order_limit(record)
  if interval == 0 then return due end
  local earliest = math.max(due, now)
  local theoretical = math.max(tonumber(call('ZSCORE', queue.rates, key) or 0), earliest)
  call('ZADD', queue.rates, string.format('%.3f', theoretical + interval), key)
  return math.ceil(math.max(earliest, theoretical - (burst - 1) * interval))
end

-- Forgets rates that bind nobody any more. O(log n + dropped), capped
local RATES_DROPPED_MAX = 200
local function trim_rates(queue, now)
  local past = call('ZRANGE', queue.rates, '-inf', integer(now), 'BYSCORE', 'LIMIT', 0, RATES_DROPPED_MAX)
  if #past > 0 then call('ZREM', queue.rates, unpack(past)) end
end

-- Puts a job where it waits. The time it is due, or 0 when it is ready. O(log n)
local function place(queue, id, flags, alone, due, now)
  if due > now then
    call('ZADD', queue.scheduled, integer(due), scheduled_member(id, flags, alone))
    return due
  end
  call('RPUSH', alone and queue.alone or band_list(queue, band_of(flags)), id)
  ensure_marker(queue)
  return 0
end

-- A head has ended: the next one takes its place. When that is due, or 0. O(log n)
local ADVANCES_MAX = 10
local function advance(queue, key, id, now)
  local own = place_of(queue, key, id)
  if not own then return 0 end
  call('HDEL', queue.heads, own)
  local earliest = 0
  for _ = 1, ADVANCES_MAX do
    local member = call('ZRANGE', queue.ordered, '[' .. key .. ' ', '(' .. key .. '!', 'BYLEX', 'LIMIT', 0, 1)[1]
    if not member then return earliest end
    local due, next_id = string.match(member, ' %d+ (%d+) (%S+)$')
    local record = call('HGET', queue.jobs, next_id)
    -- Only damage leaves a name without a record.
    if not record then
      call('ZREM', queue.ordered, member)
    else
      local places = order_limit(record)
      if not claim(queue, key, next_id, places) then return earliest end
      call('ZREM', queue.ordered, member)
      local flags = record_flags(record)
      local at = start_at(queue, key, record, tonumber(due), now)
      local check = place(queue, next_id, flags, has_flag(flags, SUSPECT), at, now)
      if check > 0 and (earliest == 0 or check < earliest) then earliest = check end
      -- A key that has got more places lets more of them go.
      if places == 1 then return earliest end
    end
  end
  return earliest
end
