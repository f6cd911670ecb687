#!lua flags=no-writes
--@include common
-- What a worker looks at each third of a lease: many shards of some queues at once, without a write.
-- KEYS  for each shard of each queue: meta, expiries, ready, alone, urgent, high, low; then the limits of each queue whose
--       home is among the shards
-- ARGV  lease in ms, number of shards of queues
-- Returns a number for each shard of each queue: -2 - n when it needs a tick (something is due, or leases must be breathed
--       on, or jobs are ready: n of normal priority, or 1 for any number of others), -1 when nothing is scheduled or leased
--       there, else the ms after which it is to be looked at; then
--       for each limits key 1 when it is there
-- O(1) for each shard of each queue
local KEYS_PER_SHARD = 7
local lease_ms, shards = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
local answer = {}
for number = 1, shards do
  local first = (number - 1) * KEYS_PER_SHARD
  local values = call('HMGET', KEYS[first + 1], 'check', 'alive', 'paused')
  local check, wait = tonumber(values[1] or 0), -1
  if check > 0 then
    -- As in breathe(): others' looks spare this one.
    local breathes = now - tonumber(values[2] or 0) > lease_ms / 10 and call('EXISTS', KEYS[first + 2]) == 1
    wait = (breathes or check <= now) and -2 or check - now
  end
  if values[3] ~= '1' then
    local ready = call('LLEN', KEYS[first + 3])
    if call('EXISTS', unpack(KEYS, first + 4, first + KEYS_PER_SHARD)) > 0 then ready = ready + 1 end
    if ready > 0 then wait = -2 - ready end
  end
  answer[number] = wait
end
for index = shards * KEYS_PER_SHARD + 1, #KEYS do answer[#answer + 1] = call('EXISTS', KEYS[index]) end
return answer
