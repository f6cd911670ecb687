#!lua flags=allow-oom
--@include common leases
-- Looks through some of the leases for a job that is to be cancelled, and marks the one it is under: the next heartbeat
-- tells the worker.
-- KEYS  the queue's 22 keys
-- ARGV  id, cursor (0 at first), leases to look at in about
-- Returns { cursor to go on with or 0, fence or "" }. O(jobs of the leases looked at), capped
local queue, id = queue_keys(1), ARGV[1]
local found = call('HSCAN', queue.leases, ARGV[2], 'COUNT', ARGV[3])
local leases = found[2]
for at = 1, #leases, 2 do
  local fence, lease = leases[at], leases[at + 1]
  local ids, cancels = lease_ids(lease), lease_cancels(lease)
  if string.find(' ' .. ids .. ' ', ' ' .. id .. ' ', 1, true) then
    if not string.find(' ' .. cancels .. ' ', ' ' .. id .. ' ', 1, true) then
      call('HSET', queue.leases, fence, lease_with(lease, ids, cancels == '' and id or cancels .. ' ' .. id))
    end
    return { '0', fence }
  end
end
return { found[1], '' }
