-- A job's record: one string, made by the client but for its first 8 bytes. Numbers are big-endian.
--    1-8   enqueued_at   ms, put in front by the admission
--    9     version       1, or 2 with an extension, so that a release without extensions leaves the job alone
--   10     flags         1 quarantined, 2 suspect when it died, 4 cancelled, 8 extended, 16 and 32 the band (library/places.lua),
--                        64 completed and kept
--   11-12  attempt       failed runs so far
--   13     crashes       leases that expired while it was leased alone
--   14-15  max_attempts
--   16-23  digest        of kind and payload
--   24     bytes of kind;  25-26 bytes of trace;  27-30 bytes of payload
--   31-    the extension if there is one: bytes 2, then fields of tag 1, bytes 1, value; none of them is in most records:
--            1 how long after its enqueueing it may begin to run, 8 bytes, ms
--            2 unique key, after a byte of its mode: 1 reject, 2 replace, 3 debounce
--            3 order key
--            4 its places 1 byte, and 0 or the microseconds between starts 4, burst 2
--            5 batch
--          kind, trace, payload, then up to 5 failures, oldest first:
--          at 8, attempt 2, kind 1 (1 failed, 2 crashed, 3 buried), bytes 2, message (at most 300)
-- Nothing here is read or rewritten while jobs succeed.
local FAILURES_MAX = 5
local FAILED, CRASHED, BURIED = 1, 2, 3
local QUARANTINED, SUSPECT, CANCELLED, EXTENDED, KEPT = 1, 2, 4, 8, 64
local VERSION_MAX = 2
local LIFETIME, UNIQUE, ORDER, LIMIT, BATCH = 1, 2, 3, 4, 5
local REJECT, REPLACE, DEBOUNCE = 1, 2, 3

local function record_counts(record)
  local attempt, crashes, max_attempts = struct.unpack('>I2BI2', record, 11)
  return attempt, crashes, max_attempts
end

-- Those of a record that a later release wrote, or of damage, are none: the job goes through to the client, which parks it.
local function record_flags(record)
  local version, flags = string.byte(record, 9, 10)
  return flags and version <= VERSION_MAX and flags or 0
end

local function has_flag(flags, flag) return flags % (2 * flag) >= flag end

local function is_cancelled(record) return has_flag(record_flags(record), CANCELLED) end

local function is_extended(record) return has_flag(record_flags(record), EXTENDED) end

local function record_is_quarantined(record) return has_flag(record_flags(record), QUARANTINED) end

-- The values of a record's extension by their tags; empty for a record without one. O(fields)
local function record_extension(record)
  local fields = {}
  if not has_flag(record_flags(record), EXTENDED) or #record < 32 then return fields end
  local position, last = 33, 32 + struct.unpack('>I2', record, 31)
  if last > #record then return fields end
  while position < last do
    local tag, bytes = string.byte(record, position, position + 1)
    fields[tag] = string.sub(record, position + 2, position + 1 + bytes)
    position = position + 2 + bytes
  end
  return fields
end

-- When a job may not begin to run any more, or nil.
local function record_deadline(record)
  local lifetime = record_extension(record)[LIFETIME]
  return lifetime and struct.unpack('>I8', record) + struct.unpack('>I8', lifetime)
end

-- The record with other counts, and these of the flags that change. O(bytes)
local function record_with(record, flags, attempt, crashes)
  local before = record_flags(record)
  flags = flags + before - before % EXTENDED
  return string.sub(record, 1, 9)
    .. struct.pack('>BI2B', flags, math.min(attempt, 65535), math.min(crashes, 255))
    .. string.sub(record, 14)
end

-- The record with one more failure, without the oldest one where there are too many. O(bytes)
local function record_failed(record, now, attempt, kind, message)
  local kind_bytes, trace_bytes, payload_bytes = struct.unpack('>BI2I4', record, 24)
  local first = 31 + kind_bytes + trace_bytes + payload_bytes
  if has_flag(record_flags(record), EXTENDED) then first = first + 2 + struct.unpack('>I2', record, 31) end
  local position, count, second = first, 0, nil
  while position <= #record and count < FAILURES_MAX do
    position = position + 13 + struct.unpack('>I2', record, position + 11)
    count = count + 1
    if count == 1 then second = position end
  end
  local kept = string.sub(record, first)
  if count == FAILURES_MAX then kept = string.sub(record, second) end
  return string.sub(record, 1, first - 1) .. kept
    .. struct.pack('>I8I2BI2', now, math.min(attempt, 65535), kind, #message) .. message
end
