#!lua flags=allow-oom
--@include common places
-- Stops or lets go the leasing of a queue in one shard. Leases that run go on; producers are taken.
-- KEYS  the queue's 22 keys
-- ARGV  1 to pause, 0 to resume
-- Returns 1 when that changed something. O(1)
local queue = queue_keys(1)
if ARGV[1] == '1' then return call('HSET', queue.meta, 'paused', '1') end
local resumed = call('HDEL', queue.meta, 'paused')
if count_ready(queue, call('HGET', queue.meta, 'uses')) + call('LLEN', queue.alone) > 0 then ensure_marker(queue) end
return resumed
