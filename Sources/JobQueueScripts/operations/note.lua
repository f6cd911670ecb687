#!lua
--@include common checks leases notes
-- Notes how far a leased job is, or a line of its log, or both. Refused when memory is full.
-- KEYS  the queue's 22 keys
-- ARGV  fence, token, id, parts of 1000 that are done or "", line or ""
-- Returns 1, or 0 when the job is not under the lease any more. O(jobs of the lease + bytes)
local queue, id = queue_keys(1), ARGV[3]
local lease = call('HGET', queue.leases, ARGV[1])
if not lease or string.sub(lease, 1, TOKEN_BYTES) ~= ARGV[2] then return 0 end
if not string.find(' ' .. lease_ids(lease) .. ' ', ' ' .. id .. ' ', 1, true) then return 0 end
local now = now_ms()
local notes = call('HGET', queue.notes, id)
local done, log = UNKNOWN, ''
if notes then done, log = struct.unpack('>I2', notes), string.sub(notes, 11) end
if ARGV[4] ~= '' then done = tonumber(ARGV[4]) end
if ARGV[5] ~= '' then log = log .. integer(now) .. ' ' .. ARGV[5] .. '\n' end
if #log > NOTES_BYTES_MAX then
  -- Whole lines go, the oldest first.
  local first = string.find(log, '\n', #log - NOTES_BYTES_MAX, true)
  log = string.sub(log, first + 1)
end
if not notes then note_uses(queue, 'n') end
call('HSET', queue.notes, id, struct.pack('>I2I8', done, now) .. log)
return 1
