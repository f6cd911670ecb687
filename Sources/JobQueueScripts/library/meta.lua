-- What a script that leases, looks or extends knows of its queue from one read, and what it writes back.
local function read_upkeep(queue)
  local values = call('HMGET', queue.meta, 'run', 'fence', 'alive', 'paused', 'check', 'hold', 'uses')
  return {
    run = values[1], fence = tonumber(values[2] or 0), alive = tonumber(values[3] or 0),
    paused = values[4] == '1', check = tonumber(values[5] or 0), hold = tonumber(values[6] or 0),
    uses = values[7],
  }
end

-- Notes that time passes while somebody looks. When nobody did for half a lease, Redis stood still or everyone
-- did: then whoever holds a lease gets a whole one more (`hold`) before anything is reaped. O(1)
local function breathe(queue, meta, now, lease_ms)
  if call('ZCARD', queue.expiries) == 0 then return end
  if now - meta.alive > lease_ms / 2 then
    meta.hold = now + lease_ms
    meta.touched = true
  end
  -- A tenth of a lease is fine enough, and spares a write for most of many workers' looks.
  if now - meta.alive > lease_ms / 10 or meta.touched then
    meta.alive = now
    meta.touched = true
  end
end

-- `meta.touched` tells whether there is something to write.
local function write_upkeep(queue, meta)
  if not meta.touched then return end
  call('HSET', queue.meta, 'alive', integer(meta.alive), 'check', integer(meta.check), 'hold', integer(meta.hold))
  if meta.died and meta.died > 0 then call('HINCRBY', queue.meta, 'died', meta.died) end
end
