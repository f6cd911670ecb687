-- A lease record stands for a whole batch, named by its fence:
--   token(16) " " state(1) " " run " " leased_at " " worker "\n" id " " id ... ["\n" ids of jobs to be cancelled]
-- The state is 1 for a suspect leased alone and 0 else, and 2 more when jobs of it are to be cancelled.

local function lease_is_alone(record) return string.byte(record, TOKEN_BYTES + 2) % 2 == 1 end

local function lease_has_cancels(record) return string.byte(record, TOKEN_BYTES + 2) >= 50 end

local function lease_ids(record)
  local first = string.find(record, '\n', 1, true) + 1
  if not lease_has_cancels(record) then return string.sub(record, first) end
  return string.sub(record, first, string.find(record, '\n', first, true) - 1)
end

-- The ids of the jobs that are to be cancelled, joined.
local function lease_cancels(record)
  if not lease_has_cancels(record) then return '' end
  local first = string.find(record, '\n', 1, true) + 1
  return string.sub(record, string.find(record, '\n', first, true) + 1)
end

-- The record with other ids and cancellations, both joined.
local function lease_with(record, ids, cancels)
  local state = (lease_is_alone(record) and 1 or 0) + (cancels ~= '' and 2 or 0)
  return string.sub(record, 1, TOKEN_BYTES + 1) .. state
    .. string.sub(record, TOKEN_BYTES + 3, string.find(record, '\n', 1, true)) .. ids
    .. (cancels ~= '' and '\n' .. cancels or '')
end

-- The run id of the Redis it was leased from, and the worker's name.
local function lease_origin(record)
  local run, worker = string.match(record, '^(%S*) %d+ (%S*)', TOKEN_BYTES + 4)
  return run, worker
end

local function split_ids(ids)
  local list, count = {}, 0
  for id in string.gmatch(ids, '%S+') do
    count = count + 1
    list[count] = id
  end
  return list
end

-- The record of what is left of a lease. O(ids)
local function lease_of_left(record, ids)
  local left, cancels = {}, {}
  for _, id in ipairs(ids) do left[id] = true end
  for _, id in ipairs(split_ids(lease_cancels(record))) do
    if left[id] then cancels[#cancels + 1] = id end
  end
  return lease_with(record, table.concat(ids, ' '), table.concat(cancels, ' '))
end
