#!lua
--@include common admit
--@rare checks records places order notes batches ends
-- Enqueues jobs of one shard into one queue, each only when its guard was not seen in the time before: what is remembered
-- of a guard and the job it stands for are written together or not at all. Refused as a whole when memory is full.
--
-- Guards are kept in two generations. A generation ends after the window or when it is full, and takes the one before it
-- along: an entry lives for one to two windows, and only its time decides whether it still counts.
-- KEYS  the queue's 22 keys; guards0, guards1 (HASH guard -> time (8 bytes, ms) and job id); guards (HASH generation, since)
-- ARGV  window in ms, guards of a generation at most, options (library/admit.lua), number of jobs, jobs the
--       queue may have or 0; for each job: id, delay in ms, record without its first 8 bytes, its number from 1, guard
-- Returns the codes (library/admit.lua), where "-" is a job whose guard was seen; then for each job the id of the job that
--       carries its guard, or "" when that one was refused since the queue is full. O(1) for each job
local queue = queue_keys(1)
local now = now_ms()
local window, most, options, count = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local FIRST, STRIDE = 6, 5
local meta = KEYS[KEYS_PER_QUEUE + 3]
local generations = { KEYS[KEYS_PER_QUEUE + 1], KEYS[KEYS_PER_QUEUE + 2] }

local state = call('HMGET', meta, 'generation', 'since')
local generation, since = tonumber(state[1] or 1), tonumber(state[2] or 0)
if now - since >= window or call('HLEN', generations[generation]) >= most then
  generation = 3 - generation
  call('UNLINK', generations[generation])
  call('HSET', meta, 'generation', generation, 'since', integer(now))
end

local guards = {}
for index = 1, count do guards[index] = ARGV[FIRST + (index - 1) * STRIDE + 4] end
local recent = call('HMGET', generations[generation], unpack(guards))
local earlier = call('HMGET', generations[3 - generation], unpack(guards))
local owners, seen, taken, fresh = {}, {}, {}, {}
for index = 1, count do
  local guard, id = guards[index], ARGV[FIRST + (index - 1) * STRIDE]
  local entry = recent[index] or earlier[index]
  if taken[guard] then
    owners[index] = taken[guard]
  elseif entry and now - struct.unpack('>I8', entry) < window then
    owners[index] = string.sub(entry, 9)
  else
    owners[index], fresh[index] = id, true
  end
  taken[guard] = owners[index]
  -- The same job again, after a lost reply, is not its own duplicate.
  if owners[index] ~= id then seen[tostring(index)] = true end
end

local plan = plan_admission(queue, FIRST, count, STRIDE, options, tonumber(ARGV[5]), false, seen, now)
local entries, refused = {}, {}
for index = 1, count do
  local id = ARGV[FIRST + (index - 1) * STRIDE]
  if plan.codes[index] == 'o' then
    refused[id] = true
  elseif fresh[index] then
    entries[#entries + 1] = guards[index]
    entries[#entries + 1] = struct.pack('>I8', now) .. id
  end
end
for index = 1, count do
  if refused[owners[index]] then owners[index] = '' end
end
local codes = admit(queue, plan)
if #entries > 0 then
  call('HSET', generations[generation], unpack(entries))
  call('PEXPIRE', generations[generation], 2 * window)
end
table.insert(owners, 1, codes)
return owners
