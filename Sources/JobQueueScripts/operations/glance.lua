#!lua flags=no-writes,allow-cross-slot-keys
--@include common
-- What a worker looks at each third of a lease: many shards of some queues at once, without a write.
-- KEYS  for each shard of each queue: meta, expiries, ready, alone, urgent, high, low; then the limits of each queue whose
--       home is among the shards
-- ARGV  lease in ms, number of shards of queues; on a Redis Cluster then all these keys, of which KEYS has the first only: a
--       command may not name keys of several slots, while a script may read them where one node serves all, and else fails
-- Returns a number for each shard of each queue: -2 - n when it needs a tick (something is due, or leases must be breathed
--       on, or jobs are ready: n of normal priority, or 1 for any number of others), -1 when nothing is scheduled or leased
--       there, else the ms after which it is to be looked at; then
--       for each limits key 1 when it is there
-- O(1) for each shard of each queue
local KEYS_PER_SHARD = 7
local lease_ms, shards = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
local answer, keys = {}, KEYS
if #ARGV > 2 then
  keys = {}
  for index = 3, #ARGV do keys[index - 2] = ARGV[index] end
end
for number = 1, shards do
  local first = (number - 1) * KEYS_PER_SHARD
  local values = call('HMGET', keys[first + 1], 'check', 'alive', 'paused')
  local check, wait = tonumber(values[1] or 0), -1
  if check > 0 then
    -- As in breathe(): others' looks spare this one.
    local breathes = now - tonumber(values[2] or 0) > lease_ms / 10 and call('EXISTS', keys[first + 2]) == 1
    wait = (breathes or check <= now) and -2 or check - now
  end
  if values[3] ~= '1' then
    local ready = call('LLEN', keys[first + 3])
    if call('EXISTS', unpack(keys, first + 4, first + KEYS_PER_SHARD)) > 0 then ready = ready + 1 end
    if ready > 0 then wait = -2 - ready end
  end
  answer[number] = wait
end
for index = shards * KEYS_PER_SHARD + 1, #keys do answer[#answer + 1] = call('EXISTS', keys[index]) end
return answer
