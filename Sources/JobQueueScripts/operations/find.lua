#!lua flags=no-writes
--@include common records places leases
-- Finds a job by its id, for operators.
-- KEYS  the queue's 22 keys
-- ARGV  id
-- Returns {} or { state, record (empty when only the end is remembered), due, time of end or 0, fence or "", worker }
-- O(1), and for a job that is ready or leased O(leased jobs), capped
local LEASES_MAX = 2000
local queue, id = queue_keys(1), ARGV[1]
local record = call('HGET', queue.jobs, id)
if not record then
  local entry = remembered_end(queue, id)
  if not entry then return {} end
  return { string.sub(entry, 9), '', 0, '', '' }
end
if has_flag(record_flags(record), KEPT) then
  return { 'c', record, tonumber(call('ZSCORE', queue.kept, id) or 0), '', '' }
end
local died_at = call('ZSCORE', queue.dead, id)
if died_at then return { record_is_quarantined(record) and 'q' or 'd', record, tonumber(died_at), '', '' } end
local due = scheduled_as(queue, id, record)
if due then return { 's', record, tonumber(call('ZSCORE', queue.scheduled, due)), '', '' } end
local is_cancelled = has_flag(record_flags(record), CANCELLED)
if call('HLEN', queue.leases) > LEASES_MAX then return { is_cancelled and 'x' or 'l', record, 0, '', '' } end
local leases = call('HGETALL', queue.leases)
for at = 1, #leases, 2 do
  if string.find(' ' .. lease_ids(leases[at + 1]) .. ' ', ' ' .. id .. ' ', 1, true) then
    local _, worker = lease_origin(leases[at + 1])
    return { 'f', record, 0, leases[at], worker }
  end
end
return { is_cancelled and 'x' or 'r', record, 0, '', '' }
