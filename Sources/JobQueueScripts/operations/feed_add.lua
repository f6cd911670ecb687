#!lua
--@include common
-- Adds events to the feed, as one entry, when somebody asks for it still. Refused when memory is full.
-- KEYS  the feed, the key that asks for it
-- ARGV  entries to keep, ms to keep them after the last one, the worker, how many events it has sent before, how many it
--       has left out, then the events (Sources/JobQueue/JobEvent.swift), at most 250
-- Returns for how many ms it is asked for still; negative for nobody, and then nothing was added. O(events)
local EVENTS_MAX = 250
local asked_for = call('PTTL', KEYS[2])
if asked_for < 0 then return asked_for end
local fields = { 'worker', ARGV[3], 'sent', ARGV[4], 'left_out', ARGV[5] }
for at = 6, math.min(#ARGV, 5 + EVENTS_MAX) do
  fields[#fields + 1] = 'event'
  fields[#fields + 1] = ARGV[at]
end
call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(fields))
call('PEXPIRE', KEYS[1], ARGV[2])
return asked_for
