#!lua
--@include common admit
--@rare checks records places order notes batches ends
-- Enqueues the job of a schedule's slot, unless that slot or a later one of the schedule was enqueued before: the job and the note
-- of it are written together or not at all, and the note outlives the job. No limit of the queue refuses it. Refused as a whole
-- when memory is full.
-- KEYS  the queue's 22 keys; slots (HASH schedule -> its last slot that was enqueued, in ms)
-- ARGV  schedule, slot in ms, options (library/admit.lua), the job's id, 0, its record without the first 8 bytes
-- Returns the code (library/admit.lua), where "-" is a slot that was enqueued before. O(1)
local queue = queue_keys(1)
local slots, schedule, slot = KEYS[KEYS_PER_QUEUE + 1], ARGV[1], tonumber(ARGV[2])
local last = call('HGET', slots, schedule)
if last and slot <= tonumber(last) then return '-' end
local plan = plan_admission(queue, 4, 1, 3, ARGV[3], 0, false, nil, now_ms())
local code = admit(queue, plan)
call('HSET', slots, schedule, integer(slot))
return code
