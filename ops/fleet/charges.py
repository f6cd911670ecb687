"""What the queue holds against jobs: attempts spent and crashes counted, read from the records in Redis."""

# Of each record (see library/records.lua): bytes 11 and 12 are the attempts, byte 13 the crashes. Fine for a test's few
# thousand jobs, and for nothing else: it reads everything.
SCRIPT = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*:jobs')) do
  local records = redis.call('HGETALL', key)
  for index = 1, #records, 2 do
    local attempts = string.byte(records[index + 1], 11) * 256 + string.byte(records[index + 1], 12)
    local crashes = string.byte(records[index + 1], 13)
    if attempts + crashes > 0 then found[#found + 1] = records[index] .. ' ' .. attempts .. ' ' .. crashes end
  end
end
return found
"""


def charged_jobs(fleet):
    """Job id -> (attempts, crashes), of the jobs that have any."""
    rows = [line.split() for line in fleet.redis("EVAL", SCRIPT, "0") if line.strip()]
    return {job: (int(attempts), int(crashes)) for job, attempts, crashes in rows}
