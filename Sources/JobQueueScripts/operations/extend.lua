#!lua flags=allow-oom
--@include common leases meta
-- The heartbeat: extends leases of one queue of a shard by a whole lease from now.
-- KEYS  the queue's 22 keys
-- ARGV  lease in ms, then fence and token of each lease
-- Returns { one letter for each lease: "+" extended, "-" not this worker's any more; then fence and joined ids of the jobs
--       to be cancelled, for each lease that has some }. O(log n) for each lease
local queue = queue_keys(1)
local lease_ms = tonumber(ARGV[1])
local now = now_ms()
local meta = read_upkeep(queue)
breathe(queue, meta, now, lease_ms)
write_upkeep(queue, meta)
local answers, expiries, cancels = {}, {}, {}
for at = 2, #ARGV, 2 do
  local lease = call('HGET', queue.leases, ARGV[at])
  if lease and string.sub(lease, 1, TOKEN_BYTES) == ARGV[at + 1] then
    expiries[#expiries + 1] = integer(now + lease_ms)
    expiries[#expiries + 1] = ARGV[at]
    answers[#answers + 1] = '+'
    if lease_has_cancels(lease) then
      cancels[#cancels + 1] = ARGV[at]
      cancels[#cancels + 1] = lease_cancels(lease)
    end
  else
    answers[#answers + 1] = '-'
  end
end
if #expiries > 0 then call('ZADD', queue.expiries, unpack(expiries)) end
return { table.concat(answers), unpack(cancels) }
