-- What is noted in `meta` beside the counts: what jobs ask for, and when to look again.

-- Notes what jobs of the queue ask for. O(1)
local function note_uses(queue, uses)
  local before = call('HGET', queue.meta, 'uses') or ''
  local after = before
  for letter in string.gmatch(uses, '.') do
    if not string.find(after, letter, 1, true) then after = after .. letter end
  end
  if after ~= before then call('HSET', queue.meta, 'uses', after) end
end

-- Sees to it that the queue is looked at by then. O(1)
local function check_by(queue, due)
  local check = tonumber(call('HGET', queue.meta, 'check') or 0)
  if check == 0 or due < check then
    -- Somebody has to set a timer for it: wake one who waits.
    call('HSET', queue.meta, 'check', integer(due))
    ensure_marker(queue)
  end
end

-- When the queue must next be looked at though nobody asks: the head of the schedule or of the expiries; 0 for never. O(1)
local function next_check(queue, hold)
  local check = 0
  local due = call('ZRANGE', queue.scheduled, 0, 0, 'WITHSCORES')[2]
  if due then check = tonumber(due) end
  local expiry = call('ZRANGE', queue.expiries, 0, 0, 'WITHSCORES')[2]
  if expiry then
    expiry = math.max(tonumber(expiry), hold)
    if check == 0 or expiry < check then check = expiry end
  end
  return check
end
