#!lua flags=no-writes
--@include common
-- Reads what a job has said of itself.
-- KEYS  the queue's 22 keys
-- ARGV  id
-- Returns the string of library/notes.lua, or nil. O(1)
local queue = queue_keys(1)
return call('HGET', queue.notes, ARGV[1])
