#!lua
--@include common admit
--@rare checks records places order notes batches ends
-- Enqueues jobs of one shard, into one queue or several. Refused as a whole when memory is full.
-- KEYS  the 22 keys of each queue, or the first 11 of each when no job asks for more and no queue is limited
-- ARGV  1 to skip the comparison of digests (a test's fault) or 0; keys of each queue; then for each queue: number of jobs, options
--       (library/admit.lua), jobs the queue may have or 0, and for each job: id, delay in ms, record without its first 8 bytes
-- Returns for each queue its codes (library/admit.lua), or where some are "u" { codes, the id that has the unique key of
--       each of those }. O(1) for each ready job, O(log n) for each scheduled one
local now = now_ms()
local skip_digest = ARGV[1] == '1'
local plans = {}
KEYS_PER_QUEUE = tonumber(ARGV[2])
local at = 3
for number = 1, #KEYS / KEYS_PER_QUEUE do
  local queue, count = queue_keys(number), tonumber(ARGV[at])
  local length_max = tonumber(ARGV[at + 2])
  plans[number] = { queue, plan_admission(queue, at + 3, count, 3, ARGV[at + 1], length_max, skip_digest, nil, now) }
  at = at + 3 + count * 3
end
local answers = {}
for number, plan in ipairs(plans) do
  local codes, holders = admit(plan[1], plan[2]), plan[2].holders
  answers[number] = #holders == 0 and codes or { codes, unpack(holders) }
end
return answers
