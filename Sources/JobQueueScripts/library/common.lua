-- Shared by every operation: the keys of a queue in a shard, Redis' clock, and what many of them do. Each function here
-- costs each call of each script some 0.1 µs.
--
-- A queue of a shard has a fixed set of 22 keys, which every script declares, in this order:
--   jobs       HASH  id -> record (library/records.lua)
--   ready      LIST  ids waiting, next one first; those of priority `normal`
--   alone      LIST  ids of suspects: jobs whose lease once expired; each is leased by itself until it succeeds
--   scheduled  ZSET  id by due time; what comes before an id says where it goes (library/places.lua)
--   leases     HASH  fence -> lease record, one for a whole batch (library/leases.lua)
--   expiries   ZSET  fence by expiry of its lease
--   dead       ZSET  id by time of death (dead and quarantined)
--   done0/1    HASH  id -> digest and state: ids remembered after their end, two generations
--   meta       HASH  run, fence, alive, paused, check, hold, gen, gen_at, uses, completed, failed, died, expired,
--                    cancelled, seq, kept_ms
--   wake       LIST  at most one marker, popped by a worker that waits
--   urgent, high, low  LIST  like ready, for the other priorities
--   unique     HASH  unique key -> id of the job that has it (library/ends.lua)
--   heads      HASH  order key, and "key n" for its further places -> id of a job that is not held back (library/order.lua)
--   ordered    ZSET  jobs held back, by name: order key, a number that grows, due time, id
--   kept       ZSET  completed jobs whose records stay, by time of completion (library/kept.lua)
--   rates      ZSET  order keys with a rate, by the time from which on their next job may start (library/order.lua)
--   batches    HASH  batch -> what follows it (library/batches.lua)
--   members    ZSET  jobs of batches that are out or dead, by name
--   notes      HASH  id -> how far a job is, and its log (library/notes.lua)
-- `meta.uses` names by letters what any job of the queue has ever asked for, so that what nobody uses costs one field of
-- an HMGET and nothing else: b another priority than normal, f a deadline or a cancellation: a look
-- at each record when it is leased, u a unique key, o an order key,
-- r an order key with a rate, k completed jobs are kept, j a batch,
-- n notes.
-- All times are Redis' own, in milliseconds.
local KEYS_PER_QUEUE, KEYS_OF_PLAIN_JOBS = 22, 11
-- Bytes at the beginning of a lease record (library/leases.lua).
local TOKEN_BYTES = 16
local call = redis.call

local function queue_keys(number)
  local first = (number - 1) * KEYS_PER_QUEUE
  local queue = {
    jobs = KEYS[first + 1], ready = KEYS[first + 2], alone = KEYS[first + 3], scheduled = KEYS[first + 4],
    leases = KEYS[first + 5], expiries = KEYS[first + 6], dead = KEYS[first + 7],
    done = { KEYS[first + 8], KEYS[first + 9] }, meta = KEYS[first + 10], wake = KEYS[first + 11], first = first,
  }
  -- An enqueue of plain jobs, perhaps for many queues and shards, comes without the others.
  if KEYS_PER_QUEUE == KEYS_OF_PLAIN_JOBS then return queue end
  queue.unique, queue.heads, queue.ordered = KEYS[first + 15], KEYS[first + 16], KEYS[first + 17]
  queue.kept, queue.rates, queue.batches = KEYS[first + 18], KEYS[first + 19], KEYS[first + 20]
  queue.members, queue.notes = KEYS[first + 21], KEYS[first + 22]
  return queue
end

local function now_ms()
  local time = call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- A whole number as text: `..` would round beyond 14 digits.
local function integer(number) return string.format('%.0f', number) end

-- Tells one waiting worker that there is something to do. O(1)
local function ensure_marker(queue)
  if call('LLEN', queue.wake) == 0 then call('RPUSH', queue.wake, '1') end
end
