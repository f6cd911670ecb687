#!lua flags=allow-oom
--@include common
-- A process's part in the limits of a queue as a whole: the places it may have out, and the starts it may make now.
--
-- The limits of a queue are one key of its home shard, a HASH:
--   places, interval, burst  what is allowed: jobs in leases at once, µs between two starts, starts at once after a rest
--   tat, reserved            µs: where the next start is counted (GCRA), and the latest start that was promised ahead
--   run, alive               the run id of Redis, and when somebody was last here, in ms
--   hold, keep               ms: before it no place is given anew, no process falls out
--   "p <process>"            "places wanted weight expiry": what each process has
-- No process gets a place that another one has: the sum of what is given stays within the limit, whatever is wanted.
-- Who asks in vain is noted as waiting, and a marker tells when places become free.
-- KEYS  limits, the wake list of the home shard
-- ARGV  run id of this Redis, lease in ms, process, its weight, places it has out, places it wants in all, starts it wants,
--       starts of its last call that it did not use, that call's stamp and time
-- Returns { 1 when there is a limit, places it may have out or -1 for any number, places that are its own, starts, stamp,
--           time in µs, µs until these starts count or until to ask again when there are none, ms until places are given
--           anew }
-- O(n log n) in the processes, which are capped
local PROCESSES_MAX = 1000
-- How long no place is given after Redis is another run: the others say what they have meanwhile.
local HOLD_MS_MAX = 5000
local RENEWED_MS_MAX = 1000
-- How far ahead starts are promised, and how many at once: enough for calls each 10 ms.
local RESERVED_US_MAX, GATHERED_US = 1000000, 10000
local run, lease_ms, name, weight = ARGV[1], tonumber(ARGV[2]), 'p ' .. ARGV[3], tonumber(ARGV[4])
local held, wanted, starts_wanted = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local time = call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local now = math.floor(now_us / 1000)

local fields, others, own = {}, {}, nil
local all = call('HGETALL', KEYS[1])
for index = 1, #all, 2 do
  local field, value = all[index], all[index + 1]
  if string.sub(field, 1, 2) == 'p ' then
    local had, wants, weighs, expiry = string.match(value, '^(%d+) (%d+) (%d+) (%d+)$')
    local process = {
      name = field, places = tonumber(had), wanted = tonumber(wants), weight = tonumber(weighs), expiry = tonumber(expiry),
    }
    if field == name then own = process else others[#others + 1] = process end
  else
    fields[field] = value
  end
end
local places, interval = tonumber(fields.places), tonumber(fields.interval)
if not places and not interval then return { 0, -1, 0, 0, '', now_us, 0, 0 } end
local changes = {}
local function put(field, value)
  changes[#changes + 1] = field
  changes[#changes + 1] = value
end

-- Places.
local may, recorded, hold = -1, 0, tonumber(fields.hold or 0)
if places then
  local keep, freed, others_places, waits = tonumber(fields.keep or 0), false, 0, false
  if fields.run ~= run then
    hold = math.max(hold, now + math.min(lease_ms / 2, HOLD_MS_MAX))
    put('run', run)
    put('hold', integer(hold))
  end
  if own or #others > 0 then
    -- Nobody was here for half a lease: Redis stood still, or everyone did. Whoever lives gets a lease to say so.
    if now - tonumber(fields.alive or 0) > lease_ms / 2 then
      keep = now + lease_ms
      put('keep', integer(keep))
    end
    put('alive', integer(now))
  end
  local living = { { wanted = wanted, weight = weight, is_own = true } }
  for _, process in ipairs(others) do
    if process.expiry <= now and now >= keep then
      call('HDEL', KEYS[1], process.name)
      freed = true
    else
      others_places = others_places + process.places
      living[#living + 1] = process
      if process.wanted > process.places then waits = true end
    end
  end
  -- Its fair part: whoever wants less than its weight's part gets what it wants, and the others share the rest.
  table.sort(living, function(a, b) return a.wanted * b.weight < b.wanted * a.weight end)
  local left, weights, fair = places, 0, 0
  for _, process in ipairs(living) do weights = weights + process.weight end
  for _, process in ipairs(living) do
    if process.is_own or process.wanted * weights >= left * process.weight then
      fair = math.min(wanted, left * weight / weights)
      break
    end
    left, weights = left - process.wanted, weights - process.weight
  end
  may = math.max(0, math.min(math.ceil(fair - 0.000001), places - others_places))
  if now < hold or (not own and #others >= PROCESSES_MAX) then may = 0 end
  -- What it has out nobody can take away.
  recorded = math.max(held, may)
  if own and own.places > recorded then freed = true end
  if wanted > 0 or held > 0 then
    local expiry = now + lease_ms + 2 * math.min(RENEWED_MS_MAX, lease_ms / 3)
    put(name, table.concat({ integer(recorded), integer(wanted), integer(weight), integer(expiry) }, ' '))
    if not own then put('alive', integer(now)) end
  elseif own then
    call('HDEL', KEYS[1], name)
  end
  if freed and waits then ensure_marker({ wake = KEYS[2] }) end
end

-- Starts.
local starts, wait_us, stamp = 0, 0, ''
if interval then
  local burst, back = tonumber(fields.burst), tonumber(ARGV[8])
  local tat, reserved = tonumber(fields.tat or 0), tonumber(fields.reserved or 0)
  local before = tat
  if back > 0 then
    if fields.tat == ARGV[9] then
      tat = tat - back * interval
    elseif now_us >= reserved then
      -- Others have started since: what has passed meanwhile may not be given back as well.
      tat = tat - math.max(0, back * interval - (now_us - tonumber(ARGV[10])))
    end
  end
  local wants = may < 0 and starts_wanted or math.min(starts_wanted, math.max(0, may - held))
  if wants > 0 then
    local base = math.max(tat, now_us)
    local allowed = math.floor((now_us - base) / interval) + burst
    if allowed >= 1 then
      starts = math.min(wants, allowed)
      tat = base + starts * interval
    else
      local count = math.min(wants, burst, math.ceil(GATHERED_US / interval))
      wait_us = base + (count - burst) * interval - now_us
      if wait_us <= RESERVED_US_MAX then
        starts = count
        tat = base + starts * interval
        reserved = now_us + wait_us
        put('reserved', integer(reserved))
      else
        wait_us = base + (1 - burst) * interval - now_us
      end
    end
  end
  stamp = integer(tat)
  if tat ~= before then put('tat', stamp) end
end
if #changes > 0 then call('HSET', KEYS[1], unpack(changes)) end
return { 1, may, recorded, starts, stamp, now_us, math.ceil(wait_us), math.max(0, hold - now) }
