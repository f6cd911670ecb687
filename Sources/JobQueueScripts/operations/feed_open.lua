#!lua
--@include common
-- Asks the workers for a feed of their jobs' ends, for as long as somebody says so again.
-- KEYS  the feed, the key that asks for it; both in the slot of shard 0
-- ARGV  how long it is asked for, in ms
-- Returns the id of the feed's last entry, 0-0 for none: what comes after it is new. O(1)
call('SET', KEYS[2], '1', 'PX', ARGV[1])
local last = call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
return last[1] and last[1][1] or '0-0'
