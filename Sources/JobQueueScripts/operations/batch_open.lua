#!lua
--@include common
-- Opens a batch: jobs may join it from now on. Refused when memory is full.
-- KEYS  the queue's 22 keys
-- ARGV  batch, its followers (library/batches.lua)
-- Returns 1, or 0 when it is open already. O(bytes)
local queue = queue_keys(1)
return call('HSETNX', queue.batches, ARGV[1], '\0' .. struct.pack('>I8', now_ms()) .. ARGV[2])
