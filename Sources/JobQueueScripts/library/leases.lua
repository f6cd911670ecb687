-- A lease record stands for a whole batch, named by its fence:
--   token(16) " " alone(1) " " run " " leased_at " " worker "\n" id " " id ...
local TOKEN_BYTES = 16

local function lease_record(token, alone, run, now, worker, ids)
  return table.concat({ token, alone and '1' or '0', run, integer(now), worker }, ' ') .. '\n' .. ids
end

local function lease_ids(record)
  return string.sub(record, string.find(record, '\n', 1, true) + 1)
end

local function lease_is_alone(record) return string.byte(record, TOKEN_BYTES + 2) == 49 end

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
