-- What a running job says of itself: how far it is, and lines of a log. A string for each job that says anything:
--   parts of 1000 that are done 2 (65535 for unknown), at 8 ms, then lines "ms text\n", the newest last, bounded
local NOTES_BYTES_MAX = 4096
local UNKNOWN = 65535

local function uses_notes(uses) return uses and string.find(uses, 'n', 1, true) end

-- Notes go with the last of their jobs. O(ids)
local function drop_notes(queue, uses, ids)
  if #ids > 0 and uses_notes(uses) then call('HDEL', queue.notes, unpack(ids)) end
end
