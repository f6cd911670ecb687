#!lua flags=allow-oom
--@include common checks records places order leases
-- Proves where jobs are that must be in one list or under one lease, and mends it where asked. A proof needs a look through
-- the lists and leases: where those are too long for one script, it says so and changes nothing.
-- KEYS  the queue's 22 keys
-- ARGV  1 to repair, then the ids, 20 at most
-- Returns one letter for each: "+" in one place, "0" in none, "2" in more than one, "3" beside the head of its order key, "?" not to be proven
--         now, "-" gone or in the schedule or dead by now. O(ids x looked through), both capped
local LIST_MAX, LEASES_MAX, LEASED_BYTES_MAX, LINE_MAX = 20000, 200, 1000000, 500
-- A name that no job can have: whoever pops it passes over it.
local NOBODY = '~'
local queue = queue_keys(1)
local repairs = ARGV[1] == '1'
local lists, length = { queue.alone }, call('LLEN', queue.alone)
for band = 0, BANDS - 1 do
  lists[#lists + 1] = band_list(queue, band)
  length = length + call('LLEN', band_list(queue, band))
end

local answers = {}
local function all(letter)
  for index = 2, #ARGV do answers[index - 1] = letter end
  return table.concat(answers)
end
if length > LIST_MAX or call('HLEN', queue.leases) > LEASES_MAX then return all('?') end
local leases, bytes = call('HVALS', queue.leases), 0
for index, lease in ipairs(leases) do
  bytes = bytes + #lease
  leases[index] = ' ' .. lease_ids(lease) .. ' '
end
if bytes > LEASED_BYTES_MAX then return all('?') end

local function look(id)
  local record = call('HGET', queue.jobs, id)
  if not record or call('ZSCORE', queue.dead, id) or call('ZSCORE', queue.kept, id) then return '-' end
  if call('ZSCORE', queue.scheduled, scheduled_member(id, record_flags(record), false)) then return '-' end
  if call('ZSCORE', queue.scheduled, '!' .. id) then return '-' end
  local is_leased = 0
  for _, lease in ipairs(leases) do
    if string.find(lease, ' ' .. id .. ' ', 1, true) then is_leased = is_leased + 1 end
  end
  local entries = {}
  for _, list in ipairs(lists) do
    for _, position in ipairs(call('LPOS', list, id, 'COUNT', 10)) do entries[#entries + 1] = { list, position } end
  end
  local places = is_leased + #entries
  local key = order_key(record)
  if key and not place_of(queue, key, id) then
    local line = call('ZRANGE', queue.ordered, '[' .. key .. ' ', '(' .. key .. '!', 'BYLEX', 'LIMIT', 0, LINE_MAX)
    if #line == LINE_MAX then return '?' end
    local is_in_line = false
    for _, member in ipairs(line) do is_in_line = is_in_line or string.match(member, ' (%S+)$') == id end
    -- One that runs beside its key's head will end.
    if is_leased > 0 or is_in_line and places == 0 then return '+' end
    if repairs then
      for _, entry in ipairs(entries) do call('LSET', entry[1], entry[2], NOBODY) end
      if not is_in_line then line_up(queue, key, id, 0, 1) end
    end
    return '3'
  end
  if places == 1 then return '+' end
  if places == 0 then
    if repairs then
      -- What may have ended its worker is not known any more: it runs alone.
      call('RPUSH', queue.alone, id)
      ensure_marker(queue)
    end
    return '0'
  end
  if repairs then
    -- The first entry stays, unless a lease has the job.
    for index = is_leased > 0 and 1 or 2, #entries do call('LSET', entries[index][1], entries[index][2], NOBODY) end
  end
  return '2'
end

for index = 2, #ARGV do answers[index - 1] = look(ARGV[index]) end
return table.concat(answers)
