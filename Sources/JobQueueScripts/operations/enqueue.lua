#!lua
--@include common places records admit
-- Enqueues jobs of one shard, into one queue or several. Refused as a whole when memory is full.
-- KEYS  the 14 keys of each queue
-- ARGV  1 to skip the comparison of digests (a test's fault) or 0; then for each queue: number of jobs, options
--       (library/admit.lua), and for each job: id, delay in ms, record without its first 8 bytes
-- Returns for each queue its codes (library/admit.lua). O(1) for each ready job, O(log n) for each scheduled one
local now = now_ms()
local skip_digest = ARGV[1] == '1'
local plans = {}
local at = 2
for number = 1, #KEYS / KEYS_PER_QUEUE do
  local queue, count = queue_keys(number), tonumber(ARGV[at])
  plans[number] = { queue, plan_admission(queue, at + 2, count, 3, ARGV[at + 1], skip_digest, nil, now) }
  at = at + 2 + count * 3
end
local answers = {}
for number, plan in ipairs(plans) do answers[number] = admit(plan[1], plan[2]) end
return answers
